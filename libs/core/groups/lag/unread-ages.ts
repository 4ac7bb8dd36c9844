import { BoundedCache, type Clock } from '#libs/core/kernel';
import {
  batchesIn,
  type FetchedPartition,
  type LogEngine,
  NO_TIMESTAMP,
  type PartitionRef,
  recordsFrom,
} from '#libs/core/log';

/** The first record that a group has not read, by its time. */
export interface FirstUnread {
  /** Epoch ms; null for a record that says none. */
  readonly timestampMs: number | null;
  /** Whose time that is: the append's where the topic stamps records with it, else what the record's writer said. */
  readonly basis: 'record-time' | 'append-time';
}

/** A position that does not stand at the end. */
export interface UnreadPosition extends PartitionRef {
  /** First offset not read, within what the partition retains. */
  readonly offset: number;
}

/** Places of which the time is remembered; a record's time never changes, so a group that stands still costs nothing. */
const MAX_KNOWN = 20_000;
/** Positions of one fetch, each answered with one batch, and the bytes of all. */
const TOGETHER = 64;
const FETCH_BYTES = 1024 * 1024;

/** Finds out how old what groups have not read is, within a time. */
export class UnreadAges {
  readonly #known = new BoundedCache<FirstUnread>(MAX_KNOWN);

  constructor(private readonly clock: Clock) {}

  /**
   * The first records unread, by position in the order given; undefined where the time was over before it was known, or where it cannot be read. What was left out is likely
   * known the next time.
   */
  async find(
    engine: LogEngine,
    positions: readonly UnreadPosition[],
    budgetMs: number,
  ): Promise<readonly (FirstUnread | undefined)[]> {
    const deadline = this.clock.monotonic() + budgetMs;
    const keyOf = ({ topic, partition, offset }: UnreadPosition): string =>
      `${engine.logId} ${topic}/${partition}@${offset}`;
    const found = positions.map((one) => this.#known.get(keyOf(one)));
    let open = positions.flatMap((one, index) => (found[index] === undefined ? [{ one, index }] : []));
    while (open.length > 0 && this.clock.monotonic() < deadline) {
      const together = open.slice(0, TOGETHER);
      const fetched = await engine.fetch({
        positions: together.map(({ one }) => ({ ...one, maxBytes: 1 })),
        maxBytes: FETCH_BYTES,
      });
      const later: typeof open = [];
      fetched.forEach((part, at) => {
        const { one, index } = together[at]!;
        const first = firstOf(part, one.offset);
        if (first !== undefined) this.#known.set(keyOf(one), (found[index] = first), 1);
        else if (part.error === undefined && part.batches.length === 0 && at > 0) later.push(together[at]!);
      });
      // The first of a fetch is always answered where there is anything, so this comes to an end.
      open = [...later, ...open.slice(TOGETHER)];
    }
    return found;
  }
}

function firstOf(part: FetchedPartition, offset: number): FirstUnread | undefined {
  if (part.error !== undefined) return undefined;
  try {
    for (const bytes of part.batches) {
      for (const { header, bytes: batch } of batchesIn(bytes)) {
        for (const { timestamp } of recordsFrom({ ...part, batches: [batch] }, offset)) {
          const timestampMs = timestamp === NO_TIMESTAMP ? null : timestamp;
          return { timestampMs, basis: header.logAppendTime ? 'append-time' : 'record-time' };
        }
      }
    }
  } catch {
    // A batch that cannot be read makes the age unknown, not the lag.
  }
  return undefined;
}
