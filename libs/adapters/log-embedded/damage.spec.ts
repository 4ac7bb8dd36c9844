import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { batchesIn, detachBatch, encodeBatch, type PartitionRef } from '#libs/core/log';
import { type EmbeddedLog, openEmbeddedLog } from './index.js';
import { SimulatedClock, SimulatedFileSystem, SimulatedLock } from './testing/index.js';
import { readAll, ScriptedClient } from './testing/scripted-client.js';

/** Every how many bytes damage is tried; WEIR_SIM_STRIDE=1 tries every single one, which takes minutes. */
const STRIDE = Number(process.env['WEIR_SIM_STRIDE'] ?? 29);
const SETTINGS = {
  segmentBytes: 1_200,
  indexIntervalBytes: 200,
  journalStepBytes: 1_024,
  bulkBytes: 1_000,
  checkpointIntervalMs: 0,
};

function open(files: SimulatedFileSystem): Promise<EmbeddedLog> {
  const identity = () => ({ logId: 'damaged', journalKey: '0123456789abcdef0123456789abcdef' });
  const shared = { directory: '/log', clock: new SimulatedClock(), lock: new SimulatedLock() };
  return openEmbeddedLog({ ...shared, files, settings: SETTINGS, identity });
}

/** What a log leaves behind, and the client that knows what is in it. */
interface Remains {
  readonly image: SimulatedFileSystem;
  readonly client: ScriptedClient;
}

async function remains(end: 'stopped' | 'killed' | 'killed after a checkpoint'): Promise<Remains> {
  const files = new SimulatedFileSystem();
  const log = await open(files);
  const client = new ScriptedClient();
  await client.work(log);
  if (end === 'killed after a checkpoint') await log.checkpoint();
  if (end === 'stopped') await log.close();
  const image = files.copy();
  await log.close();
  return { image, client };
}

/** The codes with which a start may say that it found damage. */
const DETECTED = ['log-corrupt', 'log-format-unknown', 'log-directory-foreign'];

/**
 * Opens a damaged copy and decides: refused with a clear error, or everything is there, or what is missing is reported by a degraded
 * partition while the others are whole. Anything else is a breach.
 */
async function breachesOf(copy: SimulatedFileSystem, client: ScriptedClient): Promise<string[]> {
  let log: EmbeddedLog;
  try {
    log = await open(copy);
  } catch (error) {
    return isAppError(error) && DETECTED.includes(error.code) ? [] : [`refused with ${String(error)}`];
  }
  // Reading everything finds what the start did not look at.
  for (const partition of [0, 1]) await readAll(log, { topic: 'script', partition });
  const degraded = await degradedPartitions(log);
  const breaches = await client.check(log, (place) => degraded.has(`${place.topic}/${place.partition}`));
  await log.close();
  return breaches;
}

async function degradedPartitions(log: EmbeddedLog): Promise<Set<string>> {
  const found = new Set<string>();
  for (const { name, partitions } of await log.listTopics()) {
    for (const { partition, health } of partitions) if (health === 'degraded') found.add(`${name}/${partition}`);
  }
  return found;
}

