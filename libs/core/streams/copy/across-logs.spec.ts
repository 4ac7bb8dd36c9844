import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchesIn, encodeBatch, type LogEngine, type LogRecord } from '#libs/core/log';
import { MemoryLogEngine } from '#libs/core/log/testing';
import {
  ANY_TIMESTAMP,
  anyContent,
  appendContent,
  fingerprint,
  readTopic,
  type TopicContent,
} from '../testing/index.js';
import { CopyVerifier } from '../verify/copy-verifier.js';
import type { VerificationLevel } from '../verify/verification.js';
import type { MismatchKind } from '../verify/mismatch.js';
import { LaneCopy } from './lane-copy.js';
import type { CopyRun } from './live-copy.js';
import { StraightRouter } from './straight-router.js';

const RUN: CopyRun = { signal: new AbortController().signal, pace: async () => undefined, report: () => undefined };

/** A topic of one log, copied straight into another. */
async function copied(content: TopicContent, dense: { from: boolean; to: boolean }, stepBytes = 300) {
  const from = new MemoryLogEngine({ denseOffsets: dense.from });
  const to = new MemoryLogEngine({ denseOffsets: dense.to });
  const partitions = content.length;
  await from.createTopic({ name: 'orders', partitions, config: ANY_TIMESTAMP });
  await appendContent(from, 'orders', content);
  await to.createTopic({ name: 'orders', partitions, state: 'FENCED' });
  await to.createTopic({ name: '__map', partitions });
  const router = new StraightRouter(partitions);
  const copy = await LaneCopy.open(
    to,
    {
      writerPrefix: 'move',
      source: 'orders',
      sourceLog: from,
      target: 'orders',
      map: '__map',
      deadLetters: undefined,
      router,
      startOffsets: content.map(() => 0),
    },
    { stepBytes, parallel: 2, tailWaitMs: 1 },
  );
  const verifier = (level: VerificationLevel, target = 'orders') =>
    new CopyVerifier({
      engine: to,
      source: { log: from, topic: 'orders', startOffsets: content.map(() => 0) },
      target: { topic: target, startOffsets: content.map(() => 0) },
      map: copy.map,
      router,
      level,
    });
  return { from, to, copy, verifier };
}

const texts = async (engine: LogEngine, topic: string): Promise<string[][]> =>
  (await readTopic(engine, topic)).map((records) => records.map(fingerprint));

describe('a copy from one log to another', () => {
  it('is the source, partition by partition and byte for byte, and is verified', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 5 }).chain((partitions) => anyContent(partitions)),
        fc.record({ from: fc.boolean(), to: fc.boolean() }),
        fc.integer({ min: 1, max: 2_000 }),
        async (content, dense, stepBytes) => {
          const { from, to, copy, verifier } = await copied(content, dense, stepBytes);
          await copy.copyTo(await copy.sourceEnds(), RUN);
          expect(await texts(to, 'orders')).toEqual(await texts(from, 'orders'));
          for (const level of ['readback', 'full'] as const) {
            const { mismatches, checked } = await verifier(level).advance();
            expect(mismatches).toEqual([]);
            expect(checked).toBe((await readTopic(from, 'orders')).flat().length);
          }
          // Nothing was written to the source's log but what was there.
          expect((await from.listTopics()).map((one) => one.name)).toEqual(['orders']);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('passes compressed batches on as they are', async () => {
    const records = Array.from({ length: 50 }, (_, n): LogRecord => {
      return { key: Buffer.from(`k${n}`), value: Buffer.from('v'.repeat(20)), headers: [], timestamp: n };
    });
    const { from, to, copy } = await copied([[{ records, compression: 'gzip' }]], { from: true, to: true });
    await copy.copyTo(await copy.sourceEnds(), RUN);
    const stored = async (engine: LogEngine): Promise<Buffer[]> => {
      const [fetched] = await engine.fetch({
        positions: [{ topic: 'orders', partition: 0, offset: 0 }],
        maxBytes: 1 << 20,
      });
      return fetched!.batches.flatMap((bytes) => [...batchesIn(bytes)].map((one) => Buffer.from(one.bytes)));
    };
    expect(await stored(to)).toEqual(await stored(from));
  });

  it('goes on in another process where the last commit ended, and fences the one before', async () => {
    const records = Array.from({ length: 40 }, (_, n): LogRecord => {
      return { key: null, value: Buffer.from(`v${n}`), headers: [], timestamp: n };
    });
    const content = [records.map((record) => ({ records: [record], compression: 'none' as const }))];
    const { from, to, copy } = await copied(content, { from: true, to: false });
    await copy.copyTo([20], RUN);
    const next = await LaneCopy.open(to, copy.spec, { stepBytes: 300, parallel: 1, tailWaitMs: 1 });
    expect(next.positions[0]).toBeGreaterThanOrEqual(20);
    await expect(copy.copyTo([40], RUN)).rejects.toMatchObject({ code: 'writer-fenced' });
    await next.copyTo([40], RUN);
    expect(await texts(to, 'orders')).toEqual(await texts(from, 'orders'));
  });
});

