import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqlStore, type SqlStore } from './index.js';
import type { Datasync } from './sqlite-flush.js';

/** What a disk may tear. */
const SECTOR = 512;
/** SQLite flushes the head of the log itself when it begins the log anew, before it writes behind it. */
const WAL_HEAD = 32;

/** mulberry32: the same numbers for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A disk that keeps for certain only what was flushed: of everything else any sectors, in any order, and any length. */
class LossyDisk {
  readonly #durable = new Map<string, Buffer>();

  constructor(private readonly path: string) {
    this.flushed(this.path);
    this.flushed(`${this.path}-wal`);
  }

  /** What is in the file now stays. */
  flushed(file: string): void {
    this.#durable.set(file, readFileSync(file));
  }

  /** What may be found after the power went at this instant. */
  afterLoss(random: () => number): { readonly file: Buffer; readonly wal: Buffer } {
    const wal = `${this.path}-wal`;
    const left = this.#left(wal, random);
    readFileSync(wal).copy(left, 0, 0, Math.min(WAL_HEAD, left.length));
    return { file: this.#left(this.path, random), wal: left };
  }

  #left(file: string, random: () => number): Buffer {
    const now = readFileSync(file);
    const durable = this.#durable.get(file)!;
    const longest = Math.max(now.length, durable.length);
    const left = Buffer.alloc(longest);
    durable.copy(left);
    const share = random();
    for (let at = 0; at < now.length; at += SECTOR) if (random() < share) now.copy(left, at, at, at + SECTOR);
    return random() < 0.5 ? left : left.subarray(0, Math.max(durable.length, Math.floor(random() * longest)));
  }
}

describe('the store on a SQLite file, when the power goes', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'weir-power-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  /** Writes, loses power several times on the way, and answers how many of the acknowledged rows were missing then, in all. */
  async function lost(seed: number, flushes: { readonly log: boolean; readonly file: boolean }): Promise<number> {
    const random = randomOf(seed);
    const path = join(directory, `s${seed}.db`);
    const machine: { disk?: LossyDisk } = {};
    let calls = 0;
    const datasync: Datasync = async (file) => {
      calls++;
      const isFile = (await file.stat()).ino === statSync(path).ino;
      if (isFile ? flushes.file : flushes.log) machine.disk?.flushed(isFile ? path : `${path}-wal`);
    };
    const store = await openSqlStore({ path, datasync });
    await store.write((session) => session.run('create table notes (id integer primary key, text text not null)'));
    const disk = (machine.disk = new LossyDisk(path));
    const acknowledged = new Set<number>();
    let missing = 0;
    let next = 0;
    for (let round = 0; round < 12; round++) {
      const writes = Array.from({ length: 1 + Math.floor(random() * 6) }, () => add(store, next++, random));
      const done = Promise.all(writes.map((write) => write.then((id) => acknowledged.add(id))));
      // Somewhere on the way: before, during or after the flush.
      for (let turn = Math.floor(random() * 4); turn > 0; turn--) await new Promise((resolve) => setImmediate(resolve));
      const known = [...acknowledged];
      missing += await missingAfter(disk.afterLoss(random), known, `${seed}-${round}`);
      await done;
    }
    missing += await missingAfter(disk.afterLoss(random), [...acknowledged], `${seed}-end`);
    await store.close();
    expect(calls).toBeGreaterThan(12);
    return missing;
  }

  /** Texts of a size that makes the log begin anew a few times. */
  async function add(store: SqlStore, id: number, random: () => number): Promise<number> {
    const text = String.fromCharCode(97 + (id % 26)).repeat(Math.floor(random() * 400_000));
    await store.write((session) => session.run('insert into notes (id, text) values (?, ?)', [id, text]));
    return id;
  }

  async function missingAfter(
    { file, wal }: { readonly file: Buffer; readonly wal: Buffer },
    acknowledged: readonly number[],
    name: string,
  ): Promise<number> {
    const home = join(directory, name);
    mkdirSync(home);
    const path = join(home, 'weir.db');
    writeFileSync(path, file);
    writeFileSync(`${path}-wal`, wal);
    let store: SqlStore | undefined;
    try {
      store = await openSqlStore({ path });
      const rows = await store.all<{ id: number; text: string }>('select id, text from notes');
      const whole = new Set(rows.filter(({ id, text }) => isWhole(id, text)).map((row) => row.id));
      return acknowledged.filter((id) => !whole.has(id)).length;
    } catch {
      // A file that does not open, or is found damaged, has lost everything.
      return Math.max(1, acknowledged.length);
    } finally {
      await store?.close();
      rmSync(home, { recursive: true, force: true });
    }
  }

  function isWhole(id: number, text: string): boolean {
    return text === String.fromCharCode(97 + (id % 26)).repeat(text.length);
  }

  it.each(Array.from({ length: 12 }, (_, i) => i + 1))(
    'loses nothing that was acknowledged (seed %i)',
    async (seed) => {
      expect(await lost(seed, { log: true, file: true })).toBe(0);
    },
  );

  it('negative control: without the flush of the log, acknowledged rows are lost', async () => {
    expect(await lost(1, { log: false, file: true })).toBeGreaterThan(0);
  });

  it('negative control: without the flush of the file, rows are lost once the log is begun anew', async () => {
    let missing = 0;
    for (let seed = 1; seed <= 5; seed++) missing += await lost(seed, { log: true, file: false });
    expect(missing).toBeGreaterThan(0);
  });
});
