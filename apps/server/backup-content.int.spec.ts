import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskBackups, restoreBackup } from '#libs/adapters/backups-disk';
import { inspectLog, openEmbeddedLog } from '#libs/adapters/log-embedded';
import { openSqlStore } from '#libs/adapters/store-sql';
import { databaseProblems } from '#libs/adapters/store-sql/testing';
import { archiveParts, manifestText, type BackupContent } from '#libs/core/backups';
import { encodeBatch } from '#libs/core/log';
import { WallClock, OneCluster } from '#libs/core/log/testing';
import { readConfig } from '#libs/platform/config';
import { temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { takerOf } from './backups.js';

const clock = new WallClock();
const signal = new AbortController().signal;
const NO_LIMIT = Number.MAX_SAFE_INTEGER;
const CHECKS = {
  log: async (path: string) => (await inspectLog(path, () => Promise.resolve())).problems,
  metadata: async (path: string) => databaseProblems(path),
};

async function* inPieces(bytes: Uint8Array, size = 100_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function bytesOf(content: BackupContent, from = 0, to = content.bytes): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.read(from, to, signal)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('a backup that goes elsewhere', () => {
  let directory: TemporaryDirectory;
  let here: DiskBackups;
  let there: DiskBackups;
  const at = (...path: string[]): string => join(directory.path, ...path);

  beforeEach(async () => {
    directory = await temporaryDirectory();
    here = new DiskBackups(at('here'), clock, CHECKS);
    there = new DiskBackups(at('there'), clock, CHECKS);
    await take();
  });
  afterEach(() => directory.remove());

  /** A log with a few segments and a database, as backup `one`. */
  async function take(): Promise<void> {
    await mkdir(at('data'));
    const log = await openEmbeddedLog({ directory: at('data/log'), clock, settings: { segmentBytes: 200_000 } });
    const store = await openSqlStore({ path: at('data/metadata.sqlite') });
    await log.createTopic({ name: 'orders', partitions: 1 });
    for (let n = 0; n < 50; n++) {
      const value = Buffer.alloc(20_000, n);
      await log.append(
        { topic: 'orders', partition: 0 },
        encodeBatch([{ key: null, value, headers: [], timestamp: 0 }]),
      );
    }
    const clusters = new OneCluster(log);
    const config = readConfig({ env: {}, cwd: '/' });
    const cut = await takerOf({ store, clusters, clock, config, version: 'test' })!();
    await here.begin('one');
    const work = { signal, pace: () => Promise.resolve(), failPoint: () => undefined };
    await here.write('one', cut, false, work);
    cut.release();
    await log.close();
    await store.close();
  }

  const refusal = (bytes: Uint8Array, backups = there): Promise<string> =>
    backups.receive('one', inPieces(bytes), NO_LIMIT, signal).then(
      () => 'taken in',
      (error: unknown) => (error as { code?: string }).code ?? String(error),
    );

  it('is the same there, sound, and restored from there', async () => {
    const content = await here.content('one');
    const bytes = await bytesOf(content);
    expect(bytes.length).toBe(content.bytes);
    const { backup, isNew } = await there.receive('one', inPieces(bytes), NO_LIMIT, signal);
    expect(isNew).toBe(true);
    const { manifest, digest } = await here.describe('one');
    expect(backup).toEqual({ manifest, digest, verification: null });
    expect(await readdir(at('there'))).toEqual(['one']);
    expect((await bytesOf(await there.content('one'))).equals(bytes)).toBe(true);
    const work = { signal, pace: () => Promise.resolve(), failPoint: () => undefined };
    expect(await there.verify('one', work)).toMatchObject({ problems: [] });
    expect(await restoreBackup({ from: at('there/one'), to: at('restored'), ...work })).toMatchObject({ id: 'one' });
    expect((await inspectLog(at('restored/log'), work.pace)).problems).toEqual([]);
    // Sent again it is the same one, and of it no more than the manifest is read.
    const again = await there.receive('one', inPieces(bytes.subarray(0, 100_000)), NO_LIMIT, signal);
    expect(again).toMatchObject({ isNew: false, backup: { digest } });
  });

  it('can be asked for in stretches, which are those of the whole', async () => {
    const content = await here.content('one');
    const bytes = await bytesOf(content);
    for (const [from, to] of [
      [0, 1],
      [0, 512],
      [500, 70_000],
      [300_000, 300_001],
      [300_000, bytes.length],
      [bytes.length - 1, bytes.length],
    ] as const)
      expect((await bytesOf(content, from, to)).equals(bytes.subarray(from, to)), `${from}-${to}`).toBe(true);
  });

  it('of which a file is damaged breaks off before its end, and is found damaged by name', async () => {
    const { manifest } = await here.describe('one');
    const { path } = manifest.files.find((file) => file.bytes > 100_000)!;
    const content = await here.content('one');
    await writeFile(at('here/one', path), Buffer.alloc(manifest.files.find((file) => file.path === path)!.bytes));
    let arrived = 0;
    const reading = (async () => {
      for await (const chunk of content.read(0, content.bytes, signal)) arrived += chunk.length;
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'backup-damaged',
      details: { problems: [expect.stringContaining(path)] },
    });
    expect(arrived).toBeLessThan(content.bytes);
  });

  it('with a flipped byte, cut, or given up on the way leaves nothing', async () => {
    const bytes = await bytesOf(await here.content('one'));
    for (const place of [10, 600, 5_000, bytes.length >> 1, bytes.length - 3_000, bytes.length - 1]) {
      const harmed = Buffer.from(bytes);
      harmed[place]! ^= 0x10;
      expect(await refusal(harmed), `byte ${place}`).toBe('backup-content-damaged');
      expect(await refusal(bytes.subarray(0, place)), `cut at ${place}`).toBe('backup-content-damaged');
      expect(await readdir(at('there')).catch(() => [])).toEqual([]);
    }
    const given = new AbortController();
    async function* leaving(): AsyncGenerator<Uint8Array> {
      for await (const piece of inPieces(bytes)) {
        yield piece;
        given.abort(new Error('gone'));
      }
    }
    await expect(there.receive('one', leaving(), NO_LIMIT, given.signal)).rejects.toThrow('gone');
    expect(await readdir(at('there'))).toEqual([]);
    expect(await there.list()).toEqual([]);
  });

  it('negative control: a receiver that goes by names and sizes alone takes a flipped byte in', async () => {
    const bytes = await bytesOf(await here.content('one'));
    const harmed = Buffer.from(bytes);
    harmed[bytes.length >> 1]! ^= 0x10;
    expect(await refusal(harmed)).toBe('backup-content-damaged');
    // Checksums computed from what arrived: everything agrees with itself, and only the look into the log tells.
    const forged = await forgedFrom(harmed);
    expect(await refusal(forged)).toBe('backup-content-damaged');
    const careless = new DiskBackups(at('careless'), clock, { log: async () => [], metadata: async () => [] });
    expect(await refusal(forged, careless)).toBe('taken in');
  });

  /** The archive of a backup whose files are those in `archive`, whatever their manifest says. */
  async function forgedFrom(archive: Buffer): Promise<Buffer> {
    const { manifest } = await here.describe('one');
    const contents = new Map<string, Buffer>();
    const text = Buffer.from(manifestText(manifest));
    for (const part of archiveParts(text, manifest))
      if ('file' in part) contents.set(part.file.path, archive.subarray(part.at, part.at + part.bytes));
    const files = manifest.files.map((file) => ({
      ...file,
      sha256: createHash('sha256').update(contents.get(file.path)!).digest('hex'),
    }));
    const forged = { ...manifest, files };
    const parts = [...archiveParts(Buffer.from(manifestText(forged)), forged)];
    return Buffer.concat(parts.map((part) => ('memory' in part ? part.memory : contents.get(part.file.path)!)));
  }

  it('does not take the place of another one, and no room beyond a limit', async () => {
    const content = await here.content('one');
    const bytes = await bytesOf(content);
    await expect(there.receive('one', inPieces(bytes), content.bytes - 1, signal)).rejects.toMatchObject({
      code: 'backup-too-large',
      details: { limit: 'limits.backupBytes', value: content.bytes - 1, measured: content.bytes },
    });
    await expect(there.receive('two', inPieces(bytes), NO_LIMIT, signal)).rejects.toMatchObject({
      code: 'backup-content-damaged',
    });
    await expect(there.receive('../two', inPieces(bytes), NO_LIMIT, signal)).rejects.toMatchObject({
      code: 'backup-content-damaged',
    });
    await there.receive('one', inPieces(bytes), content.bytes, signal);
    const { digest } = await there.describe('one');
    const other = { ...(await here.describe('one')).manifest, files: [] };
    const parts = [...archiveParts(Buffer.from(manifestText(other)), other)];
    expect(await refusal(Buffer.concat(parts.map((part) => ('memory' in part ? part.memory : Buffer.alloc(0)))))).toBe(
      'backup-exists',
    );
    expect((await there.describe('one')).digest).toBe(digest);
  });

  it('is written as it arrives: what was asked for is on the disk before more is', async () => {
    const bytes = await bytesOf(await here.content('one'));
    const piece = 50_000;
    let given = 0;
    let waiting = 0;
    async function* watched(): AsyncGenerator<Uint8Array> {
      for await (const chunk of inPieces(bytes, piece)) {
        waiting = Math.max(waiting, given - (await bytesBelow(at('there'))));
        given += chunk.length;
        yield chunk;
      }
    }
    await there.receive('one', watched(), NO_LIMIT, signal);
    const { manifest } = await here.describe('one');
    const besideFiles = (await here.content('one')).bytes - manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    expect(waiting).toBeLessThanOrEqual(piece + besideFiles);
  });

  async function bytesBelow(path: string): Promise<number> {
    const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
    const files = entries.filter((entry) => entry.isFile());
    const sizes = await Promise.all(files.map(async (file) => (await stat(join(file.parentPath, file.name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  it('half taken in when the process died is gone after the next start, and nothing else is', async () => {
    await there.receive('one', inPieces(await bytesOf(await here.content('one'))), NO_LIMIT, signal);
    await mkdir(at('there/two.arriving/log'), { recursive: true });
    await writeFile(at('there/two.arriving/log/state'), 'half');
    await mkdir(at('there/three.begun'));
    // What an earlier start was removing when it died stands in the way of a rename.
    await mkdir(at('there/two.removed/log'), { recursive: true });
    await there.sweep();
    expect((await readdir(at('there'))).sort()).toEqual(['one', 'three.begun']);
    await new DiskBackups(at('nowhere'), clock, CHECKS).sweep();
  });

  it('is unpacked by any tar to what it is on the disk', async () => {
    if (spawnSync('tar', ['--version']).error !== undefined) {
      // SUITE NOT RUN: there is no tar here.
      expect(process.env['WEIR_REQUIRE_SERVICES']).not.toBe('1');
      return;
    }
    await writeFile(at('one.tar'), await bytesOf(await here.content('one')));
    await mkdir(at('there/one'), { recursive: true });
    const { status, stderr } = spawnSync('tar', ['-xf', at('one.tar'), '-C', at('there/one')]);
    expect([status, stderr.toString()]).toEqual([0, '']);
    const work = { signal, pace: () => Promise.resolve(), failPoint: () => undefined };
    expect(await there.verify('one', work)).toMatchObject({ problems: [] });
  });
});
