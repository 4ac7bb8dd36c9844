import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { COMPRESSIONS, encodeBatch, recordsFrom } from '#libs/core/log';
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

  it('finds compacted segments sound, with exactly the gaps that overwritten records left', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'weir-compacted-'));
    try {
      const settings = { segmentBytes: 20_000, indexIntervalBytes: 500, retentionCheckMs: 0 };
      const log = await openEmbeddedLog({ directory, clock: new WallClock(), settings });
      const config = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' };
      await log.createTopic({ name: 't', partitions: 1, config });
      for (let i = 0; i < 300; i++) {
        const records = Array.from({ length: 1 + (i % 3) }, (_, k) => ({
          key: Buffer.from(`key-${(i * 7 + k) % 40}`),
          value: i % 11 === 0 ? null : Buffer.alloc(100 + ((i * 37) % 500), 65 + k),
          headers: [],
          timestamp: 1_700_000_000_000 + i,
        }));
        const compression = COMPRESSIONS[i % COMPRESSIONS.length]!;
        await log.append({ topic: 't', partition: 0 }, encodeBatch(records, { compression }));
      }
      await log.checkRetention();
      const offsets: number[] = [];
      for (let offset = 0; ;) {
        const [fetched] = await log.fetch({ positions: [{ topic: 't', partition: 0, offset }], maxBytes: 1 << 20 });
        for (const record of recordsFrom(fetched!, offset)) offsets.push(record.offset);
        if (fetched!.nextOffset === offset) break;
        offset = fetched!.nextOffset;
      }
      await log.close();
      const partition = join(directory, 'topics/0000000001/000');
      const compacted = (await readdir(partition)).filter((name) => /^[0-9]{20}\.[0-9]+\.log$/.test(name));
      expect(compacted.length).toBeGreaterThan(0);
      // Kafka's reader looks for an index beside a log of the same name: each is shown to it under the name it expects.
      for (const [number, name] of compacted.entries()) {
        const base = name.slice(0, 20);
        const shown = join(directory, `shown-${number}`);
        await mkdir(shown);
        for (const ending of ['log', 'index', 'timeindex']) {
          const from = join(partition, name.replace(/log$/, ending));
          if (existsSync(from)) await copyFile(from, join(shown, `${base}.${ending}`));
        }
        const { out, complaints } = await dump([join(shown, `${base}.log`)], '--deep-iteration');
        expect(out, name).not.toMatch(/isvalid: false|invalid bytes/);
        const found = [...out.matchAll(/^\| offset: (\d+) /gm)].map((match) => Number(match[1]));
        expect(out.match(/isvalid: true/g)?.length ?? 0).toBeGreaterThan(0);
        const [first, last] = [found[0]!, found.at(-1)!];
        const expected = offsets.filter((one) => one >= first && one <= last);
        expect(found, name).toEqual(expected);
        const gaps = expected.slice(1).flatMap((one, i) => (one === expected[i]! + 1 ? [] : [`${expected[i]} ${one}`]));
        const told = [...complaints.matchAll(/(\d+) is followed by (\d+)/g)].map((match) => `${match[1]} ${match[2]}`);
        // It tells the last one first.
        expect(told.reverse(), name).toEqual(gaps);
        const rest = complaints
          .split('\n')
          .filter((line) => line !== '' && !/Non-consecutive|is followed by/.test(line));
        expect(rest, name).toEqual([]);
        const indexes = (await readdir(shown)).filter((one) => !one.endsWith('.log')).map((one) => join(shown, one));
        expect(indexes.length).toBeGreaterThan(0);
        expect((await dump(indexes)).complaints, name).toBe('');
      }
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
