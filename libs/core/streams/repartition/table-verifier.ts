import { AppError } from '#libs/core/kernel';
import { digestRecord, type StoredRecord } from '#libs/core/log';
import type { CopySide } from '../generations/kind.js';
import { PartitionCursor } from '../partition-cursor.js';
import { MAX_MISMATCHES, type Verification, type Verifier, type VerifyRun } from '../verify/verification.js';
import type { Mismatch } from '../verify/mismatch.js';
import type { SharedKeys } from './parameters.js';
import { noKey, type RekeyRules } from './routers.js';

/** Records read between two looks at the throttle. */
const PACE_RECORDS = 1_000;

/** What is compared with what. */
export interface TableCopy {
  readonly source: CopySide;
  readonly target: CopySide;
  /** Up to where each source partition was copied. */
  readonly positions: () => readonly number[];
  readonly rules: Omit<RekeyRules, 'tombstones'>;
  readonly shared: SharedKeys;
}

/**
 * Computes the table anew: the rows of the source up to where it was copied, each under the new key that its present record gives, must be the rows of the target, digest by digest (condition T). That finds what a
 * comparison with what the copy noted cannot, such as a tombstone that it never made. Works in steps, like the verification it follows upon. Memory: a few hundred bytes a row, on either side.
 */
export class TableVerifier implements Verifier {
  readonly #expected = new Map<string, ExpectedRow>();
  /** Present keys of the rows that have a new key. */
  readonly #owners = new Map<string, string[]>();
  readonly #found = new Map<string, FoundRow>();
  /** New keys under which the two sides do not agree. */
  readonly #differing = new Set<string>();
  readonly #shared = new Set<string>();
  #source: readonly PartitionCursor[] | undefined;
  #target: readonly PartitionCursor[] | undefined;

  constructor(
    /** Compares the records with what the copy noted of them. */
    private readonly inner: Verifier,
    private readonly copy: TableCopy,
  ) {}

  /** @throws `shared-new-key` where rows have one new key and must not. */
  async advance(run: VerifyRun = {}): Promise<Verification> {
    const verification = await this.inner.advance(run);
    const { source, target, positions } = this.copy;
    this.#source ??= await cursorsOf(source);
    this.#target ??= await cursorsOf(target);
    const until = positions();
    await read(
      this.#source,
      run,
      (partition) => until[partition] ?? 0,
      (record, at) => this.#expect(record, at),
    );
    await read(
      this.#target,
      run,
      () => Infinity,
      (record, at) => this.#find(record, at),
    );
    const mismatches = [...verification.mismatches, ...this.#mismatches()].slice(0, MAX_MISMATCHES);
    if (this.copy.shared === 'fail' && mismatches.length === 0) this.#demandUnshared();
    return { ...verification, mismatches };
  }

  async keepUp(run?: VerifyRun): Promise<void> {
    await this.inner.keepUp(run);
  }

  /** Takes in the next record of the source. */
  async #expect(record: StoredRecord, partition: number): Promise<void> {
    if (record.key === null) return;
    const key = latin1(record.key);
    const newKey = record.value === null ? undefined : await this.#newKeyOf(record, partition);
    const former = this.#expected.get(key);
    if (former !== undefined) this.#disown(key, former.newKey);
    if (newKey === undefined) {
      this.#expected.delete(key);
      return;
    }
    const row = { newKey: latin1(newKey), digest: digestOf(record, newKey), partition, offset: record.offset };
    this.#expected.set(key, row);
    const owners = this.#owners.get(row.newKey);
    if (owners === undefined) this.#owners.set(row.newKey, [key]);
    else owners.push(key);
    if (owners !== undefined) this.#shared.add(row.newKey);
    this.#judge(row.newKey);
  }

