import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { openSqlStore } from '../open-sql-store.js';
import type { SqlStore } from '../sql-store.js';

/** An empty store of a test's own, and what removes it again. */
export interface FreshStore {
  readonly store: SqlStore;
  /** How to open the same database again, after `store.close()` or (PostgreSQL) beside it. */
  readonly reopen: () => Promise<SqlStore>;
  /** Closes the store and deletes the database. */
  readonly dispose: () => Promise<void>;
}

/** SQLite in a new temporary directory. */
export async function freshSqliteStore(): Promise<FreshStore> {
  const directory = mkdtempSync(join(tmpdir(), 'weir-store-'));
  const path = join(directory, 'weir.db');
  const store = await openSqlStore({ path });
  return {
    store,
    reopen: () => openSqlStore({ path }),
    dispose: async () => {
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The server of the `postgres` test project. @throws when the variable is missing: those files run nowhere else. */
export function postgresUrl(): string {
  const url = process.env['WEIR_TEST_POSTGRES_URL'];
  if (url === undefined) throw new Error('WEIR_TEST_POSTGRES_URL is not set; run this through npm run test:postgres');
  return url;
}

/** An empty database of a test's own. */
export interface FreshDatabase {
  readonly url: string;
  /** Ends every connection to it from the server's side. */
  readonly disconnectAll: () => Promise<void>;
  readonly dispose: () => Promise<void>;
}

/** A new database on the test server; its user must be allowed to create databases. */
export async function freshPostgresDatabase(): Promise<FreshDatabase> {
  const name = `weir_test_${randomBytes(6).toString('hex')}`;
  await administer(`create database ${name}`);
  const url = new URL(postgresUrl());
  url.pathname = `/${name}`;
  return {
    url: url.href,
    disconnectAll: () => administer(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`),
    dispose: () => administer(`drop database ${name} with (force)`),
  };
}

/** A store on a {@link freshPostgresDatabase}. */
export async function freshPostgresStore(): Promise<FreshStore & { readonly url: string }> {
  const { url, dispose } = await freshPostgresDatabase();
  const options = { url, poolSize: 5 };
  const store = await openSqlStore(options);
  return {
    store,
    url,
    reopen: () => openSqlStore(options),
    dispose: async () => {
      await store.close();
      await dispose();
    },
  };
}

async function administer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: postgresUrl() });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
