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
  type TablesEvolution,
  type TablesRevision,
  type ViewDefinition,
  type ViewPositions,
  type ViewQuery,
  type ViewRows,
  type ViewStep,
  type ViewStream,
} from '#libs/core/streams';
import { AskingInThread, AskingThreads, type StartThread } from './calls-in-thread.js';
import { memoryOf } from './flat-rows.js';
import { QuerySql } from './query-sql.js';
import { valuesOf } from './row-values.js';
import { SQLITE } from './sqlite-dialect.js';
import { placed, positionsIn } from './sqlite-positions.js';
import { SqliteReader } from './sqlite-reader.js';
import { SqliteSql } from './sqlite-sql.js';
import { SqliteStreams } from './sqlite-streams.js';
import { SqliteWriter } from './sqlite-writer.js';
import { flat } from './step-sql.js';
import { AskingHere, type Asking } from './thread-calls.js';

/** Threads for queries: one that looks at all rows does not keep those waiting that find theirs by an index. */
const READERS = 2;

/**
 * View tables in a SQLite file of their own. One connection writes; queries go through others that cannot. A step is one transaction,
 * flushed before it counts (`synchronous = FULL`).
 */
export class SqliteViewTables extends ViewTables {
  readonly #writer: Asking<SqliteWriter>;
  readonly #reader: Asking<SqliteReader>;
  readonly #streams: SqliteStreams;
  readonly #sql: SqliteSql;
  #closed = false;

  /**
   * Opens or makes the file. @throws `views-unavailable` when that is not possible.
   * @param room asked before each step of a view; no limit unless given.
   * @param start begins threads that read and write, so that nothing else waits for them; the calling thread does unless given.
   */
  constructor(
    path: string,
    private readonly room?: StorageRoom,
    start?: StartThread,
  ) {
    super();
    try {
      // The file is made here in any case, so that a start fails when it cannot be.
      const writer = new SqliteWriter(path);
      if (start === undefined) {
        this.#writer = new AskingHere(writer);
        this.#reader = new AskingHere(new SqliteReader(path));
      } else {
        writer.close();
        this.#writer = new AskingInThread(() => start({ path, writes: true }));
        this.#reader = new AskingThreads(READERS, () => start({ path, writes: false }));
      }
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

  async evolve(id: string, view: ViewDefinition, evolution: TablesEvolution): Promise<boolean> {
    const refusal = this.room?.refusal();
    if (refusal !== undefined) throw refusal;
    return this.#writer.ask('evolve', id, placed(view), evolution);
  }

  revision(id: string, view: ViewDefinition): Promise<TablesRevision> {
    // Of whoever begins to write: the threads of queries begin with the first query.
    return this.#writer.ask('revision', id, placed(view));
  }

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
    const changes = step.changes.map(flat);
    const memory = changes.flatMap(({ puts }) => memoryOf(puts));
    return this.#writer.ask('apply', id, placed(view), epoch, { ...step, changes, memory });
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

  positions(id: string, view: ViewDefinition): Promise<ViewPositions> {
    return this.#reader.ask('positions', id, placed(view));
  }

  query(id: string, view: ViewDefinition, query: ViewQuery): Promise<ViewRows> {
    return this.#reader.ask('query', id, view, query);
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

  refused(id: string, _view: ViewDefinition, limit: number): Promise<readonly (RefusedRecord & RefusedPlace)[]> {
    return this.#reader.ask('refused', id, limit);
  }

  isSetAside(id: string, _view: ViewDefinition, place: RefusedPlace): Promise<boolean> {
    // Behind the steps that were asked for before.
    return this.#writer.ask('isSetAside', id, place);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#sql.close();
    this.#streams.close();
    await Promise.all([this.#reader.close(), this.#writer.close()]);
  }
}
