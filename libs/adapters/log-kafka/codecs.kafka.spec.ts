import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  compressionName,
  COMPRESSIONS,
  encodeBatch,
  type LogEngine,
  readBatchHeader,
  recordsFrom,
} from '#libs/core/log';
import { openTestEngine, testServers } from './testing/index.js';

/** Where `scripts/services/kafka.mjs` keeps Kafka's own programs. */
const CACHE = join(process.cwd(), '.cache/kafka');

/** Runs one of Kafka's own command line clients, in Java, and answers what it printed. */
async function runClient(main: string, args: readonly string[], input = ''): Promise<string> {
  const versions = (await readdir(CACHE)).filter((name) => /^\d/.test(name)).sort();
  const version = process.env['WEIR_KAFKA_VERSION'] ?? versions.at(-1)!;
  const program = version.startsWith('3.') && main.endsWith('ConsoleProducer') ? 'kafka.tools.ConsoleProducer' : main;
  const jvm = ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-cp', join(CACHE, version, 'libs/*')];
  const running = promisify(execFile)('java', [...jvm, program, ...args], { maxBuffer: 64 * 1024 * 1024 });
  running.child.stdin!.end(input);
  return (await running).stdout;
}

/** Text that compresses, over more than one piece of the Snappy and LZ4 frames. */
const LINES = Array.from({ length: 2_000 }, (_, i) => `{"order":${i},"state":"open","note":"${'ab'.repeat(i % 40)}"}`);

describe.each(COMPRESSIONS)("compression %s, between Kafka's own clients and this engine", (compression) => {
  let engine: LogEngine;
  let topic: string;
  beforeAll(async () => {
    engine = await openTestEngine();
    topic = `codec-${compression}-${Math.random().toString(36).slice(2, 10)}`;
    await engine.createTopic({ name: topic, partitions: 1 });
  });
  afterAll(() => engine.close());

  it(
    'what we write a broker takes and a stock client reads, and the other way round',
    { timeout: 120_000 },
    async () => {
      const timestamp = Date.now();
      const records = LINES.map((line) => ({ key: null, value: Buffer.from(line), headers: [], timestamp }));
      const ref = { topic, partition: 0 };
      const { lastOffset } = await engine.append(ref, encodeBatch(records, { compression }));
      const servers = ['--bootstrap-server', testServers().join(','), '--topic', topic];
      const limits = ['--from-beginning', '--max-messages', String(LINES.length), '--timeout-ms', '60000'];
      const read = await runClient('org.apache.kafka.tools.consumer.ConsoleConsumer', [...servers, ...limits]);
      expect(read.trimEnd().split('\n')).toEqual(LINES);

      const codec = ['--compression-codec', compression, '--batch-size', '100000'];
      await runClient('org.apache.kafka.tools.ConsoleProducer', [...servers, ...codec], LINES.join('\n'));
      const values: string[] = [];
      const used = new Set<string | undefined>();
      for (let offset = lastOffset + 1; values.length < LINES.length;) {
        const [fetched] = await engine.fetch({ positions: [{ ...ref, offset }], maxBytes: 1 << 20, maxWaitMs: 1_000 });
        for (const batch of fetched!.batches) used.add(compressionName(readBatchHeader(batch).compression));
        for (const { value } of recordsFrom(fetched!, offset)) values.push(Buffer.from(value ?? []).toString());
        offset = fetched!.nextOffset;
      }
      expect(values).toEqual(LINES);
      expect([...used]).toEqual([compression]);
    },
  );
});
