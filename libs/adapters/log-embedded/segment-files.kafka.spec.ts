import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { COMPRESSIONS, encodeBatch } from '#libs/core/log';
import { WallClock } from '#libs/core/log/testing';
import { openEmbeddedLog } from './index.js';

/** Where `scripts/services/kafka.mjs` keeps Kafka's own programs. */
const CACHE = join(process.cwd(), '.cache/kafka');

async function dump(files: readonly string[], ...options: string[]): Promise<{ out: string; complaints: string }> {
  const versions = (await readdir(CACHE)).filter((name) => /^\d/.test(name)).sort();
  const version = process.env['WEIR_KAFKA_VERSION'] ?? versions.at(-1)!;
  const main = version.startsWith('4.3') ? 'org.apache.kafka.tools.DumpLogSegments' : 'kafka.tools.DumpLogSegments';
  const args = ['-Xmx128m', '-cp', join(CACHE, version, 'libs/*'), main, '--files', files.join(','), ...options];
  const { stdout, stderr } = await promisify(execFile)('java', args, { maxBuffer: 64 * 1024 * 1024 });
  const complaints = stderr
    .split('\n')
    .filter((line) => line !== '' && !/log4j|SLF4J|StatusLogger|^\[?\d{4}-/i.test(line));
  return { out: stdout, complaints: complaints.join('\n') };
}

describe("Kafka's own reader", () => {
  it('finds nothing wrong with segments, offset and time indexes, closed or still growing', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'weir-segments-'));
    try {
      const settings = { segmentBytes: 100_000, bulkBytes: 50_000 };
      const log = await openEmbeddedLog({ directory, clock: new WallClock(), settings });
      await log.createTopic({ name: 't', partitions: 1 });
      let batches = 0;
      for (let i = 0; i < 200; i++) {
        // Timestamps that go back at times, batches of every compression, some by reference.
        const records = Array.from({ length: 1 + (i % 4) }, (_, k) => ({
          key: Buffer.from(`key-${k}`),
          value: Buffer.alloc((i * 37) % 1_500, 65),
          headers: [{ key: 'h', value: null }],
          timestamp: 1_700_000_000_000 + ((i * 7_919) % 1_000) + i * 10,
        }));
        await log.append(
          { topic: 't', partition: 0 },
          encodeBatch(records, { compression: COMPRESSIONS[i % COMPRESSIONS.length]! }),
        );
        batches++;
        if (i === 100) await log.checkpoint();
        if (i % 50 !== 49) continue;
        const batch = encodeBatch([
          { key: null, value: Buffer.alloc(30_000), headers: [], timestamp: 1_700_000_000_000 + i },
        ]);
        const writer = await log.openWriter('w');
        await writer.commit({ appends: [1, 2, 3].map(() => ({ topic: 't', partition: 0, batch })) });
        batches += 3;
      }
      await log.close();
      const partition = join(directory, 'topics/0000000001/000');
      const names = (await readdir(partition)).sort();
      const logs = names.filter((name) => name.endsWith('.log'));
      expect(logs.length).toBeGreaterThan(3);
      let valid = 0;
      for (const name of logs) {
        const { out, complaints } = await dump([join(partition, name)], '--deep-iteration');
        expect(complaints, name).toBe('');
        expect(out, name).not.toMatch(/isvalid: false|invalid bytes/);
        valid += out.match(/isvalid: true/g)?.length ?? 0;
      }
      expect(valid).toBe(batches);
      const indexes = names.filter((name) => /\.(index|timeindex)$/.test(name)).map((name) => join(partition, name));
      expect(indexes.length).toBeGreaterThan(logs.length);
      const { complaints } = await dump(indexes);
      expect(complaints).toBe('');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
