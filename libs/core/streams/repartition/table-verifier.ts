import { AppError } from '#libs/core/kernel';
import type { RecordCursor } from '#libs/core/log';
import type { CopySide } from '../generations/kind.js';
import { PartitionCursor } from '../partition-cursor.js';
import { MismatchTally } from '../verify/mismatch-tally.js';
import type { Verification, Verifier, VerifyRun } from '../verify/verification.js';
import type { KeyAnswer, KeyInPlace } from './key-expression.js';
import type { SharedKeys } from './parameters.js';
import { noKey, type RekeyRules } from './routers.js';
import { type RecordAt, TableComparison } from './table-comparison.js';

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
  /** Of the hash that finds keys, see `NumberedKeys`. */
  readonly seed: string;
}

/**
 * Computes the table anew: the rows of the source up to where it was copied, each under the new key that its present record gives, must be the rows of the target, digest by digest (condition T). That finds what a
 * comparison with what the copy noted cannot, such as a tombstone that it never made. Works in steps, like the verification it follows upon, and beside a copy that goes on.
 */
export class TableVerifier implements Verifier {
  readonly #tables: TableComparison;
  #source: readonly PartitionCursor[] | undefined;
  #target: readonly PartitionCursor[] | undefined;
  readonly #inPlace: KeyInPlace | undefined;

  constructor(
    /** Compares the records with what the copy noted of them. */
    private readonly inner: Verifier,
    private readonly copy: TableCopy,
  ) {
    this.#tables = new TableComparison(copy.seed);
    this.#inPlace = copy.rules.expression.inPlace(copy.rules.decoder);
  }

  /** @throws `shared-new-key` where rows have one new key and must not. */
  async advance(run: VerifyRun = {}): Promise<Verification> {
    const verification = await this.inner.advance(run);
    await this.#takeIn(run);
    const found = new MismatchTally().addAll(verification).addAll(this.#tables.differences());
    const { shared } = this.#tables;
    if (this.copy.shared === 'fail' && found.mismatchCount === 0 && shared !== undefined) {
      throw sharedNewKey(shared.keys, shared.one, shared.other);
    }
    return { ...verification, ...found.found() };
  }

  /** Takes in what was copied so far; both tables are compared when the copy rests. */
  async keepUp(run: VerifyRun = {}): Promise<void> {
    await this.inner.keepUp(run);
    await this.#takeIn(run);
  }

  async #takeIn(run: VerifyRun): Promise<void> {
    const { source, target, positions } = this.copy;
    this.#source ??= await cursorsOf(source);
    this.#target ??= await cursorsOf(target);
    const until = [...positions()];
    await read(
      this.#source,
      run,
      (partition) => until[partition] ?? 0,
      (cursor, partition) => this.#expect(cursor, partition),
    );
    await read(
      this.#target,
      run,
      () => Infinity,
      (cursor, partition) => this.#tables.find(cursor, partition),
    );
  }

  /** Takes in the next record of the source. */
  #expect(cursor: RecordCursor, partition: number): void | Promise<void> {
    if (cursor.keyLength < 0) return;
    if (cursor.valueLength < 0) {
      this.#tables.expectGone(cursor);
      return;
    }
    const place = this.#inPlace;
    if (place?.find(cursor) === true) {
      this.#tables.expect(cursor, cursor, place.at, place.length, partition);
      return;
    }
    const record = cursor.record();
    const { topic, expression, decoder, onMissing } = this.copy.rules;
    const take = (answer: KeyAnswer): void => {
      if ('key' in answer) {
        const { key: bytes } = answer;
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        this.#tables.expect(cursor, { bytes, view }, 0, bytes.length, partition);
      } else if (onMissing === 'fail') throw noKey(expression.text, answer.failure, partition, record.offset);
      else if (onMissing === 'keep-key') {
        this.#tables.expect(cursor, cursor, cursor.keyAt, cursor.keyLength, partition);
      } else this.#tables.expectGone(cursor);
    };
    const answer = expression.evaluate(topic, record, decoder);
    return answer instanceof Promise ? answer.then(take) : take(answer);
  }
}

async function cursorsOf({ log, topic }: CopySide): Promise<readonly PartitionCursor[]> {
  const { partitions } = await log.describeTopic(topic);
  return partitions.map(({ partition, startOffset }) => new PartitionCursor(log, topic, partition, startOffset));
}

async function read(
  cursors: readonly PartitionCursor[],
  { signal, pace }: VerifyRun,
  until: (partition: number) => number,
  take: (cursor: RecordCursor, partition: number) => Promise<void> | void,
): Promise<void> {
  let records = 0;
  for (const [partition, cursor] of cursors.entries()) {
    const end = until(partition);
    while (cursor.position < end) {
      const standing = cursor.standing();
      const next = standing instanceof Promise ? await standing : standing;
      if (next === undefined || next.offset >= end) break;
      const taken = take(next, partition);
      if (taken instanceof Promise) await taken;
      cursor.take();
      if (++records % PACE_RECORDS > 0) continue;
      signal?.throwIfAborted();
      await pace?.(PACE_RECORDS);
    }
  }
}

function sharedNewKey(count: number, one: RecordAt, other: RecordAt): AppError {
  const at = ({ partition, offset }: RecordAt): string => `partition ${partition}, offset ${offset}`;
  return new AppError({
    kind: 'unprocessable',
    code: 'shared-new-key',
    message: `${count} new keys are those of several rows, such as the ones at ${at(one)} and at ${at(other)}; only one of them would be left.`,
    hint: 'Give them different keys in the source, or choose target.key.shared newest.',
    details: { count, one: at(one), other: at(other) },
  });
}
