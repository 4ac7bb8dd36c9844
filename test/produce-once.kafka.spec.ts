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
  let topic: string;
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
    topic = `once-${randomBytes(4).toString('hex')}`;
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

  /** All values of a partition, sorted. A broker shows the records of a transaction a moment after it has answered: so this waits until there are `count`. */
  async function read(log: LogEngine, partition: number, count: number): Promise<string[]> {
    const values: string[] = [];
    const deadline = clock.monotonic() + 30_000;
    for (let offset = 0; clock.monotonic() < deadline;) {
      const enough = values.length >= count;
      const request = { positions: [{ topic, partition, offset }], maxBytes: 1 << 20, maxWaitMs: enough ? 0 : 1_000 };
      const [part] = await log.fetch(request);
      for (const { value } of recordsFrom(part!, offset)) values.push(String(value));
      if (enough && part!.nextOffset === offset) break;
      offset = part!.nextOffset;
    }
    return values.sort();
  }

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
    const values = [await read(first.log, 0, keys.length), await read(first.log, 1, keys.length)];
    expect(values).toEqual([keys.map((key) => `${key}/0`), keys.map((key) => `${key}/1`)]);
  });
});
