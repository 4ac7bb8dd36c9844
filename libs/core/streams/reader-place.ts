import { createHash } from 'node:crypto';

/*
 * Readers of ours keep where they stand with what they compute, and tell newer records from older ones by it: a generation and an offset in each partition. A topic may move to another log, whose
 * generations are counted anew. So that one number tells both, a generation in another log than the reader's own has the number of that log in front.
 */

/** Above any number of a generation. */
const LOG_STEP = 1_000_000;
/** Numbers of logs: two that are equal are less likely than a disk that lies, and found out (see `SourceReader`). */
const LOGS = 2 ** 30;

/** A generation of a topic in a log, as a reader whose own log is `home` keeps it. */
export function readerGeneration(home: string, logId: string, generation: number): number {
  return logId === home ? generation : numberOfLog(logId) * LOG_STEP + generation;
}

/** The number of the generation in its log. */
export const generationInLog = (kept: number): number => kept % LOG_STEP;

/** The number of the log in front of a generation; 0 for the reader's own. */
export const logNumberIn = (kept: number): number => Math.floor(kept / LOG_STEP);

/** 1 … 2^30, told by the id alone. */
export function numberOfLog(logId: string): number {
  return 1 + (createHash('sha256').update(logId).digest().readUInt32BE(0) % LOGS);
}
