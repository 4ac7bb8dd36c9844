import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeBatch } from '#libs/core/log';
import { WallClock } from '#libs/core/log/testing';
import { type EmbeddedLog, LOG_FORMAT, openEmbeddedLog } from './index.js';
import type { LogIdentity } from './options.js';
import { readAll } from './testing/scripted-client.js';

/** Another process that holds the lock of a directory, as a running service does. */
const HOLDER = `
  const Database = require('better-sqlite3');
  const database = new Database(process.argv[1] + '/lock.sqlite', { timeout: 0 });
  database.pragma('journal_mode = MEMORY');
  database.exec('BEGIN EXCLUSIVE');
  console.log('held');
  setInterval(() => {}, 1000);
`;

describe('the directory of a log', () => {
  let root: string;
  let directory: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'weir-directory-'));
    directory = join(root, 'log');
  });
  afterEach(async () => {
    await rm(root, { recursive: true });
  });

  const open = (at = directory): Promise<EmbeddedLog> => openEmbeddedLog({ directory: at, clock: new WallClock() });
  const append = async (log: EmbeddedLog, value: string): Promise<void> => {
    const record = { key: null, value: Buffer.from(value), headers: [], timestamp: 0 };
    await log.append({ topic: 't', partition: 0 }, encodeBatch([record]));
  };
  const values = async (log: EmbeddedLog): Promise<string[]> => {
    const { records } = await readAll(log, { topic: 't', partition: 0 });
    return records.map((one) => Buffer.from(one.value ?? []).toString());
  };
  /** Every file and its bytes, the lock left out. */
  const content = async (): Promise<Map<string, string>> => {
    const names = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((one) => one.isFile());
    const found = new Map<string, string>();
    for (const { parentPath, name } of names) {
      if (name !== 'lock.sqlite') found.set(join(parentPath, name), await readFile(join(parentPath, name), 'hex'));
    }
    return found;
  };

  it('is refused while another process holds it, and free as soon as that process is gone, however it went', async () => {
    await (await open()).close();
    const holder = spawn(process.execPath, ['-e', HOLDER, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(holder.stdout, 'data');
    await expect(open()).rejects.toMatchObject({ code: 'log-locked', details: { directory } });
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await (await open()).close();
  });

  it('is refused to a second log of the same process', async () => {
    const log = await open();
    await expect(open()).rejects.toMatchObject({ code: 'log-locked' });
    await log.close();
  });

  it('keeps the identity of its log', async () => {
    const log = await open();
    const { logId } = log;
    await log.close();
    const again = await open();
    expect(again.logId).toBe(logId);
    await again.close();
    const other = await open(join(root, 'other'));
    expect(other.logId).not.toBe(logId);
    await other.close();
  });

  it('can be read by its owner and group alone', async () => {
    const log = await open();
    await log.createTopic({ name: 't', partitions: 1 });
    await append(log, 'private');
    await log.checkpoint();
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    // The lock is SQLite's to create, and is empty.
    for (const { parentPath, name } of entries.filter((one) => one.name !== 'lock.sqlite')) {
      const { mode } = await stat(join(parentPath, name));
      expect([name, mode & 0o007]).toEqual([name, 0]);
    }
    await log.close();
  });

  it('is refused untouched when it is not empty and has no marker, or a marker of a later format', async () => {
    await mkdir(directory);
    await writeFile(join(directory, 'somebody-elses.txt'), 'precious');
    const before = await content();
    await expect(open()).rejects.toMatchObject({ code: 'log-directory-foreign' });
    expect(await content()).toEqual(before);
    await rm(directory, { recursive: true });

    await (await open()).close();
    const marker = join(directory, 'weir-log.json');
    const text = await readFile(marker, 'utf8');
    await writeFile(marker, text.replace(`"format": ${LOG_FORMAT}`, `"format": ${LOG_FORMAT + 1}`));
    const later = await content();
    await expect(open()).rejects.toMatchObject({ code: 'log-format-unknown', kind: 'conflict' });
    expect(await content()).toEqual(later);
    await rm(marker);
    await expect(open()).rejects.toMatchObject({ code: 'log-directory-foreign' });
  });

  it('of an older format opens as it is, and has the present format from then on', async () => {
    await (await open()).close();
    const marker = join(directory, 'weir-log.json');
    const { logId, journalKey } = JSON.parse(await readFile(marker, 'utf8')) as LogIdentity;
    const checksum = crc32c(JSON.stringify([1, logId, journalKey]))
      .toString(16)
      .padStart(8, '0');
    await writeFile(marker, JSON.stringify({ format: 1, logId, journalKey, checksum }));
    const log = await open();
    expect(log.logId).toBe(logId);
    expect(JSON.parse(await readFile(marker, 'utf8'))).toMatchObject({ format: LOG_FORMAT, logId });
    await log.close();
  });

  it('can be copied while the log is running, as a kill would leave it, and opens with everything acknowledged', async () => {
    const log = await open();
    await log.createTopic({ name: 't', partitions: 1 });
    const written: string[] = [];
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 20; i++) {
        written.push(`${round}-${i}`);
        await append(log, written.at(-1)!);
      }
      if (round === 2) await log.checkpoint();
      const copy = join(root, `copy-${round}`);
      await cp(directory, copy, { recursive: true });
      const recovered = await open(copy);
      expect(await values(recovered)).toEqual(written);
      await append(recovered, 'more');
      await recovered.close();
      const again = await open(copy);
      expect(await values(again)).toEqual([...written, 'more']);
      await again.close();
    }
    await log.close();
  });

  it('sets aside what it does not know, and deletes none of it', async () => {
    const log = await open();
    await log.createTopic({ name: 't', partitions: 1 });
    await append(log, 'kept');
    await log.close();
    await mkdir(join(directory, 'topics/0000000099/000'), { recursive: true });
    await writeFile(join(directory, 'topics/0000000099/000/00000000000000000000.log'), 'from elsewhere');
    const again = await open();
    expect(await values(again)).toEqual(['kept']);
    await again.close();
    const aside = await readdir(join(directory, 'aside'));
    expect(aside).toHaveLength(1);
    const moved = join(directory, 'aside', aside[0]!, '000/00000000000000000000.log');
    expect(await readFile(moved, 'utf8')).toBe('from elsewhere');
    expect(await readdir(join(directory, 'topics'))).toEqual(['0000000001']);
  });

  it('gives the room of deleted topics back with the next checkpoint', async () => {
    const log = await open();
    await log.createTopic({ name: 't', partitions: 2 });
    await append(log, 'gone');
    await log.deleteTopic('t');
    await log.checkpoint();
    expect(await readdir(join(directory, 'topics'))).toEqual([]);
    await log.close();
  });

  it('has a journal that does not grow with what was ever written', async () => {
    const settings = { checkpointBytes: 64 * 1024, journalStepBytes: 16 * 1024 };
    const log = await openEmbeddedLog({ directory, clock: new WallClock(), settings });
    await log.createTopic({ name: 't', partitions: 1 });
    const record = { key: null, value: Buffer.alloc(8 * 1024), headers: [], timestamp: 0 };
    for (let i = 0; i < 200; i++) await log.append({ topic: 't', partition: 0 }, encodeBatch([record]));
    await log.close();
    for (const slot of [0, 1]) {
      const { length } = await readFile(join(directory, `journal-${slot}`));
      expect(length).toBeLessThanOrEqual(2 * 64 * 1024 + 2 * 16 * 1024);
    }
  });
});
