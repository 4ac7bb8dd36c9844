import { isAppError } from '#libs/core/kernel';
import { decideDeletion, type DeletedRecords, type DeletePosition, logErrors } from '#libs/core/log';
import type { Command } from './commands.js';
import type { LogState } from './log-state.js';

/** What a request to delete records comes to: a fact for each start offset that moves, and an answer for each position. */
export interface DecidedDeletions {
  readonly commands: readonly Command[];
  readonly answers: readonly DeletedRecords[];
}

/** Looks at the state as of everything before the request. Changes nothing. */
export function decideDeletions(state: LogState, positions: readonly DeletePosition[]): DecidedDeletions {
  const commands: Command[] = [];
  const answers = positions.map((position): DeletedRecords => {
    const { topic: name, partition: number } = position;
    const topic = state.topics.get(name);
    const partition = topic?.partitions[number];
    const startOffset = partition?.startOffset ?? 0;
    try {
      if (topic === undefined) throw logErrors.topicNotFound(name);
      if (partition === undefined) throw logErrors.partitionNotFound(name, number, topic.partitions.length);
      // What lies behind damage cannot be read, but it is the evidence and may be what a restore begins with.
      const { degradedAt } = partition;
      const end = position.offset === 'end' ? partition.endOffset : position.offset;
      if (degradedAt !== undefined && end > degradedAt) throw logErrors.partitionDegraded(name, number, degradedAt);
      const facts = { state: topic.state, config: Object.fromEntries(topic.config) };
      const offset = decideDeletion(position, facts, partition, state.holds.on(topic.number, number));
      if (offset > startOffset) commands.push({ kind: 'start-moved', topic: topic.number, partition: number, offset });
      return { topic: name, partition: number, startOffset: offset };
    } catch (error) {
      if (!isAppError(error)) throw error;
      return { topic: name, partition: number, startOffset, error };
    }
  });
  return { commands, answers };
}
