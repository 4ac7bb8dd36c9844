import { describe, expect, it } from 'vitest';
import { deferred } from '#libs/core/kernel';
import { encodeBatch } from '#libs/core/log';
import { ChunkRecords } from '../chunk-records.js';
import type { SourceChunk, SourcePosition, SourceReader } from '../source-reader.js';
import { FoldedTopic } from './folded-topic.js';

/** A topic of one partition, whose reads are answered when the test says so. */
class HeldReader implements Pick<SourceReader, 'begin' | 'next'> {
  readonly asked: (() => void)[] = [];
  end = 0;

  begin(): Promise<SourcePosition> {
    return Promise.resolve({ generation: 1, next: [0] });
  }

  async next({ next }: SourcePosition, { signal }: { readonly signal?: AbortSignal }): Promise<SourceChunk> {
    const { end } = this;
    const answered = deferred<void>();
    this.asked.push(() => answered.resolve());
    await answered.promise;
    signal?.throwIfAborted();
    const given = Array.from({ length: end }, () => ({ key: null, value: null, headers: [], timestamp: 0 }));
    const batches = end === 0 ? [] : [encodeBatch(given)];
    const fetched = { topic: 't', partition: 0, startOffset: 0, endOffset: end, batches, nextOffset: end };
    const records = new ChunkRecords([{ fetched, from: next[0]!, end }]);
    return { records, to: { generation: 1, next: [end] }, lag: 0 };
  }
}

class Offsets extends FoldedTopic {
  readonly taken: number[] = [];

  constructor(reader: HeldReader) {
    super(reader as Pick<SourceReader, 'begin' | 'next'> as SourceReader);
  }

  protected take({ offset }: { readonly offset: number }): void {
    this.taken.push(offset);
  }

  protected clear(): void {
    this.taken.length = 0;
  }
}

describe('a topic that is folded for lookups', () => {
  const turns = () => new Promise((resolve) => setImmediate(resolve));

  async function answering<T>(reader: HeldReader, answer: Promise<T>): Promise<T> {
    let over = false;
    const ended = answer.finally(() => (over = true));
    for (; !over; await turns()) for (const go of reader.asked.splice(0)) go();
    return await ended;
  }

  it('is read for the others too when whoever began to read it leaves', async () => {
    const reader = new HeldReader();
    const topic = new Offsets(reader);
    reader.end = 2;
    const client = new AbortController();
    const left = topic.catchUp(client.signal).catch((error: unknown) => error);
    const other = topic.catchUp();
    await turns();
    client.abort();
    expect(await answering(reader, other)).toEqual({ generation: 1, next: [2] });
    expect(await left).toBe(client.signal.reason);
    expect(topic.taken).toEqual([0, 1]);
  });

  it('has what was there when somebody asked, also where another read of it was about to end', async () => {
    const reader = new HeldReader();
    const topic = new Offsets(reader);
    const first = topic.catchUp();
    await turns();
    // The read under way has seen no record.
    reader.end = 1;
    const second = topic.catchUp();
    const third = topic.catchUp();
    expect(await answering(reader, second)).toEqual({ generation: 1, next: [1] });
    expect(await third).toEqual({ generation: 1, next: [1] });
    expect(await first).toEqual({ generation: 1, next: [0] });
    expect(topic.taken).toEqual([0]);
  });
});
