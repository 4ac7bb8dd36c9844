import { AppError, nearest } from '#libs/core/kernel';
import type { CellValue } from './column-type.js';
import type { ViewDefinition } from './view-definition.js';
import type { SqlAnswer, SqlRequest } from './view-sql.js';
import type { ViewQuery } from './view-query.js';
import {
  type RefusedPlace,
  type RefusedRecord,
  type TableRow,
  type TablesEvolution,
  type TablesRevision,
  type TableSearch,
  type ViewPositions,
  type ViewRows,
  type ViewStep,
  type ViewStream,
  ViewTables,
} from './view-tables.js';

/** Opens a target. Called when it is first needed, and again until it has succeeded. */
export type OpenTarget = () => Promise<ViewTables>;

/**
 * The tables of views in several databases: each view is in the target that its definition names. A database is connected to when it is first needed, so that one that is
 * away keeps its own views waiting and nothing else.
 */
export class RoutedViewTables extends ViewTables {
  readonly #opened = new Map<string, Promise<ViewTables>>();
  #closed = false;

  constructor(private readonly targets: ReadonlyMap<string, OpenTarget>) {
    super();
  }

  /** Connects to a target now: for one that a start must not succeed without. @throws what its opening throws. */
  async connect(name: string): Promise<void> {
    await this.#target(name);
  }

  async create(id: string, view: ViewDefinition): Promise<void> {
    return (await this.#of(view)).create(id, view);
  }

  async index(id: string, view: ViewDefinition): Promise<void> {
    return (await this.#of(view)).index(id, view);
  }

  async publish(id: string, view: ViewDefinition): Promise<void> {
    return (await this.#of(view)).publish(id, view);
  }

  async evolve(id: string, view: ViewDefinition, evolution: TablesEvolution): Promise<boolean> {
    return (await this.#of(view)).evolve(id, view, evolution);
  }

  async revision(id: string, view: ViewDefinition): Promise<TablesRevision> {
    return (await this.#of(view)).revision(id, view);
  }

  async drop(id: string, view: ViewDefinition): Promise<void> {
    return (await this.#of(view)).drop(id, view);
  }

  /** Of the targets that have been used. */
  async list(): Promise<readonly string[]> {
    const opened = await Promise.all(this.#opened.values());
    return (await Promise.all(opened.map((tables) => tables.list()))).flat().sort();
  }

  async claim(id: string, view: ViewDefinition): Promise<{ epoch: number; positions: ViewPositions }> {
    return (await this.#of(view)).claim(id, view);
  }

  async rows(
    id: string,
    view: ViewDefinition,
    table: number,
    identities: readonly string[],
  ): Promise<ReadonlyMap<string, readonly CellValue[]>> {
    return (await this.#of(view)).rows(id, view, table, identities);
  }

  async find(id: string, view: ViewDefinition, search: TableSearch): Promise<readonly TableRow[]> {
    return (await this.#of(view)).find(id, view, search);
  }

  async apply(id: string, view: ViewDefinition, epoch: number, step: ViewStep): Promise<ViewPositions> {
    return (await this.#of(view)).apply(id, view, epoch, step);
  }

  async positions(id: string, view: ViewDefinition): Promise<ViewPositions> {
    return (await this.#of(view)).positions(id, view);
  }

  async query(id: string, view: ViewDefinition, query: ViewQuery): Promise<ViewRows> {
    return (await this.#of(view)).query(id, view, query);
  }

  async stream(id: string, view: ViewDefinition, query: ViewQuery, signal?: AbortSignal): Promise<ViewStream> {
    return (await this.#of(view)).stream(id, view, query, signal);
  }

  async sql(target: string, request: SqlRequest, signal?: AbortSignal): Promise<SqlAnswer> {
    return (await this.#target(target)).sql(target, request, signal);
  }

  async refused(id: string, view: ViewDefinition, limit: number): Promise<readonly (RefusedRecord & RefusedPlace)[]> {
    return (await this.#of(view)).refused(id, view, limit);
  }

  async isSetAside(id: string, view: ViewDefinition, place: RefusedPlace): Promise<boolean> {
    return (await this.#of(view)).isSetAside(id, view, place);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(
      [...this.#opened.values()].map(async (opening) => (await opening.catch(() => undefined))?.close()),
    );
  }

  #of(view: ViewDefinition): Promise<ViewTables> {
    return this.#target(view.target);
  }

  #target(name: string): Promise<ViewTables> {
    const open = this.targets.get(name);
    if (open === undefined) return Promise.reject(unknownTarget(name, this.targets.keys()));
    if (this.#closed) return Promise.reject(tablesClosed());
    let opened = this.#opened.get(name);
    if (opened === undefined) {
      opened = open();
      this.#opened.set(name, opened);
      opened.catch(() => this.#opened.delete(name));
    }
    return opened;
  }
}

/** Of a service that is about to stop: what comes now is for another, or for its next start. */
function tablesClosed(): AppError {
  return new AppError({
    kind: 'unavailable',
    code: 'views-unavailable',
    message: 'The tables of views are closed: the service stops.',
    hint: 'Ask again; the views go on by themselves.',
    retryable: true,
  });
}

function unknownTarget(name: string, names: Iterable<string>): AppError {
  const known = [...names];
  const close = nearest(name, known);
  return new AppError({
    kind: 'unprocessable',
    code: 'view-target-not-found',
    message: `There is no target '${name}' for views${close === undefined ? '' : `; did you mean '${close}'?`}`,
    hint: `Targets are named in the configuration (views.targets); there are ${known.join(', ')}.`,
    details: { target: name },
  });
}
