import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { AppError, BoundedCache } from '#libs/core/kernel';

/** Where views are kept in PostgreSQL. */
export interface PostgresTargetOptions {
  /** `postgres://user:password@host:port/database?sslmode=…` */
  readonly url: string;
  /** Schema of the views for SQL clients; the tables behind them are in `<schema>_data`. */
  readonly schema: string;
  /** Connections at most, half of them for queries. */
  readonly poolSize?: number;
  /** The longest a query may take. */
  readonly statementTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  /**
   * How long a step may wait for its next statement or its next rows, in ms; 10,000 when not given. Whoever writes it is then asleep or out of reach, and what it holds is freed for who
   * takes the view over.
   */
  readonly abandonedMs?: number;
}

/** As the server lists connections of this pool. */
export const VIEWS_APPLICATION = 'weir views';
const INT8_OID = 20;

/** 64-bit integers as numbers where they are exact as such, as bigint beyond. Set per connection: the driver's own table is global. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === INT8_OID && format !== 'binary') return integerOf;
    return pg.types.getTypeParser(oid, format as 'text') as unknown;
  }) as pg.CustomTypesConfig['getTypeParser'],
};

function integerOf(text: string): number | bigint {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}

/** What a task asks through. */
export interface PostgresSession {
  rows<Row extends unknown[]>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  /** As {@link rows}, for a statement that is asked again and again: it is prepared once on each connection. */
  prepared<Row extends unknown[]>(sql: string, values: readonly unknown[]): Promise<Row[]>;
  /** @returns how many rows it concerned. */
  run(sql: string, values?: readonly unknown[]): Promise<number>;
  /** Sends rows to a COPY … FROM STDIN, in pieces of its text format. */
  copy(sql: string, pieces: Iterable<string> | AsyncIterable<string>): Promise<void>;
}

/** A pool of connections to one target, with what its errors mean. */
export class PostgresConnections {
  readonly #pool: pg.Pool;

  /** @param setUp runs on each new connection before it is used. */
  constructor(
    { url, poolSize = 4, connectTimeoutMs = 5_000 }: PostgresTargetOptions,
    private readonly setUp: readonly string[] = [],
  ) {
    this.#pool = new pg.Pool({
      connectionString: url,
      application_name: VIEWS_APPLICATION,
      max: poolSize,
      connectionTimeoutMillis: connectTimeoutMs,
      types,
    });
    // One that breaks while idle is dropped by the pool.
    this.#pool.on('error', () => undefined);
  }

  /** Runs statements each by itself. */
  async session<T>(task: (session: PostgresSession) => Promise<T>): Promise<T> {
    return this.#connected(async (client) => task(sessionOf(client)));
  }

  /** One transaction: committed when the task is done, taken back when it fails. */
  async transaction<T>(begin: string, task: (session: PostgresSession) => Promise<T>): Promise<T> {
    return this.#connected(async (client) => {
      const session = sessionOf(client);
      await session.run(begin);
      let result: T;
      try {
        result = await task(session);
      } catch (error) {
        // A lost connection cannot roll back and need not: the server does.
        await session.run('rollback').catch(() => undefined);
        throw error;
      }
      await session.run('commit');
      return result;
    });
  }

  /** A connection that is closed after use, whatever was done with it. The caller ends it. */
  async own(): Promise<{ readonly session: PostgresSession; end(): void }> {
    try {
      const client = await this.#client();
      let held = true;
      const end = (): void => {
        if (held) client.release(true);
        held = false;
      };
      return { session: sessionOf(client), end };
    } catch (error) {
      throw postgresError(error);
    }
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  async #connected<T>(task: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    try {
      const client = await this.#client();
      let broken = false;
      try {
        return await task(client);
      } catch (error) {
        broken = isLost(error);
        throw error;
      } finally {
        client.release(broken);
      }
    } catch (error) {
      throw postgresError(error);
    }
  }

  async #client(): Promise<pg.PoolClient> {
    const client = (await this.#pool.connect()) as pg.PoolClient & { weirReady?: boolean };
    if (client.weirReady === true) return client;
    try {
      // A connection that is cut between two statements tells so here; without a listener it would end the process.
      client.on('error', () => undefined);
      // One question, since who asks first waits for it.
      if (this.setUp.length > 0) await client.query(this.setUp.join(';'));
      client.weirReady = true;
      return client;
    } catch (error) {
      client.release(true);
      throw error;
    }
  }
}

function sessionOf(client: pg.PoolClient): PostgresSession {
  return {
    rows: async <Row extends unknown[]>(sql: string, values: readonly unknown[] = []) =>
      (await client.query({ text: sql, values: values as unknown[], rowMode: 'array' })).rows as Row[],
    prepared: async <Row extends unknown[]>(sql: string, values: readonly unknown[]) => {
      const query = { name: nameOf(sql), text: sql, values: values as unknown[], rowMode: 'array' } as const;
      return (await client.query(query)).rows as Row[];
    },
    run: async (sql, values = []) => (await client.query(sql, values as unknown[])).rowCount ?? 0,
    copy: async (sql, pieces) => pipeline(Readable.from(pieces), client.query(copyFrom(sql))),
  };
}

/** Bytes of the texts whose names are kept. */
const NAMED_BYTES = 1024 * 1024;
const names = new BoundedCache<string>(NAMED_BYTES);

/** The driver takes a statement of the same name for the same statement. */
function nameOf(sql: string): string {
  const known = names.get(sql);
  if (known !== undefined) return known;
  const name = createHash('sha1').update(sql).digest('base64url');
  names.set(sql, name, sql.length * 2);
  return name;
}

const codeOf = (error: unknown): string | undefined => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
};

/** Whether the connection is gone, or the server about to be. */
function isLost(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return /^(08|57P|25P03)/.test(code) || !/^[0-9A-Z]{5}$/.test(code);
}

/** What the service makes of an error of the driver. */
export function postgresError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const code = codeOf(error);
  if (code === '57014')
    return new AppError({
      kind: 'timeout',
      code: 'query-too-long',
      message: 'The query took longer than it may and was ended.',
      hint: 'Filter by the columns of an index, or ask for less.',
      cause: error,
    });
  if (code !== undefined && /^53(100|200)/.test(code))
    return new AppError({
      kind: 'storage-full',
      code: 'storage-full',
      message: 'The database of the views has no room; nothing was stored.',
      hint: 'Free space there; the view goes on by itself.',
      retryable: true,
      cause: error,
    });
  if (code !== undefined && /^(22|23|54)/.test(code))
    return new AppError({
      kind: 'unprocessable',
      code: 'rows-refused',
      message: `The database refuses a row: ${error instanceof Error ? error.message : code}.`,
      details: { sqlState: code },
      cause: error,
    });
  if (code === undefined || isLost(error) || /^(53|40|55P03)/.test(code))
    return new AppError({
      kind: 'unavailable',
      code: 'views-unavailable',
      message: `The database of the views does not answer as it should: ${error instanceof Error ? error.message : String(error)}.`,
      hint: 'The view goes on by itself when it does.',
      retryable: true,
      cause: error,
    });
  return error;
}
