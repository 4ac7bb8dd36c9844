import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKafkaLog } from '#libs/adapters/log-kafka';
import {
  AtomicProducer,
  type LogEngine,
  type ProducedRecord,
  recordsFrom,
  RoundRobinPartitions,
  TopicDirectory,
} from '#libs/core/log';
import { MemoryTopicNames, WallClock } from '#libs/core/log/testing';

const clock = new WallClock();
const record = (value: string, partition: number): ProducedRecord => ({
  key: null,
  value: Buffer.from(value),
  headers: [],
  timestamp: 1_700_000_000_000,
  partition,
});

/** An instance of the service, as far as writing goes. */
interface Instance {
  readonly log: LogEngine;
  readonly directory: TopicDirectory;
  readonly producer: AtomicProducer;
}

describe('a request with an idempotency key, on Apache Kafka', () => {
  const topic = `once-${randomBytes(4).toString('hex')}`;
  const names = new MemoryTopicNames();
  let opened: Instance[];

  async function start(): Promise<Instance> {
    const bootstrapServers = process.env['WEIR_TEST_KAFKA']!.split(',');
    const log = await openKafkaLog({ name: 'test', bootstrapServers, clock });
    const directory = new TopicDirectory(log, names, clock);
    const parts = { directory, clock, random: Math.random, windowMs: 86_400_000, maxKeys: 1_000 };
    const instance = { log, directory, producer: new AtomicProducer(parts) };
    opened.push(instance);
    return instance;
  }
  beforeEach(() => {
    opened = [];
  });
  afterEach(async () => {
    for (const { log } of opened) await log.close();
  });

  const send = ({ producer }: Instance, key: string, hash = key) =>
    producer.produce(topic, [record(`${key}/0`, 0), record(`${key}/1`, 1)], {
      maxHoldMs: 30_000,
      keyless: new RoundRobinPartitions(() => 0),
      idempotency: { key: `${topic}/${key}`, requestHash: hash },
    });

  it('is written once by two instances on one cluster, and over their restarts', async () => {
    const [first, second] = [await start(), await start()];
    await first.directory.create({ name: topic, partitions: 2 });
    const keys = Array.from({ length: 6 }, (_, i) => `k${i}`);
    const answers = await Promise.all(keys.flatMap((key) => [send(first, key), send(second, key), send(first, key)]));
    expect(answers.filter(({ repeated }) => !repeated)).toHaveLength(keys.length);
    const third = await start();
    for (const [at, key] of keys.entries()) {
      const { repeated, outcomes } = await send(third, key);
      expect([repeated, outcomes]).toEqual([true, answers[at * 3]!.outcomes]);
    }
    await expect(send(second, 'k0', 'another')).rejects.toMatchObject({ code: 'idempotency-key-reused' });
    const positions = [0, 1].map((partition) => ({ topic, partition, offset: 0 }));
    const values = (await first.log.fetch({ positions, maxBytes: 1 << 20 })).map((part) =>
      [...recordsFrom(part, 0)].map(({ value }) => String(value)).sort(),
    );
    expect(values).toEqual([keys.map((key) => `${key}/0`), keys.map((key) => `${key}/1`)]);
  });
});
