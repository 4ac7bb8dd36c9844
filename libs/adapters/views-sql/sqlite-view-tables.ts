import Database from 'better-sqlite3';
import { AppError, type StorageRoom } from '#libs/core/kernel';
import {
  sourcesOf,
  viewNotFound,
  ViewTables,
  viewWriterFenced,
  type CellValue,
  type RefusedPlace,
  type RefusedRecord,
  type SqlAnswer,
  type SqlRequest,
  type SourceMove,
  type SourcePosition,
  type TableRow,
  type TableSearch,
  type ViewDefinition,
  type ViewPositions,
  type ViewQuery,
  type ViewRows,
  type ViewStep,
  type ViewStream,
} from '#libs/core/streams';
import { tableName } from './physical-names.js';
import { QuerySql, type Statement } from './query-sql.js';
import { listsOf, nextOf, rowOf, valuesOf } from './row-values.js';
import { SQLITE } from './sqlite-dialect.js';
import { samePosition } from './same-position.js';
import { openReader } from './sqlite-reader.js';
import { SqliteSql } from './sqlite-sql.js';
import { SqliteStreams } from './sqlite-streams.js';
import { StepSql } from './step-sql.js';
import { CATALOGUE, LAYOUT, tablesOf } from './table-definition.js';

/**
 * View tables in a SQLite file of their own. One connection writes; queries go through a second one that cannot. A step is one transaction,
 * flushed before it counts (`synchronous = FULL`).
 */
export class SqliteViewTables extends ViewTables {
  readonly #writer: Database.Database;
  readonly #reader: Database.Database;
  readonly #steps = new Map<string, StepSql>();
  readonly #streams: SqliteStreams;
  readonly #sql: SqliteSql;
  #closed = false;

