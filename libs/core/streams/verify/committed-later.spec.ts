import { describe, expect, it } from 'vitest';
import { encodeBatch, type FetchedPartition, type FetchRequest, TopicDirectories } from '#libs/core/log';
import { MemoryLogEngine, MemoryLogStorage, MemoryTopicNames, OneCluster, WallClock } from '#libs/core/log/testing';
import { LaneCopy } from '../copy/lane-copy.js';
import type { CopyRun } from '../copy/live-copy.js';
import { MigrationHandler } from '../migrate/handler.js';
import { JsonRecordValues } from '../migrate/record-values.js';
import { NoSchemaIds } from '../migrate/schema-ids.js';
import { RowMemory } from '../repartition/row-memory.js';
import { KeyRouter } from '../repartition/routers.js';
import { drive, newOperation, ScriptedTransforms } from '../testing/index.js';
import { CopyVerifier } from './copy-verifier.js';

/** A log that answers a commit some fetches before what was committed can be read. */
class LaterLog extends MemoryLogEngine {
  /** By topic, how many fetches find nothing. */
  readonly hidden = new Map<string, number>();

  override async fetch(request: FetchRequest): Promise<readonly FetchedPartition[]> {
    const fetched = await super.fetch({ ...request, maxWaitMs: 0 });
    return fetched.map((one, i) => {
      const left = this.hidden.get(one.topic) ?? 0;
      if (left === 0) return one;
      this.hidden.set(one.topic, left - 1);
      const { offset } = request.positions[i]!;
      return { ...one, batches: [], nextOffset: offset, endOffset: offset };
    });
  }
}

const run: CopyRun = { signal: new AbortController().signal, pace: async () => undefined, report: () => undefined };

describe('what is read a moment after it was committed', () => {
  it('is waited for by a verification, and is not called missing', async () => {
    const engine = new LaterLog({ storage: new MemoryLogStorage(), denseOffsets: false });
    for (const name of ['old', 'new', '__map']) await engine.createTopic({ name, partitions: 2 });
    const router = new KeyRouter({ sources: 2, targets: 2, partitioner: 'murmur2', nullKeys: 'spread' });
    for (let n = 0; n < 12; n++) {
      const record = { key: Buffer.from(`k${n}`), value: Buffer.from(`v${n}`), headers: [], timestamp: n };
      await engine.append({ topic: 'old', partition: n % 2 }, encodeBatch([record]));
    }
    const spec = { writerPrefix: 'op', source: 'old', target: 'new', map: '__map', deadLetters: undefined, router };
    const tuning = { stepBytes: 100, parallel: 1, tailWaitMs: 1 };
    const copy = await LaneCopy.open(engine, { ...spec, startOffsets: [0, 0] }, tuning);
    await copy.copyTo(await copy.sourceEnds(), run);
    const verifier = new CopyVerifier({
      ...{ engine, source: { topic: 'old', startOffsets: [0, 0] }, target: { topic: 'new', startOffsets: [0, 0] } },
      ...{ map: copy.map, router, level: 'readback' as const },
    });
    engine.hidden.set('new', 5).set('__map', 5);
    const { checked, mismatches } = await verifier.advance();
    expect(mismatches).toEqual([]);
    expect(checked).toBe(12);
  });

  it.each(['dlq', 'park-by-key'])(
    'is waited for by a verification that counts what was set aside (%s)',
    async (policy) => {
      const engine = new LaterLog({ storage: new MemoryLogStorage(), denseOffsets: false });
      const names = new MemoryTopicNames();
      const clock = new WallClock();
      const handler = new MigrationHandler({
        ...{ directories: new TopicDirectories(new OneCluster(engine), names, clock), names, clock },
        ...{ values: new JsonRecordValues(), schemaIds: new NoSchemaIds() },
        transforms: new ScriptedTransforms({ one: () => 1 }),
      });
      await engine.createTopic({ name: 'orders', partitions: 1 });
      for (const value of ['{}', 'not json', '{}', 'nor this']) {
        const record = { key: Buffer.from('k'), value: Buffer.from(value), headers: [], timestamp: 1 };
        await engine.append({ topic: 'orders', partition: 0 }, encodeBatch([record]));
      }
      const poison = { policy, leaveParked: policy === 'park-by-key' };
      const transform = { up: [{ set: 'value.one', cel: 'one' }] };
      const operation = newOperation('op-1', await handler.plan({ topic: 'orders', transform, poison }));
      await drive(handler, operation, { until: 'COPYING' });
      const parked = (await engine.listTopics()).map(({ name }) => name).find((name) => name.includes('parked'))!;
      engine.hidden.set(parked, 8);
      await drive(handler, operation, { until: 'SWITCHED' });
      expect(engine.hidden.get(parked)).toBe(0);
      expect(operation.notes['verification']).toMatchObject({ level: 'full', state: 'passed', mismatchCount: 0 });
    },
  );

  it('is waited for by what a router remembers, as far as it was told', async () => {
    const engine = new LaterLog({ storage: new MemoryLogStorage(), denseOffsets: false });
    await engine.createTopic({ name: '__rows', partitions: 1 });
    const memory = new RowMemory({ log: engine, topic: '__rows' });
    memory.put(Buffer.from('ann'), Buffer.from('Oslo'), { partition: 0, offset: 0 });
    const [changes] = memory.changes();
    const { lastOffset } = await engine.append({ topic: '__rows', partition: 0 }, changes!);
    memory.committed(lastOffset + 1);
    engine.hidden.set('__rows', 3);
    await memory.recall();
    expect(memory.rows.key(memory.rows.shownAs(Buffer.from('Oslo'))).toString()).toBe('ann');
  });
});