describe('damage', () => {
  for (const end of ['stopped', 'killed', 'killed after a checkpoint'] as const) {
    it(`a bit that flips anywhere in a log that was ${end} is harmless or found, and stays in its partition`, async () => {
      const { image, client } = await remains(end);
      for (const [path, { current }] of image.files()) {
        const bits = [0x01, 0x80, 0x10];
        for (let at = path.length % STRIDE; at < current.length; at += STRIDE) {
          if (path.includes('journal') && isFree(current, at)) continue;
          const copy = image.copy();
          copy.files().get(path)!.current[at]! ^= bits[at % bits.length]!;
          expect(await breachesOf(copy, client), `${path} byte ${at}`).toEqual([]);
        }
      }
    }, 240_000);

    it(`a log that was ${end} and is cut at any byte says so, or has lost nothing`, async () => {
      const { image, client } = await remains(end);
      for (const [path, { current }] of image.files()) {
        for (let size = path.length % STRIDE; size < current.length; size += STRIDE) {
          const copy = image.copy();
          const inode = copy.files().get(path)!;
          inode.current = Buffer.from(inode.current.subarray(0, size));
          expect(await breachesOf(copy, client), `${path} cut to ${size}`).toEqual([]);
        }
      }
    }, 240_000);

    it(`any file of a log that was ${end} can be deleted, zeroed or replaced by another without silent loss`, async () => {
      const { image, client } = await remains(end);
      const paths = [...image.files().keys()];
      for (const path of paths) {
        const without = image.copy();
        await without.remove(path);
        expect(await breachesOf(without, client), `${path} deleted`).toEqual([]);
        const zeroed = image.copy();
        zeroed.files().get(path)!.current.fill(0);
        expect(await breachesOf(zeroed, client), `${path} zeroed`).toEqual([]);
        for (const other of paths) {
          if (other === path || extension(other) !== extension(path)) continue;
          const swapped = image.copy();
          const [one, two] = [swapped.files().get(path)!, swapped.files().get(other)!];
          [one.current, two.current] = [two.current, one.current];
          expect(await breachesOf(swapped, client), `${path} and ${other} swapped`).toEqual([]);
        }
      }
    }, 240_000);
  }

  it('a bit that flips under a log that runs is harmless or found, then and at the next start, and others are written meanwhile', async () => {
    const { image, client } = await remains('stopped');
    let found = 0;
    for (const path of image.files().keys()) {
      const { length } = image.files().get(path)!.current;
      for (let at = path.length % STRIDE; at < length; at += STRIDE) {
        const copy = image.copy();
        const log = await open(copy);
        const what = `${path} byte ${at}`;
        const flipped = copy.files().get(path)?.current;
        if (flipped !== undefined && at < flipped.length) flipped[at]! ^= 0x04;
        for (const partition of [0, 1]) await readAll(log, { topic: 'script', partition });
        const degraded = await degradedPartitions(log);
        found += degraded.size;
        expect(degraded.size, `${what}: only its own partition`).toBeLessThan(2);
        const forgiven = (place: PartitionRef): boolean => degraded.has(`${place.topic}/${place.partition}`);
        expect(await client.check(log, forgiven), what).toEqual([]);
        await log.createTopic({ name: 'beside', partitions: 1 });
        const record = { key: null, value: Buffer.from('v'), headers: [], timestamp: 0 };
        await log.append({ topic: 'beside', partition: 0 }, encodeBatch([record]));
        await log.close();
        expect(await breachesOf(copy, client), `${what}: the next start`).toEqual([]);
      }
    }
    expect(found).toBeGreaterThan(0);
  }, 240_000);

  it('a batch with right checksums in the wrong place is found', async () => {
    const { image, client } = await remains('stopped');
    const copy = image.copy();
    const logs = [...copy.files()].filter(([path]) => path.endsWith('/00000000000000000000.log'));
    // The first batch of each partition holds one record at offset 0, both of the same length: each is sound where the other belongs.
    const [one, two] = logs.slice(-2).map(([, inode]) => inode.current);
    const [first] = batchesIn(one!);
    const [second] = batchesIn(two!);
    expect(first!.bytes.length).toBe(second!.bytes.length);
    const kept = Buffer.from(first!.bytes);
    one!.set(second!.bytes, 0);
    two!.set(kept, 0);
    const log = await open(copy);
    for (const partition of [0, 1]) await readAll(log, { topic: 'script', partition });
    expect([...(await degradedPartitions(log))]).toEqual(['script/0', 'script/1']);
    await log.close();
    expect(await breachesOf(copy, client)).toEqual([]);
  });

  it('damage costs only what lies behind it: all records before are read', async () => {
    const { image, client } = await remains('stopped');
    const place: PartitionRef = { topic: 'script', partition: 0 };
    const intact = await open(image.copy());
    const { records } = await readAll(intact, place);
    const [whole] = await intact.fetch({ positions: [{ ...place, offset: 0 }], maxBytes: 1_000_000 });
    await intact.close();
    let position = 0;
    for (const [index, batch] of whole!.batches.entries()) {
      const copy = image.copy();
      const inode = [...copy.files()].find(([path]) => path.includes('0000000001/000/00000000000000000000.log'))![1];
      if (position + 70 >= inode.current.length) break;
      inode.current[position + 70]! ^= 0x10;
      const log = await open(copy);
      expect((await readAll(log, place)).records, `damage in batch ${index}`).toEqual(records.slice(0, index));
      await expect(log.append(place, detachBatch(batch))).rejects.toMatchObject({ code: 'partition-degraded' });
      await log.close();
      // The next start knows it without looking.
      const again = await open(copy);
      expect((await again.describeTopic('script')).partitions[0]!.health).toBe('degraded');
      expect(await client.check(again, (one) => one.partition === 0)).toEqual([]);
      await again.close();
      position += batch.length;
    }
    expect(position).toBeGreaterThan(0);
  });

  it('negative control: a start that cuts at the first bad entry loses what was acknowledged, and the same check sees it', async () => {
    const { image, client } = await remains('killed');
    const losses: string[] = [];
    for (const [path, { current }] of image.files()) {
      if (!path.includes('journal')) continue;
      const used = current.findLastIndex((byte) => byte !== 0);
      for (let at = 256; at < used && losses.length === 0; at += 256) {
        const copy = image.copy();
        // Nothing behind it is there to tell that it was flushed: that is what cutting comes to.
        copy.files().get(path)!.current.fill(0, at);
        losses.push(...(await breachesOf(copy, client)));
      }
    }
    expect(losses.join()).toMatch(/lost|missing|not there|checkpoint|position/i);
  });

  it('negative control: without looking at checksums a flipped bit of a record goes unnoticed', async () => {
    const { image } = await remains('stopped');
    const place: PartitionRef = { topic: 'script', partition: 0 };
    const [, inode] = [...image.files()].find(([path]) => path.endsWith('/000/00000000000000000000.log'))!;
    const intact = [...batchesIn(Buffer.from(inode.current))].map((one) => Buffer.from(one.bytes).toString('hex'));
    inode.current[80]! ^= 0x01;
    const unchecked = [...batchesIn(inode.current)].map((one) => Buffer.from(one.bytes).toString('hex'));
    expect(unchecked).toHaveLength(intact.length);
    expect(unchecked).not.toEqual(intact);
    const log = await open(image);
    expect((await readAll(log, place)).records).toEqual([]);
    expect((await log.describeTopic('script')).partitions[0]!.health).toBe('degraded');
    await log.close();
  });
});

function extension(path: string): string {
  return /journal|state/.exec(path)?.[0] ?? path.slice(path.lastIndexOf('.'));
}

/** Whether a byte lies in the unused rest of a journal file, where nothing can be damaged. */
function isFree(content: Buffer, at: number): boolean {
  return content.subarray(at).every((byte) => byte === 0);
}