  #disown(key: string, newKey: string): void {
    const owners = this.#owners.get(newKey)!.filter((one) => one !== key);
    if (owners.length === 0) this.#owners.delete(newKey);
    else this.#owners.set(newKey, owners);
    if (owners.length < 2) this.#shared.delete(newKey);
    this.#judge(newKey);
  }

  /** Takes in the next record of the target. */
  #find(record: StoredRecord, partition: number): void {
    if (record.key === null) return;
    const newKey = latin1(record.key);
    if (record.value === null) this.#found.delete(newKey);
    else this.#found.set(newKey, { digest: digestOf(record, record.key), partition, offset: record.offset });
    this.#judge(newKey);
  }

  #judge(newKey: string): void {
    const owners = this.#owners.get(newKey);
    const found = this.#found.get(newKey);
    const agrees =
      found === undefined
        ? owners === undefined
        : owners?.some((one) => this.#expected.get(one)?.digest === found.digest) === true;
    if (agrees) this.#differing.delete(newKey);
    else this.#differing.add(newKey);
  }

  async #newKeyOf(record: StoredRecord, partition: number): Promise<Uint8Array | undefined> {
    const { topic, expression, decoder, onMissing } = this.copy.rules;
    const answer = await expression.evaluate(topic, record, decoder);
    if ('key' in answer) return answer.key;
    if (onMissing === 'fail') throw noKey(expression.text, answer.failure, partition, record.offset);
    return onMissing === 'keep-key' ? record.key! : undefined;
  }

  *#mismatches(): Generator<Mismatch, void> {
    let left = MAX_MISMATCHES;
    for (const newKey of this.#differing) {
      if (left-- === 0) return;
      const [owner] = this.#owners.get(newKey) ?? [];
      const row = owner === undefined ? undefined : this.#expected.get(owner);
      const found = this.#found.get(newKey);
      const where = {
        ...{ source: row?.partition ?? -1, sourceOffset: row?.offset ?? -1 },
        ...{ target: found?.partition ?? -1, targetOffset: found?.offset ?? -1 },
      };
      if (row === undefined) yield { kind: 'unclaimed', ...where, detail: 'no row of the source has this key' };
      else if (found === undefined) yield { kind: 'missing', ...where, detail: 'the row is not in the target' };
      else yield { kind: 'different', ...where, detail: 'the row is not the one that the source has' };
    }
  }

  #demandUnshared(): void {
    const [newKey] = this.#shared;
    if (newKey === undefined) return;
    const [one, other] = this.#owners.get(newKey)!.map((key) => this.#expected.get(key)!);
    throw sharedNewKey(this.#shared.size, one!, other!);
  }
}

interface FoundRow {
  readonly digest: ReturnType<typeof digestRecord>;
  readonly partition: number;
  readonly offset: number;
}

interface ExpectedRow extends FoundRow {
  readonly newKey: string;
}

function digestOf({ value, headers, timestamp }: StoredRecord, key: Uint8Array): ReturnType<typeof digestRecord> {
  return digestRecord(0, 0, { key, value, headers, timestamp });
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

async function cursorsOf({ log, topic }: CopySide): Promise<readonly PartitionCursor[]> {
  const { partitions } = await log.describeTopic(topic);
  return partitions.map(({ partition, startOffset }) => new PartitionCursor(log, topic, partition, startOffset));
}

async function read(
  cursors: readonly PartitionCursor[],
  { signal, pace }: VerifyRun,
  until: (partition: number) => number,
  take: (record: StoredRecord, partition: number) => Promise<void> | void,
): Promise<void> {
  let records = 0;
  for (const [partition, cursor] of cursors.entries()) {
    for (;;) {
      const record = await cursor.peek();
      if (record === undefined || record.offset >= until(partition)) break;
      await take(record, partition);
      cursor.take();
      if (++records % PACE_RECORDS > 0) continue;
      signal?.throwIfAborted();
      await pace?.(PACE_RECORDS);
    }
  }
}

function sharedNewKey(count: number, one: FoundRow, other: FoundRow): AppError {
  const at = ({ partition, offset }: FoundRow): string => `partition ${partition}, offset ${offset}`;
  return new AppError({
    kind: 'unprocessable',
    code: 'shared-new-key',
    message: `${count} new keys are those of several rows, such as the ones at ${at(one)} and at ${at(other)}; only one of them would be left.`,
    hint: 'Give them different keys in the source, or choose target.key.shared newest.',
    details: { count, one: at(one), other: at(other) },
  });
}
