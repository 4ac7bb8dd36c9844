import Database from 'better-sqlite3';
import { AppError } from '#libs/core/kernel';
import {
  viewNotFound,
  viewWriterFenced,
  type CellValue,
  type EvolvedDeclaration,
  type RefusedPlace,
  type RefusedRecord,
  type SeenMember,
  type SourceMove,
  type TableRow,
  type TableSearch,
  type TablesEvolution,
  type TablesRevision,
  type ViewDefinition,
  type ViewPositions,
  type ViewStep,
} from '#libs/core/streams';
import { tableName } from './physical-names.js';
import { samePosition } from './same-position.js';
import { positionsIn, type PlacedView } from './sqlite-positions.js';
import { StepSql, type FlatChange } from './step-sql.js';
import type { HandedOn } from './thread-calls.js';
import { CATALOGUE, cellsOf, indexesOf, LATER_COLUMNS, LAYOUT, tablesOf } from './table-definition.js';

/** A step whose rows lie flat, in memory that is handed on with it. */
export type FlatStep = Omit<ViewStep, 'changes'> & HandedOn & { readonly changes: readonly FlatChange[] };

/** Memory for pages: where rows come in no order, those of many places are written again and again. */
const CACHE_KIB = 32 * 1024;
/** Pages of the log after which they are put in their places. */
const CHECKPOINT_PAGES = 4_000;

/**
 * The connection that writes the view tables of a SQLite file: one step is one transaction, flushed before it counts (`synchronous = FULL`). Steps of a view that is being built are flushed together, at the latest with what makes its
 * indexes: rows and position lie in one file, whose log is whole up to some commit after a power loss, so the build goes on from there. Each call blocks the thread it is made in.
 */
export class SqliteWriter {
  readonly #database: Database.Database;
  readonly #steps = new Map<string, StepSql>();
  /** Views that have read what they are built of, since they were claimed. */
  readonly #built = new Set<string>();
  #flushes = true;

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
    completeCatalogue(this.#database);
  }

