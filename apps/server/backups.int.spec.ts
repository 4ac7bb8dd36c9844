import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { completeRestore, DiskBackups, restoreBackup } from '#libs/adapters/backups-disk';
import { EmbeddedLog, inspectLog, openEmbeddedLog } from '#libs/adapters/log-embedded';
import { openSqlStore, type SqlStore } from '#libs/adapters/store-sql';
import { databaseProblems } from '#libs/adapters/store-sql/testing';
import { BACKUP_FORMAT, type BackupCut, type BackupManifest, type BackupWork } from '#libs/core/backups';
import { encodeBatch, recordsFrom } from '#libs/core/log';
import { breachesOf, type HistoryRead, type HistoryWrite, WallClock, OneCluster } from '#libs/core/log/testing';
import { readConfig } from '#libs/platform/config';
import { temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { takerOf } from './backups.js';

const PARTITIONS = 3;
const clock = new WallClock();
const GOES_ON: BackupWork = {
  signal: new AbortController().signal,
  pace: () => Promise.resolve(),
  failPoint: () => undefined,
};

/** A log and a database in a data directory. */
class Data {
  private constructor(
    readonly log: EmbeddedLog,
    readonly store: SqlStore,
  ) {}

  static async open(directory: string): Promise<Data> {
    await completeRestore(directory);
    const log = await openEmbeddedLog({
      directory: join(directory, 'log'),
      clock,
      settings: { segmentBytes: 200_000, checkpointBytes: 400_000 },
    });
    return new Data(log, await openSqlStore({ path: join(directory, 'metadata.sqlite') }));
  }

  taker(): () => Promise<BackupCut> {
    const config = readConfig({ env: {}, cwd: '/' });
    const clusters = new OneCluster(this.log);
    return takerOf({ store: this.store, clusters, clock, config, version: 'test' })!;
  }

  async close(): Promise<void> {
    await this.log.close();
    await this.store.close();
  }
}

/** Writers that make log and metadata refer to each other, and write down what they were promised. */
class Writers {
  readonly writes: (HistoryWrite & { acknowledged?: { offset: number } })[] = [];
  #rows = 0;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[];

  constructor(private readonly data: Data) {
    this.#running = Array.from({ length: 6 }, (_, n) => this.#write(`p${n}`, n % PARTITIONS));
  }

  get count(): number {
    return this.writes.length;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  async #write(producer: string, partition: number): Promise<void> {
    for (let sequence = 0; !this.#stop.signal.aborted; sequence++) {
      // First a row, then a record that names it, then a row that names the record.
      const row = ++this.#rows;
      await this.data.store.write((session) => session.run('insert into named (id, place) values (?, null)', [row]));
      const value = `${row}:${producer}:${sequence}:${'x'.repeat(1_500)}`;
      const write: (typeof this.writes)[number] = { topic: 'orders', partition, producer, sequence, value };
      this.writes.push(write);
      const batch = encodeBatch([{ key: null, value: Buffer.from(value), headers: [], timestamp: 0 }]);
      const { baseOffset } = await this.data.log.append({ topic: 'orders', partition }, batch);
      Object.assign(write, { acknowledged: { offset: baseOffset } });
      const place = `${partition}/${baseOffset}`;
      await this.data.store.write((session) => session.run('update named set place = ? where id = ?', [place, row]));
      await this.data.log.commitPositions(producer, [{ topic: 'orders', partition, offset: baseOffset + 1 }]);
    }
  }
}

describe('a backup', () => {
  let directory: TemporaryDirectory;
  let data: Data;
  let backups: DiskBackups;
  const at = (...path: string[]): string => join(directory.path, ...path);

  beforeEach(async () => {
    directory = await temporaryDirectory();
    await mkdir(at('data'));
    data = await Data.open(at('data'));
    await data.log.createTopic({ name: 'orders', partitions: PARTITIONS });
    await data.store.write((session) => session.run('create table named (id integer primary key, place text)'));
    backups = new DiskBackups(at('backups'), clock, {
      log: async (path, pace) => (await inspectLog(path, pace)).problems,
      metadata: async (path) => databaseProblems(path),
    });
  });
  afterEach(async () => {
    await data.close();
    await directory.remove();
  });

  async function take(id: string, taker = data.taker(), work = GOES_ON): Promise<BackupManifest> {
    await backups.begin(id);
    const cut = await taker();
    try {
      return await backups.write(id, cut, false, work);
    } finally {
      cut.release();
    }
  }

  async function restored(id: string): Promise<Data> {
    const to = at(`restored-${id}`);
    await restoreBackup({ from: at('backups', id), to, ...GOES_ON, failPoint: () => undefined });
    return await Data.open(to);
  }

  /** Enough for a few sealed segments and checkpoints. */
  async function underWriters<T>(task: () => Promise<T>, before = 900): Promise<{ result: T; writers: Writers }> {
    const writers = new Writers(data);
    while (writers.count < before) await clock.sleep(5);
    const result = await task();
    const after = writers.count + 60;
    while (writers.count < after) await clock.sleep(5);
    await writers.stop();
    return { result, writers };
  }

  /** What a restored service must be, in one list of breaches. */
  async function breachesIn(manifest: BackupManifest, there: Data, writers: Writers): Promise<readonly string[]> {
    const { partitions } = manifest.log!.topics.find((topic) => topic.name === 'orders')!;
    const ends = partitions.map((one) => one.endOffset);
    const found: string[] = [];
    const described = await there.log.describeTopic('orders');
    if (described.id !== (await data.log.describeTopic('orders')).id) found.push('the topic has another id');
    const reads: HistoryRead[] = [];
    for (const { partition, endOffset } of described.partitions) {
      if (endOffset !== ends[partition])
        found.push(`partition ${partition} ends at ${endOffset}, not ${ends[partition]}`);
      reads.push({ topic: 'orders', partition, records: await readAll(there.log, partition, endOffset) });
    }
    // What was acknowledged beyond the position of the backup need not be there.
    const expected = writers.writes.map((write) =>
      write.acknowledged === undefined || write.acknowledged.offset >= ends[write.partition]!
        ? { ...write, acknowledged: undefined }
        : write,
    );
    found.push(...breachesOf(expected, reads));
    const rows = await there.store.all<{ id: number; place: string | null }>('select id, place from named');
    const ids = new Set(rows.map((row) => row.id));
    for (const { partition, records } of reads) {
      for (const { value, offset } of records) {
        const row = Number(Buffer.from(value!).toString().split(':')[0]);
        if (!ids.has(row)) found.push(`record ${partition}/${offset} names row ${row}, which the metadata lacks`);
      }
    }
    for (const { id, place } of rows) {
      const [partition, offset] = (place ?? '').split('/').map(Number);
      if (place !== null && offset! >= ends[partition!]!) found.push(`row ${id} names ${place}, which the log lacks`);
    }
    for (const { group } of await there.log.listGroups()) {
      for (const { partition, offset } of (await there.log.describeGroup(group)).positions)
        if (offset > ends[partition]!) found.push(`group ${group} stands behind the end`);
    }
    return found;
  }

  async function readAll(log: EmbeddedLog, partition: number, end: number): Promise<HistoryRead['records']> {
    const records: { offset: number; value: Uint8Array | null }[] = [];
    for (let offset = 0; offset < end;) {
      const [part] = await log.fetch({ positions: [{ topic: 'orders', partition, offset }], maxBytes: 500_000 });
      if (part!.error !== undefined) throw part!.error;
      records.push(...[...recordsFrom(part!, offset)].map((one) => ({ offset: one.offset, value: one.value })));
      offset = part!.nextOffset;
    }
    return records;
  }

  it('taken under writers is log and metadata of one moment: all that was acknowledged before, nothing that refers to what is not there', async () => {
    const { result: manifest, writers } = await underWriters(() => take('one'));
    expect(manifest.files.some((file) => file.seal !== undefined)).toBe(true);
    expect(await backups.verify('one', GOES_ON)).toMatchObject({ problems: [] });
    const there = await restored('one');
    expect(there.log.logId).toBe(data.log.logId);
    expect(await breachesIn(manifest, there, writers)).toEqual([]);
    // And it goes on from there.
    const batch = encodeBatch([{ key: null, value: Buffer.from('more'), headers: [], timestamp: 0 }]);
    const ends = manifest.log!.topics[0]!.partitions.map((one) => one.endOffset);
    expect(await there.log.append({ topic: 'orders', partition: 0 }, batch)).toMatchObject({ baseOffset: ends[0] });
    await there.close();
  });

  it('negative control: log and metadata fixed one after the other refer to what is not there', async () => {
    const taker = data.taker();
    const apart = async (): Promise<BackupCut> => {
      const early = await taker();
      const before = await count();
      while ((await count()) < before + 40) await clock.sleep(5);
      const late = await taker();
      return {
        ...late,
        files: [
          ...early.files.filter((file) => file.path.startsWith('metadata/')),
          ...late.files.filter((file) => file.path.startsWith('log/')),
        ],
        release: () => {
          early.release();
          late.release();
        },
      };
    };
    const { result: manifest, writers } = await underWriters(() => take('apart', apart), 50);
    const there = await restored('apart');
    expect((await breachesIn(manifest, there, writers)).join()).toContain('which the metadata lacks');
    await there.close();
  });

  async function count(): Promise<number> {
    return (await data.store.one<{ n: number }>('select count(*) as n from named'))!.n;
  }

  it('is the same when everything it was taken of was deleted while it was copied', async () => {
    const { writers } = await underWriters(() => Promise.resolve(), 900);
    let isFirst = true;
    const manifest = await take('held', data.taker(), {
      ...GOES_ON,
      failPoint: async () => {
        if (!isFirst) return;
        isFirst = false;
        const id = (await data.log.describeTopic('orders')).id;
        await data.log.deleteTopic('orders');
        for (let n = 0; n < 2; n++) await data.log.checkpoint();
        await data.store.write((session) => session.run('delete from named'));
        await data.log.createTopic({ name: 'orders', partitions: PARTITIONS });
        expect((await data.log.describeTopic('orders')).id).not.toBe(id);
      },
    });
    const there = await restored('held');
    const found = await breachesIn(manifest, there, writers);
    expect(found).toEqual(['the topic has another id']);
    await there.close();
  });

  it('knows the producers of batches and what each has written last: a repetition is not written again', async () => {
    const identity = await data.log.openProducer('shop');
    const batch = (baseSequence: number): Buffer =>
      encodeBatch([{ key: null, value: Buffer.from(`${baseSequence}`), headers: [], timestamp: 0 }], {
        producer: { id: identity.producerId, epoch: identity.epoch, baseSequence },
      });
    const to = { topic: 'orders', partition: 2 };
    for (const sequence of [0, 1, 2]) await data.log.append(to, batch(sequence));
    await take('one');
    const there = await restored('one');
    expect(await there.log.append(to, batch(1))).toMatchObject({ baseOffset: 1 });
    await expect(there.log.append(to, batch(9))).rejects.toMatchObject({ code: 'out-of-order-sequence' });
    expect(await there.log.append(to, batch(3))).toMatchObject({ baseOffset: 3 });
    // The name goes on under the same id, and fences who wrote before.
    const again = await there.log.openProducer('shop');
    expect(again).toEqual({ producerId: identity.producerId, epoch: identity.epoch + 1 });
    await expect(there.log.append(to, batch(4))).rejects.toMatchObject({ code: 'stale-producer-epoch' });
    await there.close();
    // Control: a log that starts without what the backup holds knows none of them.
    await mkdir(at('empty'));
    const fresh = await Data.open(at('empty'));
    await fresh.log.createTopic({ name: 'orders', partitions: PARTITIONS });
    await expect(fresh.log.append(to, batch(1))).rejects.toMatchObject({ code: 'unknown-producer' });
    await fresh.close();
  });

  it('shares files that do not change with the one before, and loses nothing when that one is deleted', async () => {
    const { writers } = await underWriters(() => take('first'));
    const manifest = await take('second');
    const sealed = manifest.files.filter((file) => file.seal !== undefined);
    const inodes = await Promise.all(
      sealed.map(async ({ path }) => {
        const [one, other] = [
          await stat(at('backups/second', path)),
          await stat(at('backups/first', path)).catch(() => undefined),
        ];
        return one.ino === other?.ino;
      }),
    );
    expect(inodes.filter(Boolean).length).toBeGreaterThan(0);
    await backups.remove('first');
    expect((await backups.list()).map((one) => one.manifest.id)).toEqual(['second']);
    expect(await backups.verify('second', GOES_ON)).toMatchObject({ problems: [] });
    const there = await restored('second');
    expect(await breachesIn(manifest, there, writers)).toEqual([]);
    await there.close();
  });

  it('of which any file has a flipped bit, is cut or is missing is found out when it is read back, and when it is restored: then nothing is', async () => {
    await underWriters(() => take('one'), 100);
    const { manifest } = await backups.describe('one');
    const damage: ((path: string, bytes: Buffer) => Promise<void>)[] = [
      async (path, bytes) => {
        bytes[Math.floor(bytes.length / 2)]! ^= 1;
        await writeFile(path, bytes);
      },
      (path, bytes) => writeFile(path, bytes.subarray(0, bytes.length - 1)),
      (path) => rm(path),
    ];
    const files = [...new Set(manifest.files.map((file) => file.path.replace(/\d{3,}/g, 'n')))].map((kind) =>
      manifest.files.find((file) => file.path.replace(/\d{3,}/g, 'n') === kind && file.bytes > 0)!,
    );
    expect(files.length).toBeGreaterThan(5);
    for (const path of [...files.map((file) => file.path), 'manifest.json']) {
      const whole = await readFile(at('backups/one', path));
      for (const harm of damage) {
        await harm(at('backups/one', path), Buffer.from(whole));
        const isGone = path === 'manifest.json' && harm === damage[2];
        const verified = backups.verify('one', GOES_ON);
        if (isGone) await expect(verified).rejects.toMatchObject({ code: 'backup-not-found' });
        else expect((await verified).problems, path).not.toEqual([]);
        const restoring = restoreBackup({
          from: at('backups/one'),
          to: at('empty'),
          ...GOES_ON,
          failPoint: () => undefined,
        });
        await expect(restoring, path).rejects.toMatchObject({ code: isGone ? 'backup-not-found' : 'backup-damaged' });
        expect(await readdir(at('empty')).catch(() => [])).toEqual([]);
        await writeFile(at('backups/one', path), whole);
      }
    }
    expect(await backups.verify('one', GOES_ON)).toMatchObject({ problems: [] });
  });

  it('is not restored over anything, nor when a later release made it', async () => {
    await take('one');
    const onto = { from: at('backups/one'), ...GOES_ON, failPoint: () => undefined };
    await expect(restoreBackup({ ...onto, to: at('data') })).rejects.toMatchObject({
      code: 'data-directory-not-empty',
    });
    expect(await restoreBackup({ ...onto, to: at('new') })).toMatchObject({ id: 'one' });
    expect(await restoreBackup({ ...onto, to: at('new') })).toBeUndefined();
    const manifest = await readFile(at('backups/one/manifest.json'), 'utf8');
    await writeFile(
      at('backups/one/manifest.json'),
      manifest.replace(`"format":${BACKUP_FORMAT}`, `"format":${BACKUP_FORMAT + 1}`),
    );
    await expect(restoreBackup({ ...onto, to: at('newer') })).rejects.toMatchObject({ code: 'backup-newer' });
    expect(await readdir(at('newer')).catch(() => [])).toEqual([]);
  });
});
