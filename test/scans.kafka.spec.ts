import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKafkaLog } from '#libs/adapters/log-kafka';
import { encodeBatch, type LogEngine, type LogRecord } from '#libs/core/log';
import { WallClock } from '#libs/core/log/testing';
import { parseSubject } from '#libs/core/registry';
import { namedByGuid, namedById, ScanWorld } from '#libs/core/scans/testing';

const signal = new AbortController().signal;
/** What other files have on the broker is counted, too. */
const ROOMY = { records: 5_000_000, bytes: 1024 * 1024 * 1024 };

describe('scans on Apache Kafka', () => {
  let topic: string;
  let log: LogEngine;
  let world: ScanWorld;
  let schema: { readonly id: number; readonly guid: string };
  beforeEach(async () => {
    topic = `orders-${randomBytes(4).toString('hex')}`;
    const bootstrapServers = process.env['WEIR_TEST_KAFKA']!.split(',');
    log = await openKafkaLog({ name: 'test', bootstrapServers, clock: new WallClock() });
    world = new ScanWorld({ kafka: log });
    const sent = { schema: '{"type":"record","name":"R","fields":[{"name":"n","type":["null","int"]}]}' };
    const options = { normalize: false, force: false };
    ({ schema } = await world.registry.register(parseSubject(`${topic}-value`), sent, options));
  });
  afterEach(() => log.close());

  const one = (n: number): LogRecord => namedById(schema.id, n % 5 === 0 ? Uint8Array.of(0) : Uint8Array.of(2, n % 60));

  it('count and try every record once, transactions and their markers between, over the death of processes', async () => {
    await log.createTopic({ name: topic, partitions: 2 });
    const writer = await log.openWriter(`scans-${topic}`);
    for (let n = 0; n < 40; n++) {
      const batch = encodeBatch([one(n), one(n + 1), namedByGuid(schema.guid, Uint8Array.of(0))]);
      if (n % 4 === 0) await writer.commit({ appends: [{ topic, partition: n % 2, batch }] });
      else await log.append({ topic, partition: n % 2 }, batch);
    }
    await writer.close();
    const nulls = Array.from({ length: 40 }, (_, n) => 1 + Number(n % 5 === 0) + Number((n + 1) % 5 === 0)).reduce(
      (sum, count) => sum + count,
      0,
    );
    world.tuning.fetchBytes = 400;

    const usage = await world.start(world.usageHandler(), { cluster: 'kafka', topics: [topic] });
    let lives = 0;
    while (!(await world.run(usage, world.usageHandler(), 3))) lives++;
    expect(lives).toBeGreaterThan(1);
    const { totals } = await world.usages().totals(usage, () => true, { after: '', limit: 10 });
    expect(totals.map(({ schemaId, guid, values }) => [schemaId, guid, values])).toEqual([
      [schema.id, null, 80],
      [null, schema.guid, 40],
    ]);
    const subject = parseSubject(`${topic}-value`);
    for (const scan of [usage, undefined]) {
      const found = await world.usages(ROOMY).usageOf(subject, 1, scan, signal);
      expect(found.counts.reduce((sum, count) => sum + count.values, 0)).toBe(120);
      expect(found.census.incomplete.filter(({ partition }) => partition.topic === topic)).toEqual([]);
      expect(found.bindings).toMatchObject([{ cluster: 'kafka', topic }]);
    }

    const request = {
      cluster: 'kafka',
      topic,
      schema: '{"type":"record","name":"R","fields":[{"name":"n","type":"int"}]}',
    };
    const replay = await world.start(world.replayHandler(), request);
    while (!(await world.run(replay, world.replayHandler(), 3))) lives++;
    const found = await world.replays().result(replay);
    expect(found.complete).toBe(true);
    expect([...found.writers]).toEqual([[schema.id, { read: 120 - nulls, failed: nulls, undecodable: 0 }]]);
  });

  it('take the newest records as samples, transactions and their markers between', async () => {
    const name = `${topic}-samples`;
    await log.createTopic({ name, partitions: 2 });
    const writer = await log.openWriter(`samples-${topic}`);
    const json = (n: number): LogRecord => {
      return { key: null, value: Buffer.from(JSON.stringify({ n })), headers: [], timestamp: -1 };
    };
    for (let n = 0; n < 30; n++) {
      await writer.commit({ appends: [{ topic: name, partition: n % 2, batch: encodeBatch([json(n)]) }] });
    }
    await writer.close();
    await log.append({ topic: name, partition: 1 }, encodeBatch([one(1), { ...json(0), value: null }]));
    const request = { cluster: 'kafka', topic: name, part: 'value', partitions: undefined, records: 12 } as const;
    const { made, sampled } = await world.samples().sample(request, signal, async (samples) => {
      const numbers: string[] = [];
      for await (const node of samples) {
        const n = node.kind === 'object' ? node.members.get('n') : undefined;
        if (n?.kind === 'number') numbers.push(n.text);
      }
      return numbers;
    });
    expect(sampled).toMatchObject({ records: 12, used: 11, absent: 1, undecodable: 0 });
    expect(sampled.writers).toEqual([
      { schemaId: null, records: 10 },
      { schemaId: schema.id, records: 1 },
    ]);
    const even = made.filter((n) => Number(n) % 2 === 0).map(Number);
    const odd = made.filter((n) => Number(n) % 2 === 1).map(Number);
    expect(even).toEqual(Array.from({ length: even.length }, (_, i) => 28 - 2 * (even.length - 1 - i)));
    expect(odd).toEqual(Array.from({ length: odd.length }, (_, i) => 29 - 2 * (odd.length - 1 - i)));
    expect(sampled.partitions.map(({ to }) => to)).toEqual([30, 32]);
  });
});