  /** Whether what was written last was flushed before it counted. */
  get isFlushing(): boolean {
    // 1 is `NORMAL`, 2 `FULL`.
    return Number(this.#database.pragma('synchronous', { simple: true })) >= 2;
  }

  create(id: string, view: ViewDefinition): void {
    this.#write(() => {
      for (const statement of tablesOf(id, view)) this.#database.exec(statement);
      for (const statement of indexesOf(id, view, 'steps')) this.#database.exec(statement);
      this.#database
        .prepare(
          'insert into weir_views (id, epoch, commits, revision, remembers) values (?, 0, 0, ?, 1) on conflict do nothing',
        )
        .run(id, view.evolution.revision);
    });
  }

  evolve(id: string, { name, revision }: PlacedView, { to, definition, cells, unseen }: TablesEvolution): boolean {
    return this.#write(() => {
      const known = this.#database.prepare('select revision from weir_views where id = ?').pluck().get(id);
      if (known === undefined) throw viewNotFound(name);
      if (Number(known) !== revision || unseen.some((member) => this.#hasSeen(id, member))) return false;
      for (const statement of cellsOf(id, definition, cells)) this.#database.exec(statement);
      // A step by the definition before, and its worker, are refused from now on.
      this.#database
        .prepare(
          'update weir_views set revision = ?, evolved = ?, epoch = epoch + 1, commits = commits + 1 where id = ?',
        )
        .run(to.evolution.revision, JSON.stringify(to), id);
      // Statements know the tables as they were.
      this.#steps.delete(id);
      return true;
    });
  }

  revision(id: string, { name }: PlacedView): TablesRevision {
    const found = this.#database
      .prepare('select revision, evolved, remembers from weir_views where id = ?')
      .raw()
      .get(id);
    if (found === undefined) throw viewNotFound(name);
    const [revision, evolved, remembers] = found as [number, string | null, number];
    const seen = this.#database.prepare('select source, object, name from weir_members where view = ?').all(id);
    return {
      revision,
      evolved: evolved === null ? null : (JSON.parse(evolved) as EvolvedDeclaration),
      seen: remembers === 0 ? null : (seen as SeenMember[]),
    };
  }

  /** Whether records had a member; the empty name stands for all of an object. */
  #hasSeen(id: string, { source, object, name }: SeenMember): boolean {
    const member = this.#database
      .prepare("select 1 from weir_members where view = ? and source = ? and object = ? and name in (?, '') limit 1")
      .get(id, source, object, name);
    return member !== undefined;
  }

  index(id: string, view: ViewDefinition): void {
    this.#write(() => {
      for (const statement of indexesOf(id, view, 'queries')) this.#database.exec(statement);
      // There is something to flush also where the indexes are there.
      this.#database.prepare('update weir_views set commits = commits where id = ?').run(id);
    });
    this.#built.add(id);
  }

  drop(id: string): void {
    this.#write(() => {
      this.#steps.delete(id);
      this.#built.delete(id);
      const prefix = tableName(id, 0).slice(0, -1);
      const tables = this.#database
        .prepare("select name from sqlite_master where type = 'table' and substr(name, 1, ?) = ?")
        .pluck()
        .all(prefix.length, prefix);
      for (const table of tables as string[])
        if (/^v_[a-z0-9]+_[0-9]+$/.test(table)) this.#database.exec(`drop table ${table}`);
      for (const catalogue of ['weir_positions', 'weir_refused', 'weir_members'])
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
      this.#built.delete(id);
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
    // What is known elsewhere of a step that moves nothing must not be further than the file.
    const flushed = step.move === undefined || this.#built.has(id);
    return this.#write(() => {
      const { changes } = this.#database
        .prepare(
          'update weir_views set commits = commits + 1 where id = ? and epoch = ? and commits = ? and revision = ?',
        )
        .run(id, epoch, step.commit, view.revision);
      if (changes === 0) throw viewWriterFenced(id);
      if (step.move !== undefined) this.#move(id, view, step.move, step.refused);
      const forget = this.#database.prepare(
        'delete from weir_refused where view = ? and source = ? and generation = ? and partition = ? and "offset" = ?',
      );
      for (const { source, generation, partition, offset } of step.redriven ?? [])
        forget.run(id, source, generation, partition, offset);
      if (step.seen !== undefined && step.seen.length > 0) this.#remember(id, step.seen);
      const sql = this.#stepSql(id);
      for (const change of step.changes) sql.change(change);
      return positionsIn(this.#database, id, view);
    }, flushed);
  }

  isSetAside(id: string, { source, generation, partition, offset }: RefusedPlace): boolean {
    const found = this.#database
      .prepare(
        'select 1 from weir_refused where view = ? and source = ? and generation = ? and partition = ? and "offset" = ?',
      )
      .get(id, source, generation, partition, offset);
    return found !== undefined;
  }

  close(): void {
    this.#database.close();
  }

  /** One transaction that takes the write lock at once, so that no deferred upgrade can fail half-way. @param flushed before this returns, with all before it; otherwise in its order, at some time */
  #write<T>(task: () => T, flushed = true): T {
    if (this.#flushes !== flushed) this.#database.pragma(`synchronous = ${flushed ? 'FULL' : 'NORMAL'}`);
    this.#flushes = flushed;
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

  #remember(id: string, seen: readonly SeenMember[]): void {
    const insert = this.#database.prepare(
      'insert into weir_members (view, source, object, name) values (?, ?, ?, ?) on conflict do nothing',
    );
    for (const { source, object, name } of seen) insert.run(id, source, object, name);
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

/** Gives a catalogue of earlier days the columns that it has not. */
function completeCatalogue(database: Database.Database): void {
  const known = database.prepare("select name from pragma_table_info('weir_views')").pluck().all() as string[];
  for (const [name, declared] of LATER_COLUMNS)
    if (!known.includes(name)) database.exec(`alter table weir_views add column ${name} ${declared}`);
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