  /** Opens or makes the file. @throws `views-unavailable` when that is not possible. */
  /** @param room asked before each step of a view; no limit unless given. */
  constructor(
    path: string,
    private readonly room?: StorageRoom,
  ) {
    super();
    try {
      this.#writer = new Database(path);
      this.#writer.pragma('journal_mode = WAL');
      this.#writer.pragma('synchronous = FULL');
      this.#writer.pragma('busy_timeout = 5000');
      emptyOlderLayout(this.#writer);
      this.#writer.exec(CATALOGUE);
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

  async create(id: string, view: ViewDefinition): Promise<void> {
    this.#write(() => {
      for (const statement of tablesOf(id, view)) this.#writer.exec(statement);
      this.#writer
        .prepare('insert into weir_views (id, epoch, commits) values (?, 0, 0) on conflict do nothing')
        .run(id);
    });
  }

  /** Names are given to the tables anew for each statement of a user. */
  async publish(): Promise<void> {}

  async drop(id: string): Promise<void> {
    this.#write(() => {
      this.#steps.delete(id);
      const prefix = tableName(id, 0).slice(0, -1);
      const tables = this.#writer
        .prepare("select name from sqlite_master where type = 'table' and substr(name, 1, ?) = ?")
        .pluck()
        .all(prefix.length, prefix);
      for (const table of tables as string[])
        if (/^v_[a-z0-9]+_[0-9]+$/.test(table)) this.#writer.exec(`drop table ${table}`);
      for (const catalogue of ['weir_positions', 'weir_refused'])
        this.#writer.prepare(`delete from ${catalogue} where view = ?`).run(id);
      this.#writer.prepare('delete from weir_views where id = ?').run(id);
    });
  }

  async list(): Promise<readonly string[]> {
    return this.#writer.prepare('select id from weir_views order by id').pluck().all() as string[];
  }

  async claim(id: string, view: ViewDefinition): Promise<{ epoch: number; positions: ViewPositions }> {
    return this.#write(() => {
      const epoch = this.#writer
        .prepare('update weir_views set epoch = epoch + 1 where id = ? returning epoch')
        .pluck()
        .get(id);
      if (epoch === undefined) throw viewNotFound(view.name);
      return { epoch: Number(epoch), positions: positionsIn(this.#writer, id, view) };
    });
  }

  async apply(id: string, view: ViewDefinition, epoch: number, step: ViewStep): Promise<ViewPositions> {
    const refusal = this.room?.refusal();
    if (refusal !== undefined) throw refusal;
    return this.#write(() => {
      const { changes } = this.#writer
        .prepare('update weir_views set commits = commits + 1 where id = ? and epoch = ? and commits = ?')
        .run(id, epoch, step.commit);
      if (changes === 0) throw viewWriterFenced(id);
      if (step.move !== undefined) this.#move(id, view, step.move, step.refused);
      const forget = this.#writer.prepare(
        'delete from weir_refused where view = ? and source = ? and generation = ? and partition = ? and "offset" = ?',
      );
      for (const { source, generation, partition, offset } of step.redriven ?? [])
        forget.run(id, source, generation, partition, offset);
      const sql = this.#stepSql(id, view);
      for (const change of step.changes) sql.change(change);
      return positionsIn(this.#writer, id, view);
    });
  }

  async rows(
    id: string,
    view: ViewDefinition,
    table: number,
    identities: readonly string[],
  ): Promise<ReadonlyMap<string, readonly CellValue[]>> {
    return this.#stepSql(id, view).rows(table, identities);
  }

  async find(id: string, view: ViewDefinition, search: TableSearch): Promise<readonly TableRow[]> {
    return this.#stepSql(id, view).find(search);
  }

  async positions(id: string, view: ViewDefinition): Promise<ViewPositions> {
    return this.#reader.transaction(() => positionsIn(this.#reader, id, view))();
  }

  async query(id: string, view: ViewDefinition, query: ViewQuery): Promise<ViewRows> {
    const sql = new QuerySql(id, view, SQLITE);
    return this.#reader.transaction((): ViewRows => {
      const positions = positionsIn(this.#reader, id, view);
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
      (database) => positionsIn(database, id, view),
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
    this.#writer.close();
  }

  /** One transaction that takes the write lock at once, so that no deferred upgrade can fail half-way. */
  #write<T>(task: () => T): T {
    try {
      return this.#writer.transaction(task).immediate();
    } catch (error) {
      throw storageError(error);
    }
  }

  #stepSql(id: string, view: ViewDefinition): StepSql {
    let sql = this.#steps.get(id);
    if (sql === undefined) this.#steps.set(id, (sql = new StepSql(this.#writer, id, view)));
    return sql;
  }

  #move(id: string, view: ViewDefinition, { source, from, to }: SourceMove, refused: readonly RefusedRecord[]): void {
    const stored = positionsIn(this.#writer, id, view).sources[source];
    if (stored !== undefined && !samePosition(stored, from)) throw viewWriterFenced(id);
    this.#writer.prepare('delete from weir_positions where view = ? and source = ?').run(id, source);
    const insert = this.#writer.prepare(
      'insert into weir_positions (view, source, partition, generation, next) values (?, ?, ?, ?, ?)',
    );
    to.next.forEach((next, partition) => insert.run(id, source, partition, to.generation, next));
    const refuse = this.#writer.prepare(
      `insert into weir_refused (view, source, generation, partition, "offset", code, message) values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
    );
    for (const { partition, offset, code, message } of refused)
      refuse.run(id, source, from.generation, partition, offset, code, message);
  }
}

/** Takes away what a file of an earlier layout holds, so that its views are built anew. */
function emptyOlderLayout(database: Database.Database): void {
  if (Number(database.pragma('user_version', { simple: true })) === LAYOUT) return;
  database
    .transaction(() => {
      const tables = database.prepare("select name from sqlite_master where type = 'table'").pluck().all() as string[];
      for (const table of tables)
        if (/^(v_[a-z0-9]+_[0-9]+|weir_[a-z]+)$/.test(table)) database.exec(`drop table ${table}`);
      database.pragma(`user_version = ${LAYOUT}`);
    })
    .immediate();
}

function positionsIn(database: Database.Database, id: string, view: ViewDefinition): ViewPositions {
  const commits = database.prepare('select commits from weir_views where id = ?').pluck().get(id);
  if (commits === undefined) throw viewNotFound(view.name);
  const sources: (SourcePosition | undefined)[] = sourcesOf(view).map(() => undefined);
  const rows = database
    .prepare('select source, generation, next from weir_positions where view = ? order by source, partition')
    .all(id);
  for (const row of rows as { source: number; generation: number; next: number }[]) {
    const source = Number(row.source);
    const known = sources[source];
    sources[source] = { generation: Number(row.generation), next: [...(known?.next ?? []), Number(row.next)] };
  }
  const refused = database.prepare('select count(*) from weir_refused where view = ?').pluck().get(id);
  return { commit: Number(commits), sources, refused: Number(refused) };
}

function all(database: Database.Database, statement: Statement): CellValue[][] {
  return database
    .prepare(statement.sql)
    .raw()
    .all(...statement.values) as CellValue[][];
}

function storageError(error: unknown): unknown {
  const code = error instanceof Database.SqliteError ? error.code : undefined;
  if (code === 'SQLITE_FULL') {
    return new AppError({
      kind: 'storage-full',
      code: 'storage-full',
      message: 'The disk is full; nothing was stored in the view.',
      hint: 'Free space; the view goes on by itself.',
      retryable: true,
      cause: error,
    });
  }
  return error;
}
