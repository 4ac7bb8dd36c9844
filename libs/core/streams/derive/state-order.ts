import { AppError, isAppError, type JsonValue } from '#libs/core/kernel';
import { digestRecord, type LogRecord, type RecordHeader } from '#libs/core/log';
import { parseFieldPath, valueAt, type FieldPath } from '../field-path.js';
import type { RecordDecoder } from '../record-decoder.js';
import type { ConflictPolicy, DerivationOrder } from './derivation.js';

/** How new a state is: nothing but its place (`offset` order), the record's timestamp, a field of the value, or a header. */
export type Version = number | string | null;

/** The newest state of a key, as far as telling newer from older needs it. */
export interface KeyState {
  readonly version: Version;
  /** Digest of key, value and headers; null for a key that has ended. */
  readonly digest: string | null;
}

/** What a record is to the state of its key. `older` came late, `same` changes nothing, `conflict` says the same version with another content. */
export type StateVerdict = 'newer' | 'older' | 'same' | 'conflict-kept' | 'conflict-replaced' | 'conflict-refused';

/**
 * Decides which records change the state of their key. Deterministic and replayable: a record that was taken in before is never `newer` again (L4). Ended
 * keys are remembered, so that a late record does not bring one back.
 */
export class StateOrder {
  readonly #path: FieldPath | undefined;

  constructor(
    private readonly orderBy: DerivationOrder,
    private readonly onConflict: ConflictPolicy,
    private readonly decoder: RecordDecoder,
    /** Records of a key come in an order that means nothing: of two of one version the greater digest counts for `last`, the smaller one for `first`. */
    private readonly isUnordered = false,
  ) {
    this.#path = orderBy.by === 'field' ? parseFieldPath(orderBy.path) : undefined;
  }

  /** Whether the version of a record is in its value, and gone when the value is. */
  get isInValue(): boolean {
    return this.#path?.root === 'value';
  }

  /**
   * The version of a record. A tombstone has no value to hold a field: it is newer than everything its key had so far.
   * @throws `version-missing` for a field or header that is not there or is neither a number nor text; `undecodable-record`.
   */
  async versionOf(topic: string, record: LogRecord, known: KeyState | undefined): Promise<Version> {
    switch (this.orderBy.by) {
      case 'offset':
        return null;
      case 'timestamp':
        return record.timestamp;
      case 'header':
        return versionInHeader(topic, this.orderBy.name, record.headers);
      case 'field':
        return await this.#versionInField(topic, this.#path!, record, known);
    }
  }

  /** What the record is to the state of its key. @throws `version-conflict` under the policy `fail`. */
  judge(known: KeyState | undefined, version: Version, digest: string | null): StateVerdict {
    if (known === undefined) return 'newer';
    const order = this.orderBy.by === 'offset' ? 0 : compare(version, known.version);
    if (order > 0) return 'newer';
    if (order < 0) return 'older';
    if (digest === known.digest) return 'same';
    if (this.orderBy.by === 'offset' || digest === null) return 'newer';
    if (known.digest === null) return 'older';
    switch (this.onConflict) {
      case 'last':
        return this.isUnordered && digest < known.digest ? 'conflict-kept' : 'conflict-replaced';
      case 'first':
        return this.isUnordered && digest < known.digest ? 'conflict-replaced' : 'conflict-kept';
      case 'dlq':
        return 'conflict-refused';
      case 'fail':
        throw new AppError({
          kind: 'unprocessable',
          code: 'version-conflict',
          message: 'Two records of one key say the same version and differ.',
          hint: 'Correct the source, or choose another onConflict policy.',
        });
    }
  }

  async #versionInField(
    topic: string,
    path: FieldPath,
    { key, value, headers }: LogRecord,
    known: KeyState | undefined,
  ): Promise<Version> {
    const root = path.root === 'key' ? key : value;
    if (root === null) return known?.version ?? null;
    const decoded =
      path.root === 'key'
        ? await this.decoder.key(topic, root, headers)
        : await this.decoder.value(topic, root, headers);
    return versionIn(topic, path, valueAt(path, decoded));
  }
}

/** What tells two states of a key apart: everything but time and place. */
export function stateDigest(record: LogRecord): string | null {
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
  throw versionMissing(topic, `has no number or text at ${path.text}`, { path: path.text });
}

/** The last header of the name, as a later one overrules those before it. Decimal text of a safe integer is a number, so that 10 is newer than 9. */
function versionInHeader(topic: string, name: string, headers: readonly RecordHeader[]): Version {
  const bytes = headers.findLast((header) => header.key === name)?.value;
  if (bytes === undefined || bytes === null) throw versionMissing(topic, `has no header '${name}'`, { header: name });
  const text = Buffer.from(bytes).toString('utf8');
  return /^-?(0|[1-9][0-9]{0,15})$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text;
}

function versionMissing(topic: string, what: string, details: Record<string, string>): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'version-missing',
    message: `A record of '${topic}' ${what}, by which versions are told.`,
    details: { topic, ...details },
  });
}

/** Whether an error is about one record and not about the work as a whole. */
export function concernsRecord(error: unknown): error is AppError {
  return isAppError(error) && error.kind === 'unprocessable' && error.code !== 'version-conflict';
}
