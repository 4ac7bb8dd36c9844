import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { expect, it } from 'vitest';
import { MIGRATIONS } from '#migrations';
import { migrate } from './migrate.js';
import { databaseShape, type DatabaseShape } from './testing/database-shape.js';
import { freshPostgresStore } from './testing/index.js';

async function shapeOf(options: DataSourceOptions): Promise<DatabaseShape> {
  const source = await new DataSource({ ...options, migrations: MIGRATIONS }).initialize();
  try {
    await migrate(source);
    return await databaseShape(source.createQueryRunner());
  } finally {
    await source.destroy();
  }
}

it('one set of migrations makes the same tables on PostgreSQL and SQLite', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'weir-migrations-'));
  const fresh = await freshPostgresStore();
  try {
    const sqlite = await shapeOf({ type: 'better-sqlite3', database: join(directory, 'm.db') });
    const postgres = await shapeOf({ type: 'postgres', url: fresh.url });
    expect(postgres).toEqual(sqlite);
  } finally {
    await fresh.dispose();
    rmSync(directory, { recursive: true, force: true });
  }
});
