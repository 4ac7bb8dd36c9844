import type Database from 'better-sqlite3';
import { AppError, type StorageRoom } from '#libs/core/kernel';
import {
  ViewTables,
  type CellValue,
  type RefusedPlace,
  type RefusedRecord,
  type SqlAnswer,
  type SqlRequest,
  type TableRow,
  type TableSearch,
  type ViewDefinition,
  type ViewPositions,
  type ViewQuery,
  type ViewRows,
  type ViewStep,
  type ViewStream,
} from '#libs/core/streams';
import { QuerySql, type Statement } from './query-sql.js';
import { listsOf, nextOf, rowOf, valuesOf } from './row-values.js';
import { SQLITE } from './sqlite-dialect.js';
import { placed, positionsIn } from './sqlite-positions.js';
import { openReader } from './sqlite-reader.js';
import { SqliteSql } from './sqlite-sql.js';
import { SqliteStreams } from './sqlite-streams.js';
import { WritingHere, type SqliteWriting } from './sqlite-writing.js';
import { flat } from './step-sql.js';

/**
 * View tables in a SQLite file of their own. One connection writes, in a thread of its own if so told; queries go through a second one that cannot. A step is one transaction,
 * flushed before it counts (`synchronous = FULL`).
 */
export class SqliteViewTables extends ViewTables {
  readonly #writer: SqliteWriting;
  readonly #reader: Database.Database;
  readonly #streams: SqliteStreams;
  readonly #sql: SqliteSql;
  #closed = false;

  /**
   * Opens or makes the file. @throws `views-unavailable` when that is not possible.
   * @param room asked before each step of a view; no limit unless given.
   * @param writing what writes the file, once it has been made; the calling thread unless given.
   */
  constructor(
    path: string,
    private readonly room?: StorageRoom,
    writing?: (path: string) => SqliteWriting,
  ) {
    super();
    try {
      const here = new WritingHere(path);
      if (writing === undefined) this.#writer = here;
      else {
        // It is made here, so that a start fails when it cannot be.
        void here.close();
        this.#writer = writing(path);
      }
      this.#reader = openReader(path);
      this.#streams = new SqliteStreams(path);
      this.#sql = new SqliteSql(path);
    } catch (cause) {
      throw new AppError({
        kind: 'unavailable',
        code: 'views-unavailable',
        message: `The file of the view tables, ${path}, cannot be used: ${cause instanceof Error ? cause.message : String(cause)}.`,
        hint: 'Make sure that the directory exists and can be written.',
        cause,
      });
    }
  }

  create(id: string, view: ViewDefinition): Promise<void> {
    return this.#writer.ask('create', id, view);
  }

  index(id: string, view: ViewDefinition): Promise<void> {
    return this.#writer.ask('index', id, view);
  }

  /** Names are given to the tables anew for each statement of a user. */
  async publish(): Promise<void> {}

  drop(id: string): Promise<void> {
    return this.#writer.ask('drop', id);
  }

  list(): Promise<readonly string[]> {
    return this.#writer.ask('list');
  }

  claim(id: string, view: ViewDefinition): Promise<{ epoch: number; positions: ViewPositions }> {
    return this.#writer.ask('claim', id, placed(view));
  }

  async apply(id: string, view: ViewDefinition, epoch: number, step: ViewStep): Promise<ViewPositions> {
    const refusal = this.room?.refusal();
    if (refusal !== undefined) throw refusal;
    return this.#writer.ask('apply', id, placed(view), epoch, { ...step, changes: step.changes.map(flat) });
  }

  async rows(
    id: string,
    _view: ViewDefinition,
    table: number,
    identities: readonly string[],
  ): Promise<ReadonlyMap<string, readonly CellValue[]>> {
    return identities.length === 0 ? new Map() : this.#writer.ask('rows', id, table, identities);
  }

  find(id: string, _view: ViewDefinition, search: TableSearch): Promise<readonly TableRow[]> {
    return this.#writer.ask('find', id, search);
  }

  async positions(id: string, view: ViewDefinition): Promise<ViewPositions> {
    return this.#reader.transaction(() => positionsIn(this.#reader, id, placed(view)))();
  }

  async query(id: string, view: ViewDefinition, query: ViewQuery): Promise<ViewRows> {
    const sql = new QuerySql(id, view, SQLITE);
    return this.#reader.transaction((): ViewRows => {
      const positions = positionsIn(this.#reader, id, placed(view));
      const found: CellValue[][] = [];
      for (const part of sql.page(query)) {
        found.push(...all(this.#reader, part));
        if (found.length > query.limit) break;
      }
      const page = found.slice(0, query.limit);
      const lists = query.children.map((child) =>
        listsOf(
          view,
          child,
          all(
            this.#reader,
            sql.children(
              child,
              page.map((cells) => String(cells[0])),
            ),
          ),
        ),
      );
      const rows = page.map((cells) => rowOf(view, query, cells, lists));
      const count = query.count ? { count: Number(all(this.#reader, sql.count(query))[0]![0]) } : {};
      return { rows, next: nextOf(query, found), positions, ...count };
    })();
  }

  async stream(id: string, view: ViewDefinition, query: ViewQuery, signal?: AbortSignal): Promise<ViewStream> {
    const statement = new QuerySql(id, view, SQLITE).whole(query);
    return this.#streams.open(
      (database) => positionsIn(database, id, placed(view)),
      statement,
      (cells) => valuesOf(view, query, cells),
      signal,
    );
  }

  sql(_target: string, request: SqlRequest, signal?: AbortSignal): Promise<SqlAnswer> {
    return this.#sql.run(request, signal);
  }

  async refused(id: string, _view: ViewDefinition, limit: number): Promise<readonly (RefusedRecord & RefusedPlace)[]> {
    const rows = this.#reader
      .prepare(
        'select source, generation, partition, "offset", code, message from weir_refused where view = ? order by number limit ?',
      )
      .all(id, limit);
    return (rows as Record<string, unknown>[]).map((row) => ({
      source: Number(row['source']),
      generation: Number(row['generation']),
      partition: Number(row['partition']),
      offset: Number(row['offset']),
      code: String(row['code']),
      message: String(row['message']),
    }));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#sql.close();
    this.#streams.close();
    this.#reader.close();
    await this.#writer.close();
  }
}

function all(database: Database.Database, statement: Statement): CellValue[][] {
  return database
    .prepare(statement.sql)
    .raw()
    .all(...statement.values) as CellValue[][];
}
