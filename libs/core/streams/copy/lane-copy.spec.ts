import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeBatch, type LogEngine, type LogRecord, type WriterCommit } from '#libs/core/log';
import { MemoryLogEngine } from '#libs/core/log/testing';
import { KeyRouter } from '../repartition/routers.js';
import { fingerprint, readTopic } from '../testing/index.js';
import { LaneCopy } from './lane-copy.js';

const TARGETS = 3;

/** A log that wants so much in a commit, and how many there were, with batches of what sizes for the target. */
class CountingEngine extends MemoryLogEngine {
  commits = 0;
  readonly batches: number[] = [];

  constructor(private readonly wanted: number) {
    super();
  }

  override get commitBytes(): number {
    return this.wanted;
  }

  override async openWriter(id: string) {
    const writer = await super.openWriter(id);
    const commit = writer.commit.bind(writer);
    writer.commit = (given: WriterCommit) => {
      this.commits++;
      for (const { topic, batch } of given.appends ?? []) if (topic === 'new') this.batches.push(batch.length);
      return commit(given);
    };
    return writer;
  }
}

/** Copies a topic with one partition, whose batches are these. */
async function copied(
  engine: LogEngine,
  batches: readonly Uint8Array[],
  config: Readonly<Record<string, string>> = {},
): Promise<void> {
  await engine.createTopic({ name: 'old', partitions: 1 });
  await engine.createTopic({ name: 'new', partitions: TARGETS, config, state: 'FENCED' });
  await engine.createTopic({ name: '__map', partitions: 1 });
  for (const batch of batches) await engine.append({ topic: 'old', partition: 0 }, batch);
  const router = new KeyRouter({ sources: 1, targets: TARGETS, partitioner: 'murmur2', nullKeys: 'spread' });
  const spec = {
    ...{ writerPrefix: 'op', source: 'old', target: 'new', map: '__map', deadLetters: undefined, router },
    startOffsets: [0],
  };
  const copy = await LaneCopy.open(engine, spec, { stepBytes: 4_096, parallel: 1, tailWaitMs: 1 });
  const run = { signal: new AbortController().signal, pace: async () => undefined, report: () => undefined };
  await copy.copyTo(await copy.sourceEnds(), run);
  await copy.close();
  const sorted = async (topic: string): Promise<string[]> =>
    (await readTopic(engine, topic)).flat().map(fingerprint).sort();
  expect(await sorted('new')).toEqual(await sorted('old'));
}

const record = (n: number, value: Uint8Array): LogRecord => ({
  key: Buffer.from(`k${n}`),
  value,
  headers: [],
  timestamp: n,
});

describe('the copy of a topic, lane by lane', () => {
  const batches = Array.from({ length: 32 }, (_, b) =>
    encodeBatch(Array.from({ length: 100 }, (_, i) => record(100 * b + i, Buffer.alloc(200)))),
  );

  it('moves as much in a commit as the log wants, in fewer and larger batches, and no more than it is told where the log does not mind', async () => {
    const [small, large] = [new CountingEngine(0), new CountingEngine(8 * 1024 * 1024)];
    await copied(small, batches);
    await copied(large, batches);
    expect(small.commits).toBe(32);
    expect(large.commits).toBe(1);
    expect(large.batches).toHaveLength(TARGETS);
    expect(large.batches.reduce((sum, one) => sum + one, 0)).toBeGreaterThan(600_000);
  });

  it('writes batches that a topic with a small limit takes, also where compression makes them no smaller', async () => {
    // What cannot be compressed grows by it; four such records fill a batch to a few bytes below the limit.
    const limit = 20_000;
    const compressed = Array.from({ length: 12 }, (_, b) =>
      encodeBatch(
        Array.from({ length: 4 }, (_, i) => record(4 * b + i, randomBytes(4_969))),
        { compression: 'gzip' },
      ),
    );
    const engine = new CountingEngine(1024 * 1024);
    await copied(engine, compressed, { 'max.message.bytes': String(limit) });
    expect(Math.max(...engine.batches)).toBeLessThanOrEqual(limit);
    expect(Math.max(...engine.batches)).toBeGreaterThan(limit - 30);
  });
});
