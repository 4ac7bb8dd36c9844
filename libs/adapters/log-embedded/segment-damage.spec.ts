import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { batchesIn, encodeBatch, type PartitionRef, recordsFrom } from '#libs/core/log';
import { type EmbeddedLog, openEmbeddedLog } from './index.js';
import { SimulatedClock, SimulatedFileSystem, SimulatedLock } from './testing/index.js';

/** Bits tried in each byte, one after another; WEIR_SIM_BITS=8 tries every bit. */
const BITS = Number(process.env['WEIR_SIM_BITS'] ?? 1);
const SETTINGS = {
  segmentBytes: 300,
  indexIntervalBytes: 80,
  journalStepBytes: 1_024,
  checkpointIntervalMs: 0,
  retentionCheckMs: 0,
  compactionBytesPerSecond: Infinity,
};
/** A compacted topic, and one that dropped old segments by size and lost records on request. */
const PLACES: readonly PartitionRef[] = ['compacted', 'retained'].map((topic) => ({ topic, partition: 0 }));

function open(files: SimulatedFileSystem): Promise<EmbeddedLog> {
  const identity = () => ({ logId: 'damaged', journalKey: '0123456789abcdef0123456789abcdef' });
  const shared = { directory: '/log', clock: new SimulatedClock(), lock: new SimulatedLock() };
  return openEmbeddedLog({ ...shared, files, settings: SETTINGS, identity });
}

/** What can be read of a partition: offset, key and value of each record, up to its end or the first damage. */
interface Reading {
  readonly records: readonly string[];
  readonly startOffset: number;
  readonly endOffset: number;
  readonly damaged: boolean;
}

async function read(log: EmbeddedLog, place: PartitionRef): Promise<Reading> {
  const { startOffset, endOffset } = (await log.describeTopic(place.topic)).partitions[0]!;
  const records: string[] = [];
  for (let offset = startOffset; ;) {
    const [fetched] = await log.fetch({ positions: [{ ...place, offset }], maxBytes: 500 });
    if (isAppError(fetched!.error, 'partition-degraded')) break;
    for (const one of recordsFrom(fetched!, offset)) records.push(`${one.offset} ${text(one.key)} ${text(one.value)}`);
    if (fetched!.nextOffset === offset) break;
    offset = fetched!.nextOffset;
  }
  const { health } = (await log.describeTopic(place.topic)).partitions[0]!;
  return { records, startOffset, endOffset, damaged: health === 'degraded' };
}

async function readAll(log: EmbeddedLog): Promise<Map<string, Reading>> {
  const found = new Map<string, Reading>();
  for (const place of PLACES) found.set(place.topic, await read(log, place));
  return found;
}

/** The newest record of each key. */
const newestOf = ({ records }: Reading): Map<string, string> =>
  new Map(records.map((one) => [one.split(' ')[1]!, one]));

const text = (bytes: Uint8Array | null): string => (bytes === null ? 'null' : Buffer.from(bytes).toString());

async function append(log: EmbeddedLog, place: PartitionRef, key: string, value: string): Promise<void> {
  const record = { key: Buffer.from(key), value: Buffer.from(value), headers: [], timestamp: 1_700_000_000_000 };
  await log.append(place, encodeBatch([record]));
}

/** Writes so much to each topic that segments of it are compacted, dropped or deleted. */
async function written(files: SimulatedFileSystem): Promise<EmbeddedLog> {
  const log = await open(files);
  const compact = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' };
  const [compacted, retained] = PLACES as [PartitionRef, PartitionRef];
  await log.createTopic({ name: 'compacted', partitions: 1, config: compact });
  await log.createTopic({ name: 'retained', partitions: 1, config: { 'retention.bytes': '600' } });
  for (let i = 0; i < 10; i++) {
    // Every other record is overwritten, so that something of each segment stays.
    await append(log, compacted, i % 2 === 0 ? 'k' : `k${i}`, `c${i}`);
    await append(log, retained, `k${i}`, `r${i}`);
  }
  return log;
}

/** Compacts, drops and deletes. */
async function thinned(log: EmbeddedLog): Promise<void> {
  await log.checkRetention();
  // In the middle of a segment.
  await log.deleteRecords([{ topic: 'retained', partition: 0, offset: 4 }]);
}

