import { NO_TIMESTAMP, type RecordCursor } from '#libs/core/log';

/** What a merge has to remember beside its positions. */
export interface MergeState {
  /** Latest time of a record merged so far; −1 before the first one. */
  readonly latest: number;
  /** Records merged behind one of a later time. */
  readonly late: number;
  /** Per partition the time of its last merged record, which records without a time take over; −1 before the first one. */
  readonly times: readonly number[];
}

/** Records one after another: it stands on one after `next` has answered true. */
export interface RecordSequence {
  readonly timestamp: number;
  readonly offset: number;
  next(): boolean;
}

/**
 * The order in which records of several partitions become one: of the records that are next in their partitions the one with the smallest time comes first, then the one of the smaller
 * partition number. Records of one partition keep their order, whatever their times say; one without a time goes with the record before it. So the order depends on the records alone, as long as every
 * partition that may still have an earlier one is waited for; a record that comes after one of a later time is late, and counted. Records are read where they lie, and none is made into an object.
 */
export class MergeOrder<Records extends RecordSequence = RecordCursor> {
  readonly #queues: Queue<Records>[];
  #latest: number;
  #late: number;
  /** Partitions of which the next record is known. */
  #known = 0;

  constructor(partitions: number, state?: MergeState) {
    this.#queues = Array.from({ length: partitions }, (_, partition) => ({
      waiting: [],
      present: undefined,
      stands: false,
      from: 0,
      last: state?.times[partition] ?? NO_TIMESTAMP,
      time: 0,
    }));
    this.#latest = state?.latest ?? NO_TIMESTAMP;
    this.#late = state?.late ?? 0;
  }

  get state(): MergeState {
    return { latest: this.#latest, late: this.#late, times: this.#queues.map((queue) => queue.last) };
  }

  /** Takes in the next records of a partition, in their order; those below an offset, with which they may begin, are passed over. */
  offer(partition: number, sequences: Iterable<Records>, from: number): void {
    const queue = this.#queues[partition]!;
    queue.waiting.push({ sequences: sequences[Symbol.iterator](), from });
    if (queue.stands) return;
    advance(queue);
    if (queue.stands) this.#known++;
  }

  /** Whether a next record is known of every partition. */
  get complete(): boolean {
    return this.#known === this.#queues.length;
  }

  /** Stands on the record that is next in its partition; undefined where none is known. It is moved by {@link take} alone. */
  headOf(partition: number): Records | undefined {
    const { stands, present } = this.#queues[partition]!;
    return stands ? present : undefined;
  }

  /** The partition whose record comes next of those that are known; −1 for none. */
  next(): number {
    let best = -1;
    let time = 0;
    for (let partition = 0; partition < this.#queues.length; partition++) {
      const queue = this.#queues[partition]!;
      if (!queue.stands || (best >= 0 && queue.time >= time)) continue;
      best = partition;
      time = queue.time;
    }
    return best;
  }

  /** Whether a record that may still come in `waiting` could have to come before the one that is next in `partition`, if times of a partition do not fall. */
  mayPrecede(waiting: number, partition: number): boolean {
    const { last } = this.#queues[waiting]!;
    const { time } = this.#queues[partition]!;
    return last < time || (last === time && waiting < partition);
  }

  /** The record that is next in a partition is merged: the one behind it is the next. */
  take(partition: number): void {
    const queue = this.#queues[partition]!;
    const { timestamp } = queue.present!;
    queue.last = queue.time < 0 ? queue.last : queue.time;
    if (timestamp >= 0 && timestamp < this.#latest) this.#late++;
    this.#latest = Math.max(this.#latest, timestamp);
    advance(queue);
    if (!queue.stands) this.#known--;
  }
}

interface Queue<Records> {
  readonly waiting: { readonly sequences: Iterator<Records>; readonly from: number }[];
  /** Stands on the next record where `stands` says so. */
  present: Records | undefined;
  stands: boolean;
  /** Records of the present sequence below this offset are passed over. */
  from: number;
  /** Time of the record taken last. */
  last: number;
  /** Time by which the next record is placed. */
  time: number;
}

function advance<Records extends RecordSequence>(queue: Queue<Records>): void {
  for (;;) {
    const { present } = queue;
    while (present?.next()) {
      if (present.offset < queue.from) continue;
      queue.stands = true;
      queue.time = present.timestamp === NO_TIMESTAMP ? queue.last : present.timestamp;
      return;
    }
    queue.stands = false;
    queue.present = undefined;
    const [first] = queue.waiting;
    if (first === undefined) return;
    const next = first.sequences.next();
    if (next.done === true) queue.waiting.shift();
    else {
      queue.present = next.value;
      queue.from = first.from;
    }
  }
}
