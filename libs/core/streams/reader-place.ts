import { createHash } from 'node:crypto';
import type { TopicHome } from '#libs/core/log';

/*
 * Readers of ours keep where they stand with what they compute, and tell newer records from older ones by it: a generation and an offset in each partition. A topic may move to another log, whose
 * generations are counted anew, and so it may get another name. So that one number tells both, a generation in another log than the reader's own, or of another name, has the number of that place in front.
 */

/** Above any number of a generation. */
const LOG_STEP = 1_000_000;
/** Numbers of logs: two that are equal are less likely than a disk that lies, and found out (see `SourceReader`). */
const LOGS = 2 ** 30;

/** A generation of a topic in a log, as a reader keeps it whose own log and name of the topic are `home`. */
export function readerGeneration(home: TopicHome, at: TopicHome, generation: number): number {
  if (at.logId === home.logId && at.topic === home.topic) return generation;
  return numberOfHome(home, at) * LOG_STEP + generation;
}

/** The number of the generation in its log. */
export const generationInLog = (kept: number): number => kept % LOG_STEP;

/** The number of the log in front of a generation; 0 for the reader's own. */
export const logNumberIn = (kept: number): number => Math.floor(kept / LOG_STEP);

/** 1 … 2^30, told by the id of the log, and by the name that the topic has there where that is another than the reader's. */
export function numberOfHome(home: TopicHome, { logId, topic }: TopicHome): number {
  const text = topic === home.topic ? logId : `${logId}/${topic}`;
  return 1 + (createHash('sha256').update(text).digest().readUInt32BE(0) % LOGS);
}
