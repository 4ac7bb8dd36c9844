import { execFile } from 'node:child_process';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { batchesIn, COMPRESSIONS, decodeBatch, encodeBatch } from '#libs/core/log';
import { WallClock } from '#libs/core/log/testing';
import { temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { type EmbeddedLog, openEmbeddedLog } from './index.js';

/** Where `scripts/services/kafka.mjs` keeps Kafka's own programs. */
const CACHE = join(process.cwd(), '.cache/kafka');
const PARTITION = 'topics/0000000001/000';
const INDEXES = ['index', 'timeindex'] as const;

/** What Kafka's log dumper says of one file. */
interface Dumped {
  /** Batches it calls valid, and those it does not. */
  readonly valid: number;
  readonly invalid: number;
  /** Bytes at the end that it takes for no batch. */
  readonly invalidBytes: number;
  /** Offsets of all records, in its order. */
  readonly offsets: readonly number[];
  /** Offsets that do not follow each other, as pairs, in the order of the log. */
  readonly gaps: readonly string[];
}

/** Dumps files in one run. Its exit code is no verdict: what it says on the other stream and is not about gaps is told in `complaints`. */
async function dump(files: readonly string[], ...options: string[]): Promise<{ of: Dumped[]; complaints: string[] }> {
  const versions = (await readdir(CACHE)).filter((name) => /^\d/.test(name)).sort();
  const version = process.env['WEIR_KAFKA_VERSION'] ?? versions.at(-1)!;
  const main = version.startsWith('4.3') ? 'org.apache.kafka.tools.DumpLogSegments' : 'kafka.tools.DumpLogSegments';
  const args = ['-Xmx128m', '-cp', join(CACHE, version, 'libs/*'), main, '--files', files.join(','), ...options];
  const { stdout, stderr } = await promisify(execFile)('java', args, { maxBuffer: 256 * 1024 * 1024 });
  const gaps = new Map<string, string[]>();
  const complaints: string[] = [];
  let about: string[] | undefined;
  for (const line of stderr.split('\n')) {
    if (line === '' || /log4j|SLF4J|StatusLogger|^\[?\d{4}-/i.test(line)) continue;
    const file = /^Non-consecutive offsets in :?(\S+)/.exec(line)?.[1];
    const pair = /^\s*(\d+) is followed by (\d+)/.exec(line);
    if (file !== undefined) gaps.set(file, (about = []));
    else if (pair !== null && about !== undefined) about.unshift(`${pair[1]} ${pair[2]}`);
    else complaints.push(line);
  }
  const texts = new Map(stdout.split(/^Dumping /m).map((text) => [text.slice(0, text.indexOf('\n')).trim(), text]));
  const of = files.map((file): Dumped => {
    const text = texts.get(file);
    if (text === undefined) throw new Error(`it says nothing of ${file}:\n${stdout.slice(0, 2_000)}${stderr}`);
    return {
      valid: text.match(/isvalid: true/g)?.length ?? 0,
      invalid: text.match(/isvalid: false/g)?.length ?? 0,
      invalidBytes: Number(/(\d+) invalid bytes/.exec(text)?.[1] ?? 0),
      offsets: [...text.matchAll(/^\| offset: (\d+) /gm)].map((match) => Number(match[1])),
      gaps: gaps.get(file) ?? [],
    };
  });
  return { of, complaints };
}

/** The segments of a partition, by file, oldest first; compacted ones have a revision in their names. */
async function segmentsOf(partition: string): Promise<string[]> {
  return (await readdir(partition)).filter((name) => /^[0-9]{20}(\.[0-9]+)?\.log$/.test(name)).sort();
}

/**
 * Kafka's reader looks for an index beside a log of the same name, and wants no revision in it: a segment under the name it expects, with or without its indexes.
 * @returns the paths of the log and of the indexes that are there.
 */
async function shown(partition: string, name: string, directory: string, indexes: boolean) {
  await mkdir(directory, { recursive: true });
  const base = join(directory, name.slice(0, 20));
  await copyFile(join(partition, name), `${base}.log`);
  const there = new Set(await readdir(partition));
  const found: string[] = [];
  for (const ending of indexes ? INDEXES : []) {
    const own = name.replace(/log$/, ending);
    if (!there.has(own)) continue;
    await copyFile(join(partition, own), `${base}.${ending}`);
    found.push(`${base}.${ending}`);
  }
  return { log: `${base}.log`, indexes: found };
}

/** How many batches of ours a file has, and the offsets of their records. */
async function countedIn(file: string): Promise<{ batches: number; offsets: number[] }> {
  const slices = [...batchesIn(await readFile(file))];
  const offsets = slices.flatMap(({ bytes }) => decodeBatch(bytes).records.map((record) => record.offset));
  return { batches: slices.length, offsets };
}

describe("Kafka's own reader", () => {
  let temporary: TemporaryDirectory;
  let directory: string;
  let partition: string;
  beforeEach(async () => {
    temporary = await temporaryDirectory();
    directory = join(temporary.path, 'log');
    partition = join(directory, PARTITION);
  });
  afterEach(() => temporary.remove());

  /** A log whose segments are closed after some 100 KB, with batches of every compression. @returns how many batches it has. */
  async function grown(): Promise<number> {
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
      const compression = COMPRESSIONS[i % COMPRESSIONS.length]!;
      await log.append({ topic: 't', partition: 0 }, encodeBatch(records, { compression }));
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
    return batches;
  }

  it('finds nothing wrong with segments, offset and time indexes, closed or still growing', async () => {
    const batches = await grown();
    const names = await segmentsOf(partition);
    expect(names.length).toBeGreaterThan(3);
    const logs = names.map((name) => join(partition, name));
    const { of, complaints } = await dump(logs, '--deep-iteration');
    expect(complaints).toEqual([]);
    expect(of.filter((one) => one.invalid + one.invalidBytes + one.gaps.length > 0)).toEqual([]);
    expect(of.reduce((sum, one) => sum + one.valid, 0)).toBe(batches);
    const indexes = (await readdir(partition)).filter((name) => /\.(index|timeindex)$/.test(name));
    expect(indexes.length).toBeGreaterThan(logs.length);
    expect((await dump(indexes.map((name) => join(partition, name)))).complaints).toEqual([]);
    // The same without them: they are nothing a log needs.
    const bare = await Promise.all(names.map((name) => shown(partition, name, join(temporary.path, 'bare'), false)));
    const without = await dump(
      bare.map((one) => one.log),
      '--deep-iteration',
    );
    expect(without).toEqual({ of, complaints: [] });
  });

  const KEYS = 40;
  const APPENDS = 300;
  const keysOf = (i: number): number[] => Array.from({ length: 1 + (i % 3) }, (_, k) => (i * 7 + k) % KEYS);

  /** Overwrites keys again and again in small segments, and has them compacted. */
  async function compacted(): Promise<EmbeddedLog> {
    const settings = { segmentBytes: 20_000, indexIntervalBytes: 500, retentionCheckMs: 0 };
    const log = await openEmbeddedLog({ directory, clock: new WallClock(), settings });
    const config = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' };
    await log.createTopic({ name: 't', partitions: 1, config });
    for (let i = 0; i < APPENDS; i++) {
      const records = keysOf(i).map((key, k) => ({
        key: Buffer.from(`key-${key}`),
        value: i % 11 === 0 ? null : Buffer.alloc(100 + ((i * 37) % 500), 65 + k),
        headers: [],
        timestamp: 1_700_000_000_000 + i,
      }));
      const compression = COMPRESSIONS[i % COMPRESSIONS.length]!;
      await log.append({ topic: 't', partition: 0 }, encodeBatch(records, { compression }));
    }
    await log.checkRetention();
    return log;
  }

  /** The offsets that compaction must leave, from what was written alone: below the segment that still grows the newest record of each key, and all from there on. */
  function modelOf(growsFrom: number): number[] {
    const keys = Array.from({ length: APPENDS }, (_, i) => keysOf(i)).flat();
    const newest = new Map(keys.slice(0, growsFrom).map((key, offset) => [key, offset]));
    return [...newest.values()].sort((a, b) => a - b).concat(keys.map((_, offset) => offset).slice(growsFrom));
  }

  it('finds every batch of compacted segments sound, with exactly the gaps that overwritten records leave, with and without indexes', async () => {
    await (await compacted()).close();
    const names = await segmentsOf(partition);
    const growing = names.at(-1)!;
    expect(growing).toMatch(/^[0-9]{20}\.log$/);
    const model = modelOf(Number(growing.slice(0, 20)));
    const made = names.filter((name) => name !== growing);
    expect(made.filter((name) => /^[0-9]{20}\.[0-9]+\.log$/.test(name)).length).toBeGreaterThan(0);

    for (const indexes of [true, false]) {
      const all = await Promise.all(
        names.map((name) => shown(partition, name, join(temporary.path, `shown-${indexes}`), indexes)),
      );
      const { of, complaints } = await dump(
        all.map((one) => one.log),
        '--deep-iteration',
      );
      expect(complaints).toEqual([]);
      expect(of.flatMap((one) => one.offsets)).toEqual(model);
      for (const [i, one] of of.entries()) {
        const { batches, offsets } = await countedIn(join(partition, names[i]!));
        expect(one, names[i]).toMatchObject({ valid: batches, invalid: 0, invalidBytes: 0, offsets });
        const ours = model.filter((offset) => offsets.includes(offset));
        const gaps = ours.slice(1).flatMap((next, at) => (next === ours[at]! + 1 ? [] : [`${ours[at]} ${next}`]));
        expect(one.gaps, names[i]).toEqual(gaps);
      }
      expect(of.flatMap((one) => one.gaps).length).toBeGreaterThan(0);
      const files = all.flatMap((one) => one.indexes);
      if (!indexes) expect(files).toEqual([]);
      else {
        expect(files.length).toBeGreaterThan(1);
        expect((await dump(files)).complaints).toEqual([]);
      }
    }
  });

  it('negative control: a flipped bit, a cut, a batch that is missing and an index of another place are told', async () => {
    const batches = await grown();
    const name = (await segmentsOf(partition))[0]!;
    const bytes = await readFile(join(partition, name));
    const slices = [...batchesIn(bytes)];
    const harmed = async (what: string, content: Uint8Array): Promise<Dumped> => {
      const { log } = await shown(partition, name, join(temporary.path, what), true);
      await writeFile(log, content);
      return (await dump([log], '--deep-iteration')).of[0]!;
    };
    const flipped = Buffer.from(bytes);
    flipped[slices[0]!.bytes.length - 1]! ^= 1;
    expect(await harmed('flipped', flipped).catch(String)).not.toMatchObject({ valid: slices.length, invalid: 0 });
    const cut = await harmed('cut', bytes.subarray(0, bytes.length - 3));
    expect(cut.invalidBytes).toBeGreaterThan(0);
    expect(cut.valid).toBe(slices.length - 1);
    const [second, third] = [slices[1]!.at, slices[2]!.at];
    const holed = await harmed('holed', Buffer.concat([bytes.subarray(0, second), bytes.subarray(third)]));
    expect(holed.valid).toBe(slices.length - 1);
    expect(holed.gaps).toHaveLength(1);
    const moved = await shown(partition, name, join(temporary.path, 'moved'), true);
    const index = await readFile(moved.indexes[0]!);
    index.writeInt32BE(index.readInt32BE(4) + 1, 4);
    await writeFile(moved.indexes[0]!, index);
    expect(
      (await dump([moved.indexes[0]!]).catch((error) => ({ complaints: [String(error)] }))).complaints,
    ).not.toEqual([]);
    expect(batches).toBeGreaterThan(slices.length);
  });
});
