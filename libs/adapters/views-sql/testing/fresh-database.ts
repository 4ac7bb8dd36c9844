import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** An empty database of a test's own on the server of the `postgres` test project. */
export interface FreshDatabase {
  readonly url: string;
  /** Runs a statement as the user of the tests. */
  ask(sql: string, values?: readonly unknown[]): Promise<unknown[][]>;
  /** A connection that keeps what it sets and holds. */
  session(): Promise<DatabaseSession>;
  /** Ends the connections to it that a condition on `pg_stat_activity` picks. */
  disconnect(condition: string): Promise<void>;
  dispose(): Promise<void>;
}

export interface DatabaseSession {
  ask(sql: string, values?: readonly unknown[]): Promise<unknown[][]>;
  end(): Promise<void>;
}

/** A new database; its user must be allowed to create some. @throws when WEIR_TEST_POSTGRES_URL is missing: those files run nowhere else. */
export async function freshDatabase(): Promise<FreshDatabase> {
  const server = process.env['WEIR_TEST_POSTGRES_URL'];
  if (server === undefined)
    throw new Error('WEIR_TEST_POSTGRES_URL is not set; run this through npm run test:postgres');
  const name = `weir_views_${randomBytes(6).toString('hex')}`;
  await asked(server, `create database ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    ask: (sql, values) => asked(url.href, sql, values),
    session: () => sessionAt(url.href),
    disconnect: async (condition) => {
      await asked(
        server,
        `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}' and pid <> pg_backend_pid() and (${condition})`,
      );
    },
    dispose: async () => void (await asked(server, `drop database ${name} with (force)`)),
  };
}

async function asked(url: string, sql: string, values?: readonly unknown[]): Promise<unknown[][]> {
  const session = await sessionAt(url);
  try {
    return await session.ask(sql, values);
  } finally {
    await session.end();
  }
}

async function sessionAt(url: string): Promise<DatabaseSession> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return {
    ask: async (sql, values) => {
      const { rows } = await client.query({ text: sql, rowMode: 'array', ...(values && { values: [...values] }) });
      return rows as unknown[][];
    },
    end: () => client.end(),
  };
}
