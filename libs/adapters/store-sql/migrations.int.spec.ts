import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MIGRATIONS } from '#migrations';
import { MIGRATION_NAMES, SQLITE_SCHEMA } from '#migrations/sqlite-schema';
import { openSqlStore } from './index.js';
import { migrate } from './migrate.js';
import { databaseShape } from './testing/database-shape.js';
import { migratedSqliteText, sqliteText } from './testing/index.js';

/** What a store leaves behind that is opened on a path and closed again. */
async function textOfStore(path: string): Promise<string[]> {
  await (await openSqlStore({ path })).close();
  const file = new Database(path, { readonly: true });
  try {
    return sqliteText(file);
  } finally {
    file.close();
  }
}

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

  it('lead to the schema that a new SQLite file starts with (npm run migrations:sqlite writes it)', async () => {
    const migrated = await migratedSqliteText(join(directory, 'migrated.db'));
    expect(MIGRATION_NAMES).toEqual(MIGRATIONS.map((one) => one.name));
    expect(SQLITE_SCHEMA).toEqual(migrated);
    expect(await textOfStore(join(directory, 'new.db'))).toEqual(migrated);
  });

  it('that a file of an older release lacks are applied when it is opened, and its rows are kept', async () => {
    const path = join(directory, 'older.db');
    const older = new DataSource({ type: 'better-sqlite3', database: path, migrations: MIGRATIONS.slice(0, 2) });
    await older.initialize();
    await older.runMigrations({ transaction: 'each' });
    await older.query("insert into registry_contexts (name, last_id, present) values ('kept', 7, 1)");
    await older.destroy();
    const text = await textOfStore(path);
    const kept = text.filter((line) => line.includes("'kept'"));
    expect(kept).toHaveLength(1);
    expect(text.filter((line) => !kept.includes(line)).sort()).toEqual([...SQLITE_SCHEMA].sort());
  });

  it('give each version of an older release the GUID of its schema', async () => {
    const path = join(directory, 'older.db');
    const before = MIGRATIONS.slice(
      0,
      MIGRATIONS.findIndex(({ name }) => name.startsWith('RegistryVersionGuids')),
    );
    const older = new DataSource({ type: 'better-sqlite3', database: path, migrations: before });
    await older.initialize();
    await older.runMigrations({ transaction: 'each' });
    for (const [id, guid] of [
      [1, 'guid-1'],
      [2, 'guid-2'],
    ]) {
      await older.query(
        `insert into registry_schemas (context, id, guid, schema_type, text, purged) values ('.', ?, ?, 'AVRO', '"int"', 0)`,
        [id, guid],
      );
      await older.query(
        `insert into registry_versions (context, subject, version, schema_id, deleted, registered_at, revision) values ('.', 's', ?, ?, 0, 0, 1)`,
        [id, id],
      );
    }
    await older.destroy();
    await textOfStore(path);
    const file = new Database(path, { readonly: true });
    const rows = file.prepare('select version, guid from registry_versions order by version').all();
    file.close();
    expect(rows).toEqual([
      { version: 1, guid: 'guid-1' },
      { version: 2, guid: 'guid-2' },
    ]);
  });

  it('of a newer release stop an older one before it writes anything', async () => {
    const path = join(directory, 'newer.db');
    await textOfStore(path);
    const file = new Database(path);
    file.exec("insert into migrations (timestamp, name) values (9999999999999, 'Future9999999999999')");
    const before = sqliteText(file);
    await expect(openSqlStore({ path })).rejects.toMatchObject({ code: 'store-newer' });
    expect(sqliteText(file)).toEqual(before);
    file.close();
  });

  it('of a newer release stop an older one on a data source', async () => {
    await migrate(source);
    await source.query("insert into migrations (timestamp, name) values (9999999999999, 'Future9999999999999')");
    await expect(migrate(source)).rejects.toMatchObject({ code: 'store-newer' });
  });
});
