import type { LogRecord, StoredRecord } from '#libs/core/log';
import { type CopiedChunk, DROPPED } from '../copy/chunk.js';
import type { Routed, Router } from '../copy/router.js';
import { lasting, PartitionCursor } from '../partition-cursor.js';
import type { VerifiedCopy } from './copy-verifier.js';

/** A record of the source in its final form, and where the rules send it: a target partition, or {@link DROPPED}. */
export interface ExpectedRecord {
  readonly record: LogRecord;
  /** In the source. */
  readonly offset: number;
  readonly target: number;
}

/** Records that wait for a router which answers many at a time. */
const TOGETHER = 500;

/** The records of a chunk as the source and the rules give them now. Ends early where the source has expired. @throws what the router throws. */
export async function* expectedRecords(
  copy: Pick<VerifiedCopy, 'engine' | 'source' | 'router'>,
  chunk: CopiedChunk,
): AsyncGenerator<ExpectedRecord, void> {
  const { engine, source, router } = copy;
  const records = new PartitionCursor(source.log ?? engine, source.topic, chunk.source, chunk.from);
  const together = router.routeAll === undefined ? 1 : TOGETHER;
  for (let waiting: StoredRecord[] = []; ;) {
    while (waiting.length < together) {
      const record = await records.peek();
      if (record === undefined || record.offset >= chunk.until) break;
      waiting.push(together === 1 ? record : lasting(record));
      records.take();
    }
    if (waiting.length === 0) return;
    const answers = await routed(router, waiting, chunk.source);
    for (const [i, answer] of answers.entries()) yield expected(waiting[i]!, answer);
    waiting = waiting.slice(answers.length);
  }
}

/** Of the first of the records, as many as the router answers at once. */
async function routed(router: Router, records: readonly StoredRecord[], source: number): Promise<readonly Routed[]> {
  return (await router.routeAll?.(records, source)) ?? [await router.route(records[0]!, source)];
}

function expected(record: StoredRecord, answer: Routed): ExpectedRecord {
  const { offset } = record;
  if (typeof answer === 'number') return { record, offset, target: answer };
  if ('target' in answer) return { record: answer.record, offset, target: answer.target };
  return { record, offset, target: DROPPED };
}
