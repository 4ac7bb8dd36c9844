import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBatch, partitionerOf, type StoredRecord } from '#libs/core/log';
import { MemoryLogEngine, MemoryLogStorage, WallClock } from '#libs/core/log/testing';
import {
  ANY_TIMESTAMP,
  anyContent,
  appendContent,
  fingerprint,
  Killed,
  MortalLogEngine,
  Mortality,
  readTopic,
  type TopicContent,
} from '../testing/index.js';
import { KeyRouter, keylessTarget } from '../repartition/routers.js';
import { CopyVerifier } from '../verify/copy-verifier.js';
import type { CopyRun } from './live-copy.js';
import { MergedCopy } from './merged-copy.js';

const clock = new WallClock();

async function world(content: TopicContent, targets: number) {
  const storage = new MemoryLogStorage();
  const engine = new MemoryLogEngine({ storage });
  await engine.createTopic({ name: 'old', partitions: content.length, config: ANY_TIMESTAMP });
  await engine.createTopic({ name: 'new', partitions: targets, state: 'FENCED', config: ANY_TIMESTAMP });
  await engine.createTopic({ name: '__map', partitions: content.length });
  await appendContent(engine, 'old', content);
  const router = new KeyRouter({ sources: content.length, targets, partitioner: 'murmur2', nullKeys: 'spread' });
  const open = (log: MemoryLogEngine = engine, stepBytes = 300, idleMs = 0) =>
    MergedCopy.openMerged(
      log,
      {
        writerPrefix: 'op',
        source: 'old',
        target: 'new',
        map: '__map',
        deadLetters: undefined,
        router,
        startOffsets: content.map(() => 0),
      },
      { idleMs, clock },
      { stepBytes, parallel: 1, tailWaitMs: 5 },
    );
  const verify = async (copy: MergedCopy) =>
    await new CopyVerifier({
      engine,
      source: { topic: 'old', startOffsets: content.map(() => 0) },
      target: { topic: 'new', startOffsets: new Array<number>(targets).fill(0) },
      map: copy.map,
      router,
      level: 'full',
    }).advance();
  return { engine, storage, open, verify };
}

const calm = (signal = new AbortController().signal): CopyRun => ({
  signal,
  pace: async () => undefined,
  report: () => undefined,
});

/** What each target partition must hold, in order. */
function expected(source: readonly StoredRecord[][], targets: number): string[][] {
  const placed: string[][] = Array.from({ length: targets }, () => []);
  const latest = (records: readonly StoredRecord[], i: number): number =>
    Math.max(...records.slice(0, i + 1).map((one) => one.timestamp));
  source
    .flatMap((records, s) => records.map((record, i) => ({ record, s, i, time: latest(records, i) })))
    .sort((a, b) => a.time - b.time || a.s - b.s || a.i - b.i)
    .forEach(({ record, s }) => {
      const t = partitionerOf()(record.key, targets) ?? keylessTarget(s, record.offset, source.length, targets);
      placed[t]!.push(fingerprint(record));
    });
  return placed;
}

const shape = fc.record({ sources: fc.integer({ min: 1, max: 5 }), targets: fc.integer({ min: 1, max: 5 }) });
const scenario = shape.chain(({ sources, targets }) =>
  fc.record({
    targets: fc.constant(targets),
    content: anyContent(sources, { maxBatches: 4, maxRecords: 8 }),
    stepBytes: fc.constantFrom(1, 300, 1 << 20),
  }),
);

