import { AppError, isAppError, type JsonValue } from '#libs/core/kernel';
import {
  readingStatement,
  SQL_LIMITS,
  sqlBusy,
  sqlRefused,
  sqlTooLong,
  type SqlAnswer,
  type SqlRequest,
} from '#libs/core/streams';
import { postgresError, type PostgresConnections } from './postgres-connections.js';
import type { PostgresSchema } from './postgres-schema.js';

/** Statements at the same time. */
export const MOST_STATEMENTS = 2;

/** The function that runs statements of users, as the reader. */
export const askFunction = (data: string): string => `${data}.weir_ask`;

/**
 * Statements that make it. Within a function that runs as its owner no role can be taken on any more, so that a statement cannot leave the one it is given; and the statement is
 * part of a query there, which can do nothing but read.
 */
export function askFunctionOf(views: string, data: string, reader: string): readonly string[] {
  const ask = askFunction(data);
  return [
    // A line that is null says that there would have been more bytes than an answer may have.
    `create or replace function ${ask}(statement text, most int, most_bytes int) returns setof text language plpgsql volatile security definer
       set search_path = ${views}, pg_temp as $ask$
     declare
       line text;
       bytes bigint := 0;
     begin
       for line in execute 'select row_to_json(asked)::text from (' || statement || E'\\n) asked limit ' || most loop
         bytes := bytes + octet_length(line);
         if bytes > most_bytes then
           return next null;
           exit;
         end if;
         return next line;
       end loop;
     end $ask$`,
    `grant create on schema ${data} to ${reader}`,
    `alter function ${ask}(text, int, int) owner to ${reader}`,
    `revoke create on schema ${data} from ${reader}`,
    `revoke all on function ${ask}(text, int, int) from public`,
  ];
}

/** Statements of users on PostgreSQL: as the reader, in a read-only transaction, on a connection that is closed after each. */
export class PostgresSql {
  #running = 0;

  constructor(
    private readonly readers: PostgresConnections,
    private readonly schema: PostgresSchema,
  ) {}

  /** @throws `sql-not-allowed`, `sql-refused`, `sql-too-slow`, `sql-busy`, `sql-not-guarded`. */
  async run({ statement, limit, timeoutMs }: SqlRequest, signal?: AbortSignal): Promise<SqlAnswer> {
    const text = readingStatement(statement);
    if (this.schema.reader === null) throw notGuarded(this.schema.readerProblem ?? '');
    if (this.#running >= MOST_STATEMENTS) throw sqlBusy(MOST_STATEMENTS);
    this.#running++;
    let end = (): void => undefined;
    const onAbort = (): void => end();
    try {
      const connection = await this.readers.own();
      end = connection.end;
      signal?.addEventListener('abort', onAbort, { once: true });
      signal?.throwIfAborted();
      const { session } = connection;
      await session.run('begin transaction isolation level repeatable read read only');
      await session.run(`set local statement_timeout = ${Math.ceil(timeoutMs)}`);
      const most = Math.min(limit, SQL_LIMITS.rows);
      const lines = await session.rows<[string | null]>(`select * from ${askFunction(this.schema.data)}($1, $2, $3)`, [
        text,
        most + 1,
        SQL_LIMITS.bytes,
      ]);
      return answerOf(
        lines.map(([line]) => line),
        most,
      );
    } catch (error) {
      signal?.throwIfAborted();
      throw errorOf(error, timeoutMs);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      end();
      this.#running--;
    }
  }
}

function answerOf(lines: readonly (string | null)[], most: number): SqlAnswer {
  const whole = lines.filter((line) => line !== null);
  const rows = whole.slice(0, most).map((line) => JSON.parse(line) as Record<string, JsonValue>);
  const columns = Object.keys(rows[0] ?? {});
  return {
    columns,
    rows: rows.map((row) => columns.map((column) => row[column]!)),
    truncated: whole.length < lines.length || whole.length > most,
  };
}

function errorOf(error: unknown, timeoutMs: number): unknown {
  if (isAppError(error)) return error;
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === '57014') return sqlTooLong(timeoutMs);
  // What else PostgreSQL says of a statement has a state of five characters; everything else is about the connection.
  if (typeof code === 'string' && /^(?!08|53|57P)[0-9A-Z]{5}$/.test(code)) return sqlRefused(String(message), error);
  return postgresError(error);
}

function notGuarded(problem: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'sql-not-guarded',
    message: 'This target has no role that can only read, so that it takes no statements of users.',
    hint: `Let the service make one, or make it and grant it to the service: ${problem}.`,
  });
}
