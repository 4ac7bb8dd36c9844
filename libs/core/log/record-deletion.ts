import type { AppError } from '#libs/core/kernel';
import { invalidPosition, offsetOutOfRange, recordsKept, topicBrownedOut } from './errors.js';
import { type HeldFrom, NOT_HELD } from './retention-hold.js';
import type { PartitionRef, TopicState } from './topic.js';
import { textSetting } from './topic-config.js';

/** Up to where the records of a partition are deleted. */
export interface DeletePosition extends PartitionRef {
  /** The first offset to keep; `end` deletes everything that can be read now. */
  readonly offset: number | 'end';
}

export interface DeleteRecordsOptions {
  /** Only judge: the answers are those the deletion would give now, and nothing is deleted. */
  readonly validateOnly?: boolean;
}

/** What became of one {@link DeletePosition}. */
export interface DeletedRecords extends PartitionRef {
  /** First offset that can be read now; 0 where the partition is not known. */
  readonly startOffset: number;
  /** Why nothing was deleted: `topic-not-found`, `partition-not-found`, `offset-out-of-range`, `records-kept`, `topic-browned-out`. */
  readonly error?: AppError;
}

/** What a deletion is decided by. */
export interface DeletableTopic {
  readonly state: TopicState;
  readonly config: Readonly<Record<string, string>>;
}

/** Whether old records of the topic go by age and size, and may be deleted on request. */
export function dropsOldRecords(config: Readonly<Record<string, string>>): boolean {
  return textSetting(config, 'cleanup.policy')
    .split(',')
    .some((policy) => policy.trim() === 'delete');
}

/**
 * Whether a topic lets its records be deleted at all. Like a Kafka broker, one whose `cleanup.policy` is only `compact` does not: what a reader takes for the
 * state of all keys would lose some. A topic out of service keeps what it has.
 * @throws `records-kept`, `topic-browned-out`.
 */
export function checkDeletable(ref: PartitionRef, { state, config }: DeletableTopic): void {
  if (state === 'BROWNED_OUT') throw topicBrownedOut(ref.topic);
  if (state === 'RETIRED')
    throw recordsKept(ref, 'the topic is RETIRED and kept whole until the operation is finished');
  if (!dropsOldRecords(config)) throw recordsKept(ref, "its cleanup.policy does not contain 'delete'");
}

/**
 * The start offset that a deletion comes to. What a running operation holds stays: who wants it gone ends the operation first. A position below the present start changes nothing, so a deletion may be repeated.
 * @throws what {@link checkDeletable} throws, `records-kept`, `invalid-position`, `offset-out-of-range` for a position behind the end.
 */
export function decideDeletion(
  position: DeletePosition,
  topic: DeletableTopic,
  { startOffset, endOffset }: { readonly startOffset: number; readonly endOffset: number },
  held: HeldFrom = NOT_HELD,
): number {
  checkDeletePosition(position);
  checkDeletable(position, topic);
  const offset = position.offset === 'end' ? endOffset : position.offset;
  if (offset > endOffset) throw offsetOutOfRange(position.topic, position.partition, offset, startOffset, endOffset);
  if (offset > held.from) {
    const rule = `from offset ${held.from} on they are held for ${held.by.map((one) => `'${one}'`).join(', ')}`;
    throw recordsKept(position, rule, { heldFrom: String(held.from), holds: held.by });
  }
  return Math.max(startOffset, offset);
}

/** @throws `invalid-position` for an offset that is none. */
export function checkDeletePosition(position: DeletePosition): void {
  const { offset } = position;
  if (offset !== 'end' && (!Number.isSafeInteger(offset) || offset < 0)) {
    throw invalidPosition(position, `its offset ${offset} is neither 'end' nor an integer from 0 to 2^53 − 1`);
  }
}
