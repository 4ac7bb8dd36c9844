import { NO_TIMESTAMP, type StoredRecord } from '#libs/core/log';

/** What a merge has to remember beside its positions. */
export interface MergeState {
  /** Latest time of a record merged so far; −1 before the first one. */
  readonly latest: number;
  /** Records merged behind one of a later time. */
  readonly late: number;
  /** Per partition the time of its last merged record, which records without a time take over; −1 before the first one. */
  readonly times: readonly number[];
}

/**
 * The order in which records of several partitions become one: of the records that are next in their partitions the one with the smallest time comes first, then the one of the smaller
 * partition number. Records of one partition keep their order, whatever their times say; one without a time goes with the record before it. So the order depends on the records alone, as long as every
 * partition that may still have an earlier one is waited for; a record that comes after one of a later time is late, and counted.
 */
export class MergeOrder {
  readonly #queues: Queue[];
  #latest: number;
  #late: number;
  /** Partitions of which the next record is known. */
  #known = 0;

  constructor(partitions: number, state?: MergeState) {
    this.#queues = Array.from({ length: partitions }, (_, partition) => ({
      records: [],
      at: 0,
      last: state?.times[partition] ?? NO_TIMESTAMP,
      time: 0,
    }));
    this.#latest = state?.latest ?? NO_TIMESTAMP;
    this.#late = state?.late ?? 0;
  }

  get state(): MergeState {
    return { latest: this.#latest, late: this.#late, times: this.#queues.map((queue) => queue.last) };
  }

  /** Takes in the next records of a partition, in their order. */
  offer(partition: number, records: readonly StoredRecord[]): void {
    const queue = this.#queues[partition]!;
    if (records.length === 0) return;
    if (queue.at === queue.records.length) this.#known++;
    queue.records = queue.at === queue.records.length ? records : [...queue.records.slice(queue.at), ...records];
    queue.at = 0;
    aim(queue);
  }

  /** Whether a next record is known of every partition. */
  get complete(): boolean {
    return this.#known === this.#queues.length;
  }

  /** The record that is next in its partition; undefined where none is known. */
  headOf(partition: number): StoredRecord | undefined {
    const { records, at } = this.#queues[partition]!;
    return records[at];
  }

  /** The partition whose record comes next of those that are known; −1 for none. */
  next(): number {
    let best = -1;
    for (let partition = 0; partition < this.#queues.length; partition++) {
      const queue = this.#queues[partition]!;
      if (queue.at === queue.records.length) continue;
      if (best < 0 || queue.time < this.#queues[best]!.time) best = partition;
    }
    return best;
  }

  /** Whether a record that may still come in `waiting` could have to come before the one that is next in `partition`, if times of a partition do not fall. */
  mayPrecede(waiting: number, partition: number): boolean {
    const { last } = this.#queues[waiting]!;
    const { time } = this.#queues[partition]!;
    return last < time || (last === time && waiting < partition);
  }

  /** Takes the next record of a partition out. */
  take(partition: number): StoredRecord {
    const queue = this.#queues[partition]!;
    const record = queue.records[queue.at++]!;
    if (queue.at === queue.records.length) {
      queue.records = [];
      queue.at = 0;
      this.#known--;
    }
    queue.last = queue.time < 0 ? queue.last : queue.time;
    if (record.timestamp >= 0 && record.timestamp < this.#latest) this.#late++;
    this.#latest = Math.max(this.#latest, record.timestamp);
    aim(queue);
    return record;
  }
}

interface Queue {
  records: readonly StoredRecord[];
  at: number;
  /** Time of the record taken last. */
  last: number;
  /** Time by which the record at `at` is placed. */
  time: number;
}

function aim(queue: Queue): void {
  const record = queue.records[queue.at];
  if (record !== undefined) queue.time = record.timestamp === NO_TIMESTAMP ? queue.last : record.timestamp;
}
