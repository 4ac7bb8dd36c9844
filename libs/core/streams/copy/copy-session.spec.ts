import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { encodeBatch, type LogEngine, logErrors, partitionerOf, type StoredRecord } from '#libs/core/log';
import { LogFaults, MemoryLogEngine } from '#libs/core/log/testing';
import { keylessTarget, KeyRouter } from '../repartition/routers.js';
import { ANY_TIMESTAMP, anyContent, appendContent, fingerprint, readTopic } from '../testing/index.js';
import { CopyVerifier } from '../verify/copy-verifier.js';
import { BUILD_LIMITS, ChunkBuilder } from './chunk-builder.js';
import { type CopyLane, CopySession } from './copy-session.js';
import { OffsetMap } from './offset-map.js';

const LIMITS = { maxBatchBytes: 1 << 20, ...BUILD_LIMITS };

async function prepare(engine: LogEngine, sources: number, targets: number): Promise<KeyRouter> {
  await engine.createTopic({ name: 'new', partitions: targets, state: 'FENCED' });
  await engine.createTopic({ name: '__map', partitions: sources });
  return new KeyRouter({ sources, targets, partitioner: 'murmur2', nullKeys: 'spread' });
}

const lane = (partition: number): CopyLane => ({
  writerId: `op-${partition}`,
  source: { topic: 'old', partition, startOffset: 0 },
  target: 'new',
  map: '__map',
});

const openAll = (engine: LogEngine, sources: number, router: KeyRouter, limits = LIMITS): Promise<CopySession[]> =>
  Promise.all(
    Array.from({ length: sources }, (_, s) => CopySession.open(engine, lane(s), new ChunkBuilder(router, limits))),
  );

function verifierOf(engine: LogEngine, sessions: CopySession[], router: KeyRouter, level: 'readback' | 'full') {
  return new CopyVerifier({
    engine,
    source: { topic: 'old', startOffsets: sessions.map(() => 0) },
    target: { topic: 'new', startOffsets: Array.from({ length: router.targets }, () => 0) },
    map: new OffsetMap(engine, '__map', (s) => sessions[s]!.lastChunk),
    router,
    level,
  });
}

/** What the target must hold, by pair of source and target partition, said without the code under test. */
function expectedPairs(source: readonly StoredRecord[][], targets: number): Map<string, string[]> {
  const partitionOf = partitionerOf('murmur2');
  const pairs = new Map<string, string[]>();
  source.forEach((records, s) => {
    for (const record of records) {
      const t = partitionOf(record.key, targets) ?? keylessTarget(s, record.offset, source.length, targets);
      pairs.set(`${s}>${t}`, [...(pairs.get(`${s}>${t}`) ?? []), fingerprint(record)]);
    }
  });
  return pairs;
}

/** Every pair's records lie in the target in order, and nothing else does. */
function expectTarget(target: readonly StoredRecord[][], pairs: Map<string, string[]>): void {
  target.forEach((records, t) => {
    const queues = [...pairs].filter(([pair]) => pair.endsWith(`>${t}`)).map(([, queue]) => [...queue]);
    // Equal records of several sources can stand for each other, so a match is looked for, not a fixed queue.
    const fits = (at: number): boolean => {
      if (at === records.length) return queues.every((queue) => queue.length === 0);
      const text = fingerprint(records[at]!);
      for (const queue of queues) {
        if (queue[0] !== text) continue;
        queue.shift();
        if (fits(at + 1)) return true;
        queue.unshift(text);
      }
      return false;
    };
    expect(records.length).toBe(queues.reduce((sum, queue) => sum + queue.length, 0));
    if (records.length <= 40) expect(fits(0)).toBe(true);
  });
}

const scenario = fc
  .record({ sources: fc.integer({ min: 1, max: 12 }), targets: fc.integer({ min: 1, max: 12 }), dense: fc.boolean() })
  .chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      content: anyContent(shape.sources, { maxBatches: 4, maxRecords: 8 }),
      late: anyContent(shape.sources, { maxBatches: 2, maxRecords: 4 }),
      maxBytes: fc.constantFrom(1, 200, 1 << 20),
      maxRecords: fc.constantFrom(1, 3, 250_000),
      faults: fc.array(fc.constantFrom('lost-acknowledgement', 'lost-request', 'restart', 'takeover', 'refuse'), {
        maxLength: 6,
      }),
    }),
  );

