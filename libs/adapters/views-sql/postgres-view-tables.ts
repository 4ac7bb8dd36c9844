import type { JsonValue } from '#libs/core/kernel';
import {
  sourcesOf,
  viewNotFound,
  ViewTables,
  viewWriterFenced,
  type CellValue,
  type RefusedPlace,
  type RefusedRecord,
  type SourcePosition,
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
import { copyText } from './copy-text.js';
import { tableName } from './physical-names.js';
import {
  PostgresConnections,
  VIEWS_APPLICATION,
  type PostgresSession,
  type PostgresTargetOptions,
} from './postgres-connections.js';
import { numbered, postgresDialect } from './postgres-dialect.js';
import { aloneWith, mapNames, publishIn } from './postgres-published.js';
import { evolveIn, revisionIn } from './postgres-evolution.js';
import { prepareSchema, type PostgresSchema } from './postgres-schema.js';
import { MOST_STATEMENTS, PostgresSql } from './postgres-sql.js';
import { PostgresSteps } from './postgres-steps.js';
import { postgresIndexesOf, postgresTablesOf, readableName } from './postgres-tables.js';
import { QuerySql, type Statement } from './query-sql.js';
import { listsOf, nextOf, rowOf, valuesOf } from './row-values.js';
import { searchSql } from './search-sql.js';
import { CHUNK_ROWS, MOST_STREAMS, StreamSlots } from './stream-slots.js';

/** Shorter than a lease, so that whoever takes a view over finds the way free. */
const ABANDONED_MS = 10_000;
const SNAPSHOT = 'begin transaction isolation level repeatable read read only';

/**
 * View tables in a PostgreSQL database, for any number of instances. A step is one transaction. Queries run under a role that can only read, where the service may make
 * one, in read-only transactions and with a statement timeout.
 */
export class PostgresViewTables extends ViewTables {
  readonly #steps = new Map<string, PostgresSteps>();
  /** Views that surely have all their indexes. */
  readonly #indexed = new Set<string>();
  readonly #slots = new StreamSlots();
  readonly #ending = new Set<() => void>();
  readonly #sql: PostgresSql;
  #closing: Promise<unknown> | undefined;

  private constructor(
    private readonly writers: PostgresConnections,
    private readonly readers: PostgresConnections,
    /** Where the tables are and who reads them. */
    readonly schema: PostgresSchema,
    private readonly abandonedMs: number,
  ) {
    super();
    this.#sql = new PostgresSql(readers, schema);
  }

  /** Connects and makes what is missing. @throws `views-unavailable`, `invalid-views-schema`. */
  static async open(options: PostgresTargetOptions): Promise<PostgresViewTables> {
    const abandonedMs = options.abandonedMs ?? ABANDONED_MS;
    const writers = new PostgresConnections(options, [`set idle_in_transaction_session_timeout = ${abandonedMs}`]);
    try {
      const schema = await prepareSchema(writers, options.schema);
      // Streams and statements of users hold a connection for as long as they take: pages are not to wait for them.
      const poolSize = (options.poolSize ?? 4) + MOST_STREAMS + MOST_STATEMENTS;
      const readers = new PostgresConnections({ ...options, poolSize }, [
        ...(schema.reader === null ? [] : [`set role ${schema.reader}`]),
        'set default_transaction_read_only = on',
        `set statement_timeout = ${options.statementTimeoutMs ?? 10_000}`,
        "set idle_in_transaction_session_timeout = '60s'",
      ]);
      return new PostgresViewTables(writers, readers, schema, abandonedMs);
    } catch (error) {
      await writers.close();
      throw error;
    }
  }

  async create(id: string, view: ViewDefinition): Promise<void> {
    await this.writers.transaction('begin', async (session) => {
      await aloneWith(session, this.schema, view);
      for (const statement of postgresTablesOf(this.schema, id, view)) await session.run(statement);
      for (const statement of postgresIndexesOf(this.schema, id, view, 'steps')) await session.run(statement);
      await session.run(
        `insert into ${this.schema.data}.weir_views (id, epoch, commits, revision, remembers) values ($1, 0, 0, $2, true) on conflict do nothing`,
        [id, view.evolution.revision],
      );
      await mapNames(session, this.schema, id, view);
      const [taken] = await session.rows(
        `select 1 from ${this.schema.data}.weir_views where readable = $1 and id <> $2`,
        [readableName(view.name), id],
      );
      if (taken === undefined) await publishIn(session, this.schema, id, view);
    });
  }

  async index(id: string, view: ViewDefinition): Promise<void> {
    await this.writers.transaction('begin', async (session) => {
      for (const statement of postgresIndexesOf(this.schema, id, view, 'queries')) await session.run(statement);
    });
    this.#indexed.add(id);
  }

  async publish(id: string, view: ViewDefinition): Promise<void> {
    await this.writers.transaction('begin', async (session) => {
      await aloneWith(session, this.schema, view);
      await publishIn(session, this.schema, id, view);
    });
  }

  async evolve(id: string, view: ViewDefinition, evolution: TablesEvolution): Promise<boolean> {
    const isDone = await this.writers.transaction('begin', (session) =>
      evolveIn(session, this.schema, id, view, evolution),
    );
    if (isDone) this.#indexed.delete(id);
    return isDone;
  }

  async revision(id: string, view: ViewDefinition): Promise<TablesRevision> {
    return this.readers.session((session) => revisionIn(session, this.schema, id, view));
  }

  async drop(id: string): Promise<void> {
    const { data } = this.schema;
    const prefix = tableName(id, 0).slice(0, -1);
    await this.writers.transaction('begin', async (session) => {
      // What SQL clients see goes with the tables that it rests on.
      const tables = await session.rows<[string]>(
        'select tablename::text from pg_tables where schemaname = $1 and starts_with(tablename::text, $2)',
        [data, prefix],
      );
      for (const [table] of tables)
        if (/^v_[a-z0-9]+_[0-9]+$/.test(table)) await session.run(`drop table ${data}.${table} cascade`);
      for (const catalogue of ['weir_positions', 'weir_refused', 'weir_names', 'weir_members'])
        await session.run(`delete from ${data}.${catalogue} where view = $1`, [id]);
      await session.run(`delete from ${data}.weir_views where id = $1`, [id]);
    });
    this.#steps.delete(id);
    this.#indexed.delete(id);
  }

  async list(): Promise<readonly string[]> {
    const rows = await this.writers.session((session) =>
      session.rows<[string]>(`select id from ${this.schema.data}.weir_views order by id`),
    );
    return rows.map(([id]) => id);
  }

  async claim(id: string, view: ViewDefinition): Promise<{ epoch: number; positions: ViewPositions }> {
    await this.#endAbandonedCopies();
    return this.writers.transaction(`begin; set local lock_timeout = ${this.abandonedMs}`, async (session) => {
      const [claimed] = await session.rows<[number]>(
        `update ${this.schema.data}.weir_views set epoch = epoch + 1 where id = $1 returning epoch`,
        [id],
      );
      if (claimed === undefined) throw viewNotFound(view.name);
      // Another instance may have added some.
      this.#indexed.delete(id);
      return { epoch: claimed[0], positions: await this.#positions(session, id, view) };
    });
  }

  /** A COPY whose rows do not come holds what its step has written, and no timeout of the server ends it: it is not between statements. */
  async #endAbandonedCopies(): Promise<void> {
    await this.writers.session((session) =>
      session.run(
        `select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and usename = current_user and application_name = $1 and wait_event = 'ClientRead'
        and query ilike 'copy %' and state = 'active' and query_start < clock_timestamp() - $2 * interval '1 millisecond'`,
        [VIEWS_APPLICATION, this.abandonedMs],
      ),
    );
  }

  async rows(
    id: string,
    view: ViewDefinition,
    table: number,
    identities: readonly string[],
  ): Promise<ReadonlyMap<string, readonly CellValue[]>> {
    if (identities.length === 0) return new Map();
    const sql = this.#stepsOf(id, view).rowsSql(table);
    const found = await this.writers.session((session) =>
      session.prepared<[string, ...CellValue[]]>(sql, [identities]),
    );
    return new Map(found.map(([identity, ...cells]) => [identity, cells]));
  }

  async find(id: string, _view: ViewDefinition, search: TableSearch): Promise<readonly TableRow[]> {
    const { sql, values } = searchSql(`${this.schema.data}.${tableName(id, search.table)}`, search);
    const found = await this.writers.session((session) =>
      session.rows<[string, ...CellValue[]]>(numbered(sql), values),
    );
    return found.map(([identity, ...cells]) => ({ identity, cells }));
  }

  async apply(id: string, view: ViewDefinition, epoch: number, step: ViewStep): Promise<ViewPositions> {
    const steps = this.#stepsOf(id, view);
    // A row that an index does not take is refused with its step: it must not be found when the index is made.
    if (!this.#indexed.has(id) && steps.mayNotFit(step.changes)) await this.index(id, view);
    const { move, copies } = steps.statements(epoch, step);
    const stored = (session: PostgresSession): Promise<ViewPositions> => this.#moved(session, id, view, move, step);
    if (copies.length === 0) return this.writers.session(stored);
    return this.writers.transaction('begin', async (session) => {
      const positions = await stored(session);
      for (const { sql, rows } of copies) await session.copy(sql, copyText(rows));
      return positions;
    });
  }

  /** Where the view stands after a step. */
  async #moved(
    session: PostgresSession,
    id: string,
    view: ViewDefinition,
    { sql, values }: Statement,
    { move }: ViewStep,
  ): Promise<ViewPositions> {
    const rows = await session.prepared<PositionRow>(sql, values);
    if (rows.length === 0) throw viewWriterFenced(id);
    const { sources, ...positions } = positionsOf(view, rows);
    return { ...positions, sources: sources.map((at, source) => (source === move?.source ? move.to : at)) };
  }

  async positions(id: string, view: ViewDefinition): Promise<ViewPositions> {
    return this.readers.session((session) => this.#positions(session, id, view));
  }

  async query(id: string, view: ViewDefinition, query: ViewQuery): Promise<ViewRows> {
    const sql = new QuerySql(id, view, postgresDialect(this.schema.data));
    return (await this.#quickly(id, view, query, sql)) ?? this.#inTurn(id, view, query, sql);
  }

  /** A page that is one statement, which tells where the view stands with its rows; undefined when it is not, or has no rows. */
  async #quickly(id: string, view: ViewDefinition, query: ViewQuery, sql: QuerySql): Promise<ViewRows | undefined> {
    if (query.count || query.children.length > 0) return undefined;
    const { data } = this.schema;
    const beside: Statement = {
      sql: `select json_build_array(v.commits, v.epoch, (select count(*) from ${data}.weir_refused r where r.view = v.id),
        (select json_agg(json_build_array(p.source, p.generation, p.next) order by p.source, p.partition) from ${data}.weir_positions p where p.view = v.id))::text
        from ${data}.weir_views v where v.id = ?`,
      values: [id],
    };
    const [first, ...others] = sql.page(query, beside);
    const found = await this.readers.session((session) => all(session, first!)).catch(ofNoTable);
    const told = found[0]?.at(-1);
    if (typeof told !== 'string' || (found.length <= query.limit && others.length > 0)) return undefined;
    const [commits, epoch, refused, places] = JSON.parse(told) as [number, number, number, PlaceRow[] | null];
    const positions = positionsOf(
      view,
      (places ?? [NO_PLACE]).map((place): PositionRow => [commits, epoch, refused, ...place]),
    );
    const rows = found.slice(0, query.limit).map((cells) => rowOf(view, query, cells, []));
    return { rows, next: nextOf(query, found), positions };
  }

  /** Any page: its statements one after the other, on one snapshot. */
  async #inTurn(id: string, view: ViewDefinition, query: ViewQuery, sql: QuerySql): Promise<ViewRows> {
    return this.readers.transaction(SNAPSHOT, async (session) => {
      const positions = await this.#positions(session, id, view);
      const found: CellValue[][] = [];
      for (const part of sql.page(query)) {
        found.push(...(await all(session, part)));
        if (found.length > query.limit) break;
      }
      const page = found.slice(0, query.limit);
      const identities = page.map((cells) => String(cells[0]));
      const lists: ReadonlyMap<string, readonly JsonValue[]>[] = [];
      for (const child of identities.length === 0 ? [] : query.children)
        lists.push(listsOf(view, child, await all(session, sql.children(child, identities))));
      const rows = page.map((cells) => rowOf(view, query, cells, lists));
      const count = query.count ? { count: Number((await all(session, sql.count(query)))[0]![0]) } : {};
      return { rows, next: nextOf(query, found), positions, ...count };
    });
  }

  async stream(id: string, view: ViewDefinition, query: ViewQuery, signal?: AbortSignal): Promise<ViewStream> {
    const release = this.#slots.take();
    let connection: Awaited<ReturnType<PostgresConnections['own']>> | undefined;
    const end = (): void => {
      connection?.end();
      this.#ending.delete(end);
      release();
    };
    try {
      connection = await this.readers.own();
      this.#ending.add(end);
      const { session } = connection;
      await session.run(SNAPSHOT);
      const positions = await this.#positions(session, id, view);
      const { sql, values } = new QuerySql(id, view, postgresDialect(this.schema.data)).whole(query);
      await session.run(`declare rows_of_view no scroll cursor for ${numbered(sql)}`, values);
      const chunks = chunksOf(session, (cells) => valuesOf(view, query, cells), signal);
      return { positions, chunks, close: async () => end() };
    } catch (error) {
      end();
      throw error;
    }
  }

  sql(_target: string, request: SqlRequest, signal?: AbortSignal): Promise<SqlAnswer> {
    return this.#sql.run(request, signal);
  }

  async refused(id: string, _view: ViewDefinition, limit: number): Promise<readonly (RefusedRecord & RefusedPlace)[]> {
    const rows = await this.readers.session((session) =>
      session.rows<[number, number, number, number, string, string]>(
        `select source, generation, partition, "offset", code, message from ${this.schema.data}.weir_refused where view = $1 order by number limit $2`,
        [id, limit],
      ),
    );
    return rows.map(([source, generation, partition, offset, code, message]) => ({
      ...{ source, generation, partition, offset, code, message },
    }));
  }

  async isSetAside(
    id: string,
    _view: ViewDefinition,
    { source, generation, partition, offset }: RefusedPlace,
  ): Promise<boolean> {
    const sql = `select 1 from ${this.schema.data}.weir_refused where view = $1 and source = $2 and generation = $3 and partition = $4 and "offset" = $5`;
    const found = await this.writers.session((session) =>
      session.rows(sql, [id, source, generation, partition, offset]),
    );
    return found.length > 0;
  }

  async close(): Promise<void> {
    for (const end of this.#ending) end();
    this.#closing ??= Promise.all([this.writers.close(), this.readers.close()]);
    await this.#closing;
  }

  #stepsOf(id: string, view: ViewDefinition): PostgresSteps {
    const known = this.#steps.get(id);
    // A definition that has grown has other tables.
    if (known?.view === view) return known;
    const steps = new PostgresSteps(this.schema.data, id, view);
    this.#steps.set(id, steps);
    return steps;
  }

  async #positions(session: PostgresSession, id: string, view: ViewDefinition): Promise<ViewPositions> {
    const { data } = this.schema;
    const rows = await session.prepared<PositionRow>(
      // One statement is one snapshot.
      `select v.commits, v.epoch, (select count(*) from ${data}.weir_refused r where r.view = v.id), p.source, p.generation, p.next
       from ${data}.weir_views v left join ${data}.weir_positions p on p.view = v.id where v.id = $1 order by p.source, p.partition`,
      [id],
    );
    if (rows.length === 0) throw viewNotFound(view.name);
    return positionsOf(view, rows);
  }
}

