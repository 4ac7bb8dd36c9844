import Database from 'better-sqlite3';
import { AppError } from '#libs/core/kernel';
import {
  viewNotFound,
  viewWriterFenced,
  type CellValue,
  type RefusedRecord,
  type SourceMove,
  type TableRow,
  type TableSearch,
  type ViewDefinition,
  type ViewPositions,
  type ViewStep,
} from '#libs/core/streams';
import { tableName } from './physical-names.js';
import { samePosition } from './same-position.js';
import { positionsIn, type PlacedView } from './sqlite-positions.js';
import { StepSql, type FlatChange } from './step-sql.js';
import { CATALOGUE, indexesOf, LAYOUT, tablesOf } from './table-definition.js';

/** A step whose rows lie flat. */
export type FlatStep = Omit<ViewStep, 'changes'> & { readonly changes: readonly FlatChange[] };

/** Memory for pages: where rows come in no order, those of many places are written again and again. */
const CACHE_KIB = 32 * 1024;
/** Pages of the log after which they are put in their places. */
const CHECKPOINT_PAGES = 4_000;

/** The connection that writes the view tables of a SQLite file: one step is one transaction, flushed before it counts (`synchronous = FULL`). Each call blocks the thread it is made in. */
export class SqliteWriter {
  readonly #database: Database.Database;
  readonly #steps = new Map<string, StepSql>();

  /** Opens or makes the file. */
  constructor(path: string) {
    this.#database = new Database(path);
    this.#database.pragma('journal_mode = WAL');
    this.#database.pragma('synchronous = FULL');
    this.#database.pragma('busy_timeout = 5000');
    this.#database.pragma(`cache_size = -${CACHE_KIB}`);
    this.#database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    emptyOlderLayout(this.#database);
    this.#database.exec(CATALOGUE);
  }

  create(id: string, view: ViewDefinition): void {
    this.#write(() => {
      for (const statement of tablesOf(id, view)) this.#database.exec(statement);
      for (const statement of indexesOf(id, view, 'steps')) this.#database.exec(statement);
      this.#database
        .prepare('insert into weir_views (id, epoch, commits) values (?, 0, 0) on conflict do nothing')
        .run(id);
    });
  }

  index(id: string, view: ViewDefinition): void {
    this.#write(() => {
      for (const statement of indexesOf(id, view, 'queries')) this.#database.exec(statement);
    });
  }

  drop(id: string): void {
    this.#write(() => {
      this.#steps.delete(id);
      const prefix = tableName(id, 0).slice(0, -1);
      const tables = this.#database
        .prepare("select name from sqlite_master where type = 'table' and substr(name, 1, ?) = ?")
        .pluck()
        .all(prefix.length, prefix);
      for (const table of tables as string[])
        if (/^v_[a-z0-9]+_[0-9]+$/.test(table)) this.#database.exec(`drop table ${table}`);
      for (const catalogue of ['weir_positions', 'weir_refused'])
        this.#database.prepare(`delete from ${catalogue} where view = ?`).run(id);
      this.#database.prepare('delete from weir_views where id = ?').run(id);
    });
  }

  list(): readonly string[] {
    return this.#database.prepare('select id from weir_views order by id').pluck().all() as string[];
  }

  claim(id: string, view: PlacedView): { epoch: number; positions: ViewPositions } {
    return this.#write(() => {
      const epoch = this.#database
        .prepare('update weir_views set epoch = epoch + 1 where id = ? returning epoch')
        .pluck()
        .get(id);
      if (epoch === undefined) throw viewNotFound(view.name);
      return { epoch: Number(epoch), positions: positionsIn(this.#database, id, view) };
    });
  }

  rows(id: string, table: number, identities: readonly string[]): ReadonlyMap<string, readonly CellValue[]> {
    return this.#stepSql(id).rows(table, identities);
  }

  find(id: string, search: TableSearch): readonly TableRow[] {
    return this.#stepSql(id).find(search);
  }

  apply(id: string, view: PlacedView, epoch: number, step: FlatStep): ViewPositions {
    return this.#write(() => {
      const { changes } = this.#database
        .prepare('update weir_views set commits = commits + 1 where id = ? and epoch = ? and commits = ?')
        .run(id, epoch, step.commit);
      if (changes === 0) throw viewWriterFenced(id);
      if (step.move !== undefined) this.#move(id, view, step.move, step.refused);
      const forget = this.#database.prepare(
        'delete from weir_refused where view = ? and source = ? and generation = ? and partition = ? and "offset" = ?',
      );
      for (const { source, generation, partition, offset } of step.redriven ?? [])
        forget.run(id, source, generation, partition, offset);
      const sql = this.#stepSql(id);
      for (const change of step.changes) sql.change(change);
      return positionsIn(this.#database, id, view);
    });
  }

  close(): void {
    this.#database.close();
  }

  /** One transaction that takes the write lock at once, so that no deferred upgrade can fail half-way. */
  #write<T>(task: () => T): T {
    try {
      return this.#database.transaction(task).immediate();
    } catch (error) {
      throw storageError(error);
    }
  }

  #stepSql(id: string): StepSql {
    let sql = this.#steps.get(id);
    if (sql === undefined) this.#steps.set(id, (sql = new StepSql(this.#database, id)));
    return sql;
  }

  #move(id: string, view: PlacedView, { source, from, to }: SourceMove, refused: readonly RefusedRecord[]): void {
    const stored = positionsIn(this.#database, id, view).sources[source];
    if (stored !== undefined && !samePosition(stored, from)) throw viewWriterFenced(id);
    this.#database.prepare('delete from weir_positions where view = ? and source = ?').run(id, source);
    const insert = this.#database.prepare(
      'insert into weir_positions (view, source, partition, generation, next) values (?, ?, ?, ?, ?)',
    );
    to.next.forEach((next, partition) => insert.run(id, source, partition, to.generation, next));
    const refuse = this.#database.prepare(
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
