import { AppError, isAppError, type JsonValue } from '#libs/core/kernel';
import { digestRecord, type PartitionRecord } from '#libs/core/log';
import { parseFieldPath, valueAt, type FieldPath } from '../field-path.js';
import type { RecordDecoder } from '../record-decoder.js';
import type { ConflictPolicy, LatestOrder } from './derivation.js';

/** How new a state is: nothing but its place (`offset` order), the record's timestamp, or a field of the value. */
export type Version = number | string | null;

/** The newest state of a key, as far as telling newer from older needs it. */
export interface LatestEntry {
  readonly version: Version;
  /** Digest of key, value and headers; null for a key that has ended. */
  readonly digest: string | null;
}

/** What a record is to the latest stream. `older` came late, `same` changes nothing, `conflict` says the same version with another content. */
export type LatestVerdict = 'newer' | 'older' | 'same' | 'conflict-kept' | 'conflict-replaced';

/**
 * Decides which records change the latest state. Deterministic and replayable: a record that was taken in before is never `newer` again (L4). Ended
 * keys are remembered, so that a late record does not bring one back.
 */
export class LatestFold {
  readonly #path: FieldPath | undefined;

  constructor(
    private readonly orderBy: LatestOrder,
    private readonly onConflict: ConflictPolicy,
    private readonly decoder: RecordDecoder,
  ) {
    this.#path = orderBy.by === 'field' ? parseFieldPath(orderBy.path) : undefined;
  }

  /**
   * The version of a record. A tombstone has no value to hold a field: it is newer than everything its key had so far.
   * @throws `version-missing` for a field that is not there or is neither a number nor text; `undecodable-record`.
   */
  async versionOf(topic: string, record: PartitionRecord, known: LatestEntry | undefined): Promise<Version> {
    if (this.orderBy.by === 'offset') return null;
    if (this.orderBy.by === 'timestamp') return record.timestamp;
    const root = this.#path!.root === 'key' ? record.key : record.value;
    if (root === null) return known?.version ?? null;
    const { headers } = record;
    const decoded =
      this.#path!.root === 'key'
        ? await this.decoder.key(topic, root, headers)
        : await this.decoder.value(topic, root, headers);
    return versionIn(topic, this.#path!, valueAt(this.#path!, decoded));
  }

  /** What the record is to the entry of its key. @throws `version-conflict` under the policy `fail`. */
  judge(known: LatestEntry | undefined, version: Version, digest: string | null): LatestVerdict {
    if (known === undefined) return 'newer';
    const order = this.orderBy.by === 'offset' ? 0 : compare(version, known.version);
    if (order > 0) return 'newer';
    if (order < 0) return 'older';
    if (digest === known.digest) return 'same';
    if (this.orderBy.by === 'offset' || digest === null) return 'newer';
    if (known.digest === null) return 'older';
    switch (this.onConflict) {
      case 'last':
        return 'conflict-replaced';
      case 'first':
        return 'conflict-kept';
      case 'fail':
        throw new AppError({
          kind: 'unprocessable',
          code: 'version-conflict',
          message: 'Two records of one key say the same version and differ.',
          hint: 'Correct the source, or choose another onConflict policy.',
        });
    }
  }
}

/** What tells two states of a key apart: everything but time and place. */
export function stateDigest(record: PartitionRecord): string | null {
  if (record.value === null) return null;
  return digestRecord(0, 0, { ...record, timestamp: 0 });
}

/** Numbers before text, each in its own order; nothing is older than anything. */
function compare(a: Version, b: Version): number {
  if (a === b) return 0;
  if (a === null) return -1;
  if (b === null) return 1;
  if (typeof a !== typeof b) return typeof a === 'number' ? -1 : 1;
  return a < b ? -1 : 1;
}

function versionIn(topic: string, path: FieldPath, value: JsonValue | undefined): Version {
  if (typeof value === 'number' || typeof value === 'string') return value;
  throw new AppError({
    kind: 'unprocessable',
    code: 'version-missing',
    message: `A record of '${topic}' has no number or text at ${path.text}, by which versions are told.`,
    details: { topic, path: path.text },
  });
}

/** Whether an error is about one record and not about the work as a whole. */
export function concernsRecord(error: unknown): error is AppError {
  return isAppError(error) && error.kind === 'unprocessable' && error.code !== 'version-conflict';
}
