import type Database from 'better-sqlite3';
import type { JsonValue } from '#libs/core/kernel';
import type { CellValue, ViewPositions, ViewStream } from '#libs/core/streams';
import type { Statement } from './query-sql.js';
import { openReader } from './sqlite-reader.js';
import { CHUNK_ROWS, StreamSlots } from './stream-slots.js';

/** Answers of all rows out of a SQLite file: each has a connection, and with it a snapshot, of its own. */
export class SqliteStreams {
  readonly #slots = new StreamSlots();
  readonly #open = new Set<() => void>();

  constructor(private readonly path: string) {}

  /**
   * @param positions reads the positions on the snapshot.
   * @throws `view-streams-busy`, and what `positions` throws.
   */
  open(
    positions: (database: Database.Database) => ViewPositions,
    statement: Statement,
    values: (cells: readonly CellValue[]) => JsonValue[],
    signal?: AbortSignal,
  ): ViewStream {
    const release = this.#slots.take();
    const stop = new AbortController();
    const signals = AbortSignal.any(signal === undefined ? [stop.signal] : [stop.signal, signal]);
    let database: Database.Database;
    try {
      database = openReader(this.path);
    } catch (error) {
      release();
      throw error;
    }
    let reading = false;
    const end = (): void => {
      stop.abort();
      // A statement that is being read ends with the chunk it is in; its reader closes the connection then.
      if (!reading) database.close();
      this.#open.delete(end);
      release();
    };
    this.#open.add(end);
    async function* chunks(): AsyncGenerator<readonly (readonly JsonValue[])[]> {
      reading = true;
      try {
        yield* chunksOf(database, statement, values, signals);
      } finally {
        reading = false;
        end();
      }
    }
    try {
      database.exec('begin');
      return { positions: positions(database), chunks: chunks(), close: async () => end() };
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Ends what is being read. */
  close(): void {
    for (const end of this.#open) end();
  }
}

async function* chunksOf(
  database: Database.Database,
  statement: Statement,
  values: (cells: readonly CellValue[]) => JsonValue[],
  signal: AbortSignal,
): AsyncGenerator<readonly (readonly JsonValue[])[]> {
  let chunk: JsonValue[][] = [];
  for (const cells of database
    .prepare(statement.sql)
    .raw()
    .iterate(...statement.values)) {
    signal.throwIfAborted();
    if (chunk.push(values(cells as CellValue[])) < CHUNK_ROWS) continue;
    yield chunk;
    chunk = [];
    // What is read at once must not keep everything else waiting.
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (chunk.length > 0) yield chunk;
}
