import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { restoreBackup } from '#libs/adapters/backups-disk';
import { LOG_FORMAT } from '#libs/adapters/log-embedded';
import { temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import type { Service } from './service.js';
import { goldenFrom, seenBy, serviceOn, unpack, type GoldenDirectory } from './testing/golden-directory.js';

const FIXTURES = resolve(import.meta.dirname, '../../test/fixtures/data-directories');
const NAMES = (await readdir(FIXTURES)).filter((name) => name.endsWith('.json.gz'));

describe('a data directory that was written by', () => {
  let directory: TemporaryDirectory;
  let service: Service | undefined;
  beforeEach(async () => {
    directory = await temporaryDirectory();
    await mkdir(directory.path, { recursive: true });
  });
  afterEach(async () => {
    await service?.stop();
    service = undefined;
    await directory.remove();
  });

  const golden = async (name: string): Promise<GoldenDirectory> => goldenFrom(await readFile(join(FIXTURES, name)));
  const start = async (): Promise<Service> => (service = await serviceOn(directory.path, 'test'));
  const stop = async (): Promise<void> => {
    await service?.stop();
    service = undefined;
  };
  /** What every file holds, but for those by which SQLite and the lock tell processes apart. */
  const contents = async (): Promise<Record<string, string>> => {
    const data = join(directory.path, 'data');
    const held: Record<string, string> = {};
    for (const entry of await readdir(data, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || /\.lock(-journal)?$|-(wal|shm)$/.test(path)) continue;
      held[path.slice(data.length)] = createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
    }
    return held;
  };
  const produce = async (): Promise<number> => {
    const response = await fetch(`${service!.url}/v1/topics/orders/records`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ records: [{ key: 'new', value: { cents: 1 } }] }),
    });
    return response.status;
  };

  for (const name of NAMES) {
    it(`${name} is opened with everything in it, written to, and opened again`, async () => {
      const { data, seen } = await golden(name);
      await unpack(data, join(directory.path, 'data'));
      await start();
      expect(await seenBy(service!.url)).toEqual(seen);
      expect(await produce()).toBe(200);
      const more = await seenBy(service!.url);
      expect(more, 'control: one record more is seen').not.toEqual(seen);
      await stop();
      await start();
      expect(await seenBy(service!.url)).toEqual(more);
    });

    it(`${name} comes back from its backup, where it took one`, async () => {
      const { backup, seen, logFormat } = await golden(name);
      // Backups are younger than the first format of the log.
      if (backup === null) return expect(logFormat).toBe(1);
      const from = join(directory.path, 'backups', backup.id);
      await unpack(backup.files, from);
      const steps = { signal: new AbortController().signal, pace: () => Promise.resolve(), failPoint: () => undefined };
      await restoreBackup({ from, to: join(directory.path, 'data'), ...steps });
      await start();
      expect(await seenBy(service!.url)).toEqual(seen);
    });

    it(`${name}, but for a format of the log that nobody knows yet, is refused and not touched`, async () => {
      const { data } = await golden(name);
      await unpack(data, join(directory.path, 'data'));
      const marker = join(directory.path, 'data/log/weir-log.json');
      const text = (await readFile(marker, 'utf8')).replace(/"format": ?\d+/, '"format":99');
      await writeFile(marker, text);
      const before = await contents();
      await expect(start()).rejects.toMatchObject({ code: 'log-format-unknown' });
      expect(await contents()).toEqual(before);
    });

    it(`${name}, but for a migration of the database that nobody knows yet, is refused and not touched`, async () => {
      const { data } = await golden(name);
      await unpack(data, join(directory.path, 'data'));
      const later = new Database(join(directory.path, 'data/metadata.sqlite'));
      later.exec(`insert into migrations (timestamp, name) values (9999999999999, 'Later9999999999999')`);
      later.close();
      const before = await contents();
      await expect(start()).rejects.toMatchObject({ code: 'store-newer' });
      expect(await contents()).toEqual(before);
    });

    it(`${name} is found out when a record in it was changed`, async () => {
      const { data } = await golden(name);
      const path = Object.keys(data).find((one) => /^log\/.*\.log$/.test(one) && data[one]!.length > 500)!;
      const harmed = Buffer.from(data[path]!, 'base64');
      harmed[harmed.length - 3]! ^= 1;
      await unpack({ ...data, [path]: harmed.toString('base64') }, join(directory.path, 'data'));
      const seen = await start().then(
        () => seenBy(service!.url).catch(String),
        (error: unknown) => (error as { code?: string }).code,
      );
      expect(seen).not.toEqual((await golden(name)).seen);
    });
  }

  it('every format of the log there has been, the present one too', async () => {
    const formats = await Promise.all(NAMES.map(async (name) => (await golden(name)).logFormat));
    expect([...new Set(formats)].sort()).toEqual(Array.from({ length: LOG_FORMAT }, (_, i) => i + 1));
  });
});