describe('a copy that merges by time', () => {
  it('puts all records in one order of time, byte for byte, and a verifier finds them in their places', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ content, targets, stepBytes }) => {
        const { engine, open, verify } = await world(content, targets);
        const source = await readTopic(engine, 'old');
        const copy = await open(engine, stepBytes);
        await copy.copyTo(await copy.sourceEnds(), calm());
        const target = await readTopic(engine, 'new');
        expect(target.map((records) => records.map(fingerprint))).toEqual(expected(source, targets));
        const { mismatches, checked } = await verify(copy);
        expect(mismatches).toEqual([]);
        expect(checked).toBe(source.flat().length);
        expect(copy.lag).toBe(0);
        await copy.close();
      }),
      { numRuns: 80 },
    );
  });

  it('comes out the same when it is killed before or after any effect and goes on', async () => {
    await fc.assert(
      fc.asyncProperty(scenario, fc.boolean(), async ({ content, targets }, after) => {
        for (let at = 1; ; at++) {
          const { engine, storage, open, verify } = await world(content, targets);
          const source = await readTopic(engine, 'old');
          const ends = source.map((records) => records.length);
          const mortality = new Mortality(at, after);
          const dying = new MortalLogEngine(mortality, { storage });
          try {
            const copy = await open(dying, 1);
            await copy.copyTo(ends, calm());
          } catch (error) {
            if (!(error instanceof Killed)) throw error;
          }
          const died = mortality.dead;
          const copy = await open();
          await copy.copyTo(ends, calm());
          const target = await readTopic(engine, 'new');
          expect(target.map((records) => records.map(fingerprint))).toEqual(expected(source, targets));
          expect((await verify(copy)).mismatches).toEqual([]);
          await copy.forget();
          expect(storage.writers.get('op-0')?.checkpoints.size).toBe(0);
          if (!died) return;
        }
      }),
      { numRuns: 6 },
    );
  });

  it('fences whoever had it open', async () => {
    const record = { key: Buffer.from('k'), value: Buffer.from('v'), headers: [], timestamp: 1 };
    const { open } = await world([[{ records: [record], compression: 'none' }]], 1);
    const first = await open();
    await open();
    await expect(first.copyTo([1], calm())).rejects.toMatchObject({ code: 'writer-fenced' });
  });
});

describe('a merge that follows writers', () => {
  const record = (key: string, timestamp: number) =>
    encodeBatch([{ key: Buffer.from(key), value: Buffer.from(`${key}@${timestamp}`), headers: [], timestamp }]);
  const values = async (engine: MemoryLogEngine): Promise<string[]> =>
    (await readTopic(engine, 'new')).flat().map((one) => Buffer.from(one.value!).toString());

  it('waits for a partition that may still have something earlier, and goes on without it once it was idle', async () => {
    const { engine, open } = await world([[], []], 1);
    const write = async (partition: number, timestamp: number) =>
      await engine.append({ topic: 'old', partition }, record(`p${partition}`, timestamp));
    const abort = new AbortController();
    const patient = await open(engine, 300, 3_600_000);
    const tail = patient.tail(calm(abort.signal));
    await write(0, 10);
    await write(1, 5);
    await expect.poll(() => values(engine), { interval: 2 }).toEqual(['p1@5']);
    // Partition 1 may still bring something of before 10.
    await write(1, 20);
    await expect.poll(() => values(engine), { interval: 2 }).toEqual(['p1@5', 'p0@10']);
    await write(0, 15);
    await expect.poll(() => values(engine), { interval: 2 }).toEqual(['p1@5', 'p0@10', 'p0@15']);
    expect(patient.late).toBe(0);
    abort.abort();
    await tail;
    await patient.close();

    const impatient = await open(engine, 300, 0);
    const stop = new AbortController();
    const going = impatient.tail(calm(stop.signal));
    await expect.poll(() => values(engine), { interval: 2 }).toEqual(['p1@5', 'p0@10', 'p0@15', 'p1@20']);
    // It was passed over, and comes late now.
    await write(0, 17);
    await expect.poll(() => values(engine), { interval: 2 }).toContain('p0@17');
    await expect.poll(() => impatient.late).toBe(1);
    stop.abort();
    await going;
    await impatient.close();
    const again = await open();
    expect(again.late).toBe(1);
  });

  it('waits for nobody up to given ends', async () => {
    const { engine, open } = await world([[], []], 1);
    const copy = await open(engine, 300, 3_600_000);
    await engine.append({ topic: 'old', partition: 0 }, record('a', 10));
    await copy.copyTo(await copy.sourceEnds(), calm());
    expect(await values(engine)).toEqual(['a@10']);
    expect(copy.lag).toBe(0);
  });
});