interface Remains {
  readonly image: SimulatedFileSystem;
  /** What was in it. */
  readonly whole: ReadonlyMap<string, Reading>;
}

/**
 * `stopped`: in order. `swapped`: killed when new segments had just taken the place of old ones, of which the files and facts of both are there.
 */
async function remains(end: 'stopped' | 'swapped'): Promise<Remains> {
  const files = new SimulatedFileSystem();
  const log = await written(files);
  await log.checkpoint();
  await thinned(log);
  if (end === 'stopped') {
    await log.checkpoint();
    await log.checkpoint();
    for (const place of PLACES) await append(log, place, 'k9', 'behind');
  }
  const whole = await readAll(log);
  if (end === 'swapped') return { image: files.copy(), whole };
  await log.close();
  return { image: files.copy(), whole };
}

/**
 * What of a damaged log contradicts what was in it. Nothing wrong may be served: each partition is whole, or says that it is damaged and serves what lies before the damage. Of the
 * partitions of files that were left alone, all is served.
 */
async function breachesOf(
  copy: SimulatedFileSystem,
  whole: ReadonlyMap<string, Reading>,
  touched: string,
): Promise<string[]> {
  let log: EmbeddedLog;
  try {
    log = await open(copy);
  } catch (error) {
    return [`refused to start: ${String(error)}`];
  }
  const breaches: string[] = [];
  for (const [topic, now] of await readAll(log)) {
    const { records, startOffset, endOffset } = whole.get(topic)!;
    if (now.startOffset !== startOffset) breaches.push(`${topic} begins at ${now.startOffset}, not ${startOffset}`);
    if (now.endOffset !== endOffset) breaches.push(`${topic} ends at ${now.endOffset}, not ${endOffset}`);
    const before = records.slice(0, now.records.length);
    if (now.records.join('\n') !== before.join('\n')) breaches.push(`${topic} serves what was not there`);
    if (!now.damaged && now.records.length < records.length) breaches.push(`${topic} lost records and says nothing`);
    if (now.damaged && topic !== touched) breaches.push(`${topic} suffers from damage elsewhere`);
  }
  await log.close();
  return breaches;
}

/** The files of segments, with the topic they belong to. Topics are numbered as they were created. */
function* segmentFiles(
  { image }: Remains,
  end: 'stopped' | 'swapped',
): Generator<{ path: string; topic: string; bytes: number }> {
  for (const [path, { current }] of image.files()) {
    const number = /\/topics\/([0-9]+)\//.exec(path)?.[1];
    if (number === undefined) continue;
    const { topic } = PLACES[Number(number) - 1]!;
    // A swap does not concern the other one.
    if (end === 'stopped' || topic === 'compacted') yield { path, topic, bytes: current.length };
  }
}

/** Endings of the files that must be among those damaged: segments as they were written and as compaction left them, with all indexes. */
const KINDS = ['0.log', '0.sidecar', '0.index', '0.timeindex', '1.log', '1.sidecar', '1.index', '1.timeindex'];

const kindOf = (path: string): string => {
  const [, , revision, ending] = /([0-9]{20})(\.[0-9]+)?\.([a-z]+)$/.exec(path) ?? [];
  return `${revision === undefined ? 0 : 1}.${ending}`;
};

