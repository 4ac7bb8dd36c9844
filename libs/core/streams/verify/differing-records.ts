import { digestRecord } from '#libs/core/log';
import { type ChunkRun, type CopiedChunk, PARKED } from '../copy/chunk.js';
import { PartitionCursor } from '../partition-cursor.js';
import type { ExpectedRecord } from './expected-records.js';
import type { Mismatch } from './mismatch.js';
import type { VerifiedCopy } from './verification.js';

/** The records of a chunk that are not in the target as they are expected, read there one by one. What is missing there is passed over: the reading of runs has told it. */
export async function* differingRecords(
  { engine, target }: VerifiedCopy,
  chunk: CopiedChunk,
  expected: AsyncIterable<ExpectedRecord>,
): AsyncGenerator<Mismatch, void> {
  const places = new Map<number, Generator<number, void>>();
  const cursors = new Map<number, { at: number; records: PartitionCursor }>();
  const { partitions } = await engine.describeTopic(target.topic);
  for await (const { record, offset, target: to } of expected) {
    if (to < 0 || to >= PARKED) continue;
    if (!places.has(to)) places.set(to, placesOf(chunk.runs, to));
    const at = places.get(to)!.next().value;
    // What was to lie beyond the end is missing, and not there to be read.
    if (at === undefined || at >= (partitions[to]?.endOffset ?? 0)) continue;
    let cursor = cursors.get(to);
    if (cursor === undefined || at !== cursor.at) {
      cursor = { at, records: new PartitionCursor(engine, target.topic, to, at) };
      cursors.set(to, cursor);
    }
    const found = await cursor.records.peek();
    cursor.at = at + 1;
    if (found?.offset !== at) continue;
    cursor.records.take();
    if (digestRecord(chunk.source, offset, found) === digestRecord(chunk.source, offset, record)) continue;
    const where = { source: chunk.source, sourceOffset: offset, target: to, targetOffset: at };
    yield { kind: 'different', ...where, detail: 'the record is not the one at these source coordinates' };
  }
}

function* placesOf(runs: readonly ChunkRun[], target: number): Generator<number, void> {
  for (const run of runs) {
    if (run.target !== target) continue;
    for (let i = 0; i < run.count; i++) yield run.base + i;
  }
}