describe('copying a topic', () => {
  it('holds exactly the source, once each, in order per source partition, whatever goes wrong on the way', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ shape, content, late, maxBytes, maxRecords, faults }) => {
        const injected = new LogFaults();
        const engine = new MemoryLogEngine({ faults: injected, denseOffsets: shape.dense });
        await engine.createTopic({ name: 'old', partitions: shape.sources, config: ANY_TIMESTAMP });
        await appendContent(engine, 'old', content);
        const router = await prepare(engine, shape.sources, shape.targets);
        const limits = { ...LIMITS, maxRecords };
        let sessions = await openAll(engine, shape.sources, router, limits);
        const pending = [...faults];
        let appended = false;
        for (;;) {
          const fault = pending.shift();
          const before = sessions;
          if (fault === 'lost-acknowledgement' || fault === 'lost-request') injected.once('commit', { kind: fault });
          if (fault === 'refuse') injected.once('commit', { kind: 'refuse', error: logErrors.logClosed() });
          if (fault === 'restart' || fault === 'takeover') {
            sessions = await openAll(engine, shape.sources, router, limits);
          }
          if (fault === 'takeover') {
            // The worker that was replaced tries to go on, and may not.
            for (const [s, old] of before.entries()) {
              const end = (await engine.describeTopic('old')).partitions[s]!.endOffset;
              if (old.position >= end) continue;
              await expect(old.step({ maxBytes, maxWaitMs: 0 })).rejects.toMatchObject({ code: 'writer-fenced' });
            }
          }
          for (const session of sessions) {
            try {
              await session.step({ maxBytes, maxWaitMs: 0 });
            } catch (error) {
              if (!isAppError(error, 'log-closed')) throw error;
            }
          }
          const { partitions } = await engine.describeTopic('old');
          if (partitions.some(({ partition, endOffset }) => sessions[partition]!.position < endOffset)) continue;
          if (pending.length > 0) continue;
          if (appended) break;
          appended = true;
          await appendContent(engine, 'old', late);
        }
        injected.clear();
        const source = await readTopic(engine, 'old');
        const records = source.flat().length;
        expectTarget(await readTopic(engine, 'new'), expectedPairs(source, shape.targets));
        expect(sessions.reduce((sum, one) => sum + one.totals.records, 0)).toBe(records);
        for (const level of ['readback', 'full'] as const) {
          const verified = await verifierOf(engine, sessions, router, level).advance();
          expect(verified.mismatches).toEqual([]);
          expect(verified.checked).toBe(records);
          sessions.forEach((one, s) => expect(verified.sums[s]!.equals(one.totals.sum)).toBe(true));
        }
      }),
      { numRuns: 150 },
    );
  });

  it('verifies a live copy in steps, each taking in only what is new', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ shape, content, late, maxBytes }) => {
        const engine = new MemoryLogEngine({ denseOffsets: shape.dense });
        await engine.createTopic({ name: 'old', partitions: shape.sources, config: ANY_TIMESTAMP });
        const router = await prepare(engine, shape.sources, shape.targets);
        const sessions = await openAll(engine, shape.sources, router);
        const verifier = verifierOf(engine, sessions, router, 'readback');
        let total = 0;
        for (const part of [content, late, content]) {
          await appendContent(engine, 'old', part);
          for (let moved = 1; moved > 0;) {
            moved = 0;
            for (const session of sessions) moved += (await session.step({ maxBytes, maxWaitMs: 0 })).records;
          }
          total += part.flat().reduce((sum, batch) => sum + batch.records.length, 0);
          const verified = await verifier.advance();
          expect(verified.mismatches).toEqual([]);
          expect(verified.checked).toBe(total);
          expect(verified.until).toEqual(
            sessions.map((one) => one.position - (one.position - verified.until[one.lane.source.partition]!)),
          );
        }
      }),
      { numRuns: 50 },
    );
  });

  it('passes compressed batches on as they are when a source feeds one target', async () => {
    const engine = new MemoryLogEngine();
    await engine.createTopic({ name: 'old', partitions: 2 });
    const records = Array.from({ length: 50 }, (_, i) => ({
      key: Buffer.from(`k${i}`),
      value: Buffer.from('v'.repeat(40)),
      headers: [],
      timestamp: 1_700_000_000_000 + i,
    }));
    const batch = encodeBatch(records, { compression: 'gzip' });
    await engine.append({ topic: 'old', partition: 0 }, batch);
    await engine.append({ topic: 'old', partition: 1 }, batch);
    const router = await prepare(engine, 2, 1);
    for (const session of await openAll(engine, 2, router)) await session.step({ maxBytes: 1 << 20, maxWaitMs: 0 });
    const [fetched] = await engine.fetch({ positions: [{ topic: 'new', partition: 0, offset: 0 }], maxBytes: 1 << 20 });
    expect(fetched!.batches.map((one) => one.length)).toEqual([batch.length, batch.length]);
    // From the attributes on, where the checksum begins, not a byte differs.
    for (const copy of fetched!.batches) expect(Buffer.from(copy.subarray(21))).toEqual(batch.subarray(21));
  });

  it('says so when records expired before they were copied', async () => {
    const engine = new MemoryLogEngine();
    await engine.createTopic({ name: 'old', partitions: 1 });
    const record = { key: Buffer.from('k'), value: null, headers: [], timestamp: -1 };
    for (let i = 0; i < 3; i++) await engine.append({ topic: 'old', partition: 0 }, encodeBatch([record]));
    const router = await prepare(engine, 1, 2);
    const [session] = await openAll(engine, 1, router);
    await session!.step({ maxBytes: 1, maxWaitMs: 0 });
    engine.dropBefore({ topic: 'old', partition: 0 }, 2);
    await expect(session!.step({ maxBytes: 1, maxWaitMs: 0 })).rejects.toMatchObject({ code: 'offset-out-of-range' });
  });

  it('forgets its checkpoints when the copy is over', async () => {
    const engine = new MemoryLogEngine();
    await engine.createTopic({ name: 'old', partitions: 1 });
    const record = { key: Buffer.from('k'), value: null, headers: [], timestamp: -1 };
    await engine.append({ topic: 'old', partition: 0 }, encodeBatch([record]));
    const router = await prepare(engine, 1, 2);
    const [session] = await openAll(engine, 1, router);
    await session!.step({ maxBytes: 1, maxWaitMs: 0 });
    await session!.forget();
    expect((await engine.openWriter('op-0')).checkpoints().size).toBe(0);
    expect(session!.position).toBe(0);
  });
});