describe('damage to segments of which records went', () => {
  for (const end of ['stopped', 'swapped'] as const) {
    it(`a bit that flips in any byte of a log that was ${end} is harmless or found, and the file is not cut`, async () => {
      const remained = await remains(end);
      const { image, whole } = remained;
      const kinds = new Set<string>();
      const breaches: string[] = [];
      let flipped = 0;
      for (const { path, topic, bytes } of segmentFiles(remained, end)) {
        kinds.add(kindOf(path));
        for (let at = 0; at < bytes; at++) {
          for (let bit = 0; bit < BITS; bit++) {
            const copy = image.copy();
            copy.files().get(path)!.current[at]! ^= 1 << ((at + bit) % 8);
            const what = `${path} byte ${at}`;
            breaches.push(...(await breachesOf(copy, whole, topic)).map((one) => `${what}: ${one}`));
            // A start may remove the file of a segment that was replaced; it never takes an end off one.
            const left = copy.files().get(path)?.current.length ?? bytes;
            if (path.endsWith('.log') && left < bytes) breaches.push(`${what}: ${bytes - left} bytes were cut off`);
            flipped++;
          }
        }
      }
      expect(breaches).toEqual([]);
      expect([...kinds].sort()).toEqual([...KINDS].sort());
      expect(flipped).toBeGreaterThan(1_000);
    }, 600_000);

    it(`a segment or index of a log that was ${end} and is cut at any byte is found, or nothing is missing`, async () => {
      const remained = await remains(end);
      const { image, whole } = remained;
      const breaches: string[] = [];
      for (const { path, topic, bytes } of segmentFiles(remained, end)) {
        for (let size = 0; size < bytes; size++) {
          const copy = image.copy();
          const inode = copy.files().get(path)!;
          inode.current = Buffer.from(inode.current.subarray(0, size));
          breaches.push(...(await breachesOf(copy, whole, topic)).map((one) => `${path} cut to ${size}: ${one}`));
        }
      }
      expect(breaches).toEqual([]);
    }, 600_000);
  }

  it('a fact of a compaction that was torn at any byte took place or did not: the old segments are there or the new ones, whole', async () => {
    const files = new SimulatedFileSystem();
    const log = await written(files);
    await log.checkpoint();
    const before = await read(log, PLACES[0]!);
    const lengths = new Map<string, Buffer>();
    let torn: SimulatedFileSystem | undefined;
    let journal = '';
    // The moment at which the first fact stands in the journal and is not flushed.
    files.fault = (call, _, path) => {
      const swaps = [...files.files().keys()].some((one) => /\.1\.log$/.test(one));
      if (torn === undefined && call === 'write' && path.includes('journal') && swaps) {
        for (const [name, { current }] of files.files()) lengths.set(name, Buffer.from(current));
      }
      if (torn === undefined && call === 'sync' && path.includes('journal') && lengths.size > 0) {
        torn = files.copy();
        journal = path;
      }
      return undefined;
    };
    await log.checkRetention();
    files.fault = undefined;
    await log.close();
    const unwritten = lengths.get(journal)!;
    const entry = torn!.files().get(journal)!.current;
    let taken = 0;
    let given = 0;
    for (let at = 0; at < entry.length; at++) {
      if (entry[at] === unwritten[at]) continue;
      const copy = torn!.copy();
      // All from here on did not reach the disk.
      const { current } = copy.files().get(journal)!;
      unwritten.copy(current, at, at, unwritten.length);
      const again = await open(copy);
      const now = await read(again, PLACES[0]!);
      const swapped = [...copy.files().keys()].some((one) => /\.1\.log$/.test(one));
      // An entry whose end is missing can be whole: what stands there twice is read from its beginning.
      if (swapped) {
        expect(newestOf(now), `torn at ${at}`).toEqual(newestOf(before));
        expect(before.records, `torn at ${at}`).toEqual(expect.arrayContaining([...now.records]));
        expect([now.damaged, now.endOffset]).toEqual([false, before.endOffset]);
        taken++;
      } else {
        expect(now, `torn at ${at}`).toEqual(before);
        given++;
      }
      await again.close();
    }
    expect([taken > 0, given > 100]).toEqual([true, true]);
  }, 120_000);

  it('negative control: without looking at checksums what flips in a compacted segment is taken for a record', async () => {
    const { image, whole } = await remains('stopped');
    const [path, { current }] = [...image.files()].find(([one]) => kindOf(one) === '1.log')!;
    const valuesOf = (bytes: Uint8Array): string[] => {
      return [...batchesIn(bytes)].map((one) => Buffer.from(one.bytes).toString('latin1'));
    };
    const intact = valuesOf(Buffer.from(current));
    current[current.length - 20]! ^= 0x01;
    expect(valuesOf(current), 'sound to whoever does not look').toHaveLength(intact.length);
    expect(valuesOf(current)).not.toEqual(intact);
    // And the comparison of this suite sees it: with what the flipped bytes say as the truth, the sound log is in breach.
    const sound = await remains('stopped');
    const lie = new Map(whole);
    const told = whole.get('compacted')!;
    lie.set('compacted', { ...told, records: told.records.map((one, i) => (i === 1 ? `${one}!` : one)) });
    expect(await breachesOf(sound.image, lie, 'compacted'), path).toEqual(['compacted serves what was not there']);
  });
});