/** Commit number and records set aside, with one position; nulls for none. */
type PositionRow = [number, number, number, number | null, number | null, number | null];

function positionsOf(view: ViewDefinition, rows: readonly PositionRow[]): ViewPositions {
  const sources: (SourcePosition | undefined)[] = sourcesOf(view).map(() => undefined);
  for (const [, , , source, generation, next] of rows)
    if (source !== null) sources[source] = { generation: generation!, next: [...(sources[source]?.next ?? []), next!] };
  const [commit, epoch, refused] = rows[0]!;
  return { epoch, commit, refused, sources };
}

type PlaceRow = [number, number, number];
const NO_PLACE: [null, null, null] = [null, null, null];

/** Nothing, of a view that was taken away. */
function ofNoTable(error: unknown): CellValue[][] {
  if ((error as { code?: unknown }).code === '42P01') return [];
  throw error;
}

function all(session: PostgresSession, { sql, values }: Statement): Promise<CellValue[][]> {
  // Not prepared: there is no end of statements that users may ask.
  return session.rows<CellValue[]>(numbered(sql), values);
}

async function* chunksOf<T>(
  session: PostgresSession,
  values: (cells: readonly CellValue[]) => T,
  signal: AbortSignal | undefined,
): AsyncGenerator<readonly T[]> {
  for (;;) {
    signal?.throwIfAborted();
    const rows = await session.rows<CellValue[]>(`fetch ${CHUNK_ROWS} from rows_of_view`);
    if (rows.length > 0) yield rows.map(values);
    if (rows.length < CHUNK_ROWS) return;
  }
}
