import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MIGRATIONS } from '#migrations';
import { migrate } from './migrate.js';
import { databaseShape } from './testing/database-shape.js';

describe('migrations', () => {
  let directory: string;
  let source: DataSource;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'weir-migrations-'));
    source = new DataSource({ type: 'better-sqlite3', database: join(directory, 'm.db'), migrations: MIGRATIONS });
    await source.initialize();
  });
  afterEach(async () => {
    await source.destroy();
    rmSync(directory, { recursive: true, force: true });
  });

  it('are listed one per file, in the order of files and of times', () => {
    const files = readdirSync(new URL('../../../migrations', import.meta.url)).filter((file) =>
      /^\d{4}-.*\.ts$/.test(file),
    );
    expect(files.length).toBe(MIGRATIONS.length);
    const times = MIGRATIONS.map((one) => Number(one.name.slice(-13)));
    expect(times.every(Number.isSafeInteger)).toBe(true);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(new Set(times).size).toBe(times.length);
  });

  it('name every constraint and index themselves', async () => {
    await migrate(source);
    const shape = await databaseShape(source.createQueryRunner());
    expect(Object.keys(shape).length).toBeGreaterThan(5);
    // Names that TypeORM makes up hold a hash, and differ from what the other database would get.
    expect(JSON.stringify(shape)).not.toMatch(/(PK|UQ|FK|IDX|CHK)_[0-9a-f]{20}/);
  });

  it('applied again change nothing', async () => {
    await migrate(source);
    const before = await databaseShape(source.createQueryRunner());
    await migrate(source);
    expect(await databaseShape(source.createQueryRunner())).toEqual(before);
  });

  it('can be taken back, the last first, until nothing is left', async () => {
    await migrate(source);
    for (let i = 0; i < MIGRATIONS.length; i++) await source.undoLastMigration({ transaction: 'each' });
    expect(await databaseShape(source.createQueryRunner())).toEqual({});
  });

  it('of a newer release stop an older one', async () => {
    await migrate(source);
    await source.query("insert into migrations (timestamp, name) values (9999999999999, 'Future9999999999999')");
    await expect(migrate(source)).rejects.toMatchObject({ code: 'store-newer' });
  });
});