describe('the verification of a copy across logs', () => {
  const CONTENT: TopicContent = [0, 1].map((partition) =>
    Array.from({ length: 20 }, (_, n) => ({
      records: [
        {
          key: Buffer.from(`k${n % 5}`),
          value: n % 7 === 3 ? null : Buffer.from(`v${partition}-${n}`),
          headers: [{ key: 'h', value: Buffer.from([n]) }],
          timestamp: 1_700_000_000_000 + n,
        },
      ],
      compression: 'none' as const,
    })),
  );

  type Change = (partitions: LogRecord[][]) => void;
  const DAMAGES: Record<string, { kinds: MismatchKind[]; change: Change }> = {
    'a dropped record': { kinds: ['missing', 'different'], change: ([one]) => void one!.splice(7, 1) },
    'a duplicated record': { kinds: ['unclaimed', 'different'], change: ([one]) => void one!.splice(7, 0, one![7]!) },
    'two swapped records': {
      kinds: ['different'],
      change: ([one]) => void one!.splice(7, 2, one![8]!, one![7]!),
    },
    'a changed timestamp': {
      kinds: ['different'],
      change: ([one]) => void one!.splice(7, 1, { ...one![7]!, timestamp: 5 }),
    },
    'a tombstone that became empty': {
      kinds: ['different'],
      change: ([one]) => void one!.splice(10, 1, { ...one![10]!, value: Buffer.alloc(0) }),
    },
    'a record in another partition': {
      kinds: ['missing', 'unclaimed', 'different'],
      change: ([one, two]) => void two!.push(one!.pop()!),
    },
    'a record that came back': { kinds: ['unclaimed'], change: ([one]) => void one!.push(one![3]!) },
  };

  for (const [name, { kinds, change }] of Object.entries(DAMAGES)) {
    it(`finds ${name}`, async () => {
      const { to, copy, verifier } = await copied(CONTENT, { from: true, to: true });
      await copy.copyTo(await copy.sourceEnds(), RUN);
      const partitions: LogRecord[][] = (await readTopic(to, 'orders')).map((records) => [...records]);
      change(partitions);
      await to.createTopic({ name: 'tampered', partitions: 2 });
      for (const [partition, records] of partitions.entries())
        for (const record of records) await to.append({ topic: 'tampered', partition }, encodeBatch([record]));
      const { mismatches } = await verifier('readback', 'tampered').advance();
      expect(mismatches.length).toBeGreaterThan(0);
      for (const { kind } of mismatches) expect(kinds).toContain(kind);
    });
  }

  it('reads the source in its own log, when it reads it again', async () => {
    const { from, copy, verifier } = await copied(CONTENT, { from: true, to: true });
    await copy.copyTo(await copy.sourceEnds(), RUN);
    from.dropBefore({ topic: 'orders', partition: 1 }, 4);
    expect((await verifier('readback').advance()).mismatches).toEqual([]);
    await expect(verifier('full').advance()).rejects.toMatchObject({ code: 'offset-out-of-range' });
  });
});
