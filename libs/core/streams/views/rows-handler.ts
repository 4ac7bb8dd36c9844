import { AppError, type Clock, type JsonObject } from '#libs/core/kernel';
import type { TopicDirectories } from '#libs/core/log';
import {
  operationBlocked,
  type OperationHandler,
  type OperationRun,
  type PhaseResult,
  type PlanDraft,
} from '#libs/core/operations';
import type { Transforms } from '../migrate/transforms.js';
import type { RecordDecoder } from '../record-decoder.js';
import type { SourcePosition, SourceReader } from '../source-reader.js';
import { storeBeside } from './beside.js';
import { pacedCatchUp } from './paced-catch-up.js';
import { lostTopics } from './regenerable.js';
import { sourcesBehind } from './row-kinds.js';
import { mergedRows } from './row-merge.js';
import { parseRowScope } from './row-scope.js';
import { RowShadow } from './row-shadow.js';
import { draftRows, rowsFingerprintOf, rowsParametersOf, type RowsParameters } from './rows-plan.js';
import { sourcesOf, type ViewDefinition } from './view-definition.js';
import { viewNotFound, type StoredView, type ViewStore } from './view-store.js';
import type { StoredRows, ViewPositions, ViewTables } from './view-tables.js';
import { ViewWorker } from './view-worker.js';
import type { Views } from './views.js';

export interface RowsHandlerOptions {
  readonly views: Views;
  readonly store: ViewStore;
  readonly tables: ViewTables;
  readonly directories: TopicDirectories;
  readonly decoder: RecordDecoder;
  readonly transforms: Transforms;
  readonly clock: Clock;
  /** A fresh id, never used before. */
  readonly newId: () => string;
  /** Named steps for crash tests, `view-rebuild:…`. Does nothing in service. */
  readonly failPoint?: (name: string) => void | Promise<void>;
}

/** What a phase works with. */
interface Rebuilding {
  readonly parameters: RowsParameters;
  readonly view: StoredView;
  readonly definition: ViewDefinition;
  readonly readers: readonly SourceReader[];
  /** The sources that the rows are made of. */
  readonly sources: readonly number[];
  readonly shadow: RowShadow;
  /** Folds records of keys in scope into the shadow. */
  readonly worker: ViewWorker;
}

/** Keys whose rows are put in place in one step. */
const PAGE = 200;
/** How often, and how far apart, a view is looked at until it has followed its topic to the present generation. */
const LOOKS = 100;
const LOOK_MS = 100;

/**
 * Computes rows of some keys of a view anew from its topics, in place: beside the view first, then put where they belong, some keys in each step, at exactly the position where the view stands. Rows of
 * other keys are not touched, and the view is kept current meanwhile. Which keys: those that are named, or those of the records of some partitions, offsets or times. Every phase may be cut short and run again.
 */
export class RowsHandler implements OperationHandler {
  readonly kind = 'view-rebuild';
  readonly phases: OperationHandler['phases'] = {
    PREPARING: (run) => this.#prepare(run),
    COPYING: (run) => this.#compute(run),
    CATCHING_UP: (run) => this.#putInPlace(run),
  };

  constructor(private readonly options: RowsHandlerOptions) {}

  accepts(parameters: JsonObject, { logId }: JsonObject): boolean {
    const { cluster } = rowsParametersOf(parameters);
    return this.options.directories.clusters.standsFor(cluster, logId);
  }

  /** @param json name, scope, incomplete @throws `invalid-view-rebuild-request`, `view-not-found`. */
  async plan(json: JsonObject): Promise<PlanDraft> {
    const { name, scope: given, incomplete = false } = json;
    const view = await this.#active(String(name));
    const definition = await this.options.views.workers.definition(view);
    const directory = this.options.directories.of(view.cluster);
    const scope = await parseRowScope(definition, given, (topic) => directory.resolve(topic));
    const sources = sourcesBehind(definition, scope.source);
    let records = 0;
    for (const source of sources)
      for (const one of (await directory.resolve(sourcesOf(definition)[source]!)).description.partitions)
        records += one.endOffset - one.startOffset;
    const parameters: RowsParameters = {
      ...{ cluster: view.cluster, name: view.name, viewId: view.id, scope },
      ...{ shadowId: this.options.newId(), incomplete: incomplete === true, revision: view.evolution.revision },
    };
    const lost = await lostTopics(directory, definition, sources);
    const fingerprint = await rowsFingerprintOf(directory, view, definition, scope);
    return draftRows(parameters, fingerprint, definition, lost, records);
  }

  async fingerprint(json: JsonObject): Promise<JsonObject> {
    const { name, scope } = rowsParametersOf(json);
    const view = await this.#active(name);
    const definition = await this.options.views.workers.definition(view);
    return rowsFingerprintOf(this.options.directories.of(view.cluster), view, definition, scope);
  }

  /** Rows that are in place already stay: each is what its records say. */
  async cancel(run: OperationRun): Promise<void> {
    const { name, viewId, shadowId } = rowsParametersOf(run.parameters);
    const view = (await this.options.store.list()).find((one) => one.id === viewId);
    // With the view its target is not known any more; what was beside it is found by nobody.
    if (view === undefined || view.name !== name) return;
    await this.options.tables.drop(shadowId, await this.options.views.workers.definition(view));
  }

  async finish(run: OperationRun): Promise<void> {
    await this.cancel(run);
  }

  async #prepare(run: OperationRun): Promise<PhaseResult> {
    const { parameters, view, definition, sources, shadow } = await this.#open(run);
    const lost = await lostTopics(this.options.directories.of(view.cluster), definition, sources);
    if (lost.length > 0 && !parameters.incomplete)
      throw operationBlocked(
        `Rows of view '${view.name}' cannot be computed anew: older records of ${lost.join(', ')} are gone.`,
        'Cancel, and plan it again with incomplete if rows of what is left are enough.',
      );
    await shadow.make();
    await this.#pass('view-rebuild:tables-made');
    if (parameters.scope.keys !== null) await shadow.mark(parameters.scope.keys);
    await this.#pass('view-rebuild:prepared');
    return { next: 'COPYING' };
  }

  async #compute(run: OperationRun): Promise<PhaseResult> {
    const { parameters, readers, shadow } = await this.#open(run);
    const { source, records } = parameters.scope;
    if (records !== null && run.notes['marked'] !== true) {
      const begun = records.partitions.map(({ from }) => from);
      const noted = run.notes['markedTo'];
      const from = Array.isArray(noted) ? noted.map(Number) : begun;
      await shadow.markKeysOf(readers[source]!, source, records, {
        signal: run.signal,
        from,
        seen: async (next, count) => {
          await run.note({ markedTo: [...next] });
          await run.pace(count, 0);
        },
      });
      await run.note({ marked: true });
    }
    await this.#pass('view-rebuild:marked');
    await this.#catchUp(run, await this.#open(run));
    await this.#pass('view-rebuild:computed');
    return { next: 'CATCHING_UP' };
  }

  async #putInPlace(run: OperationRun): Promise<PhaseResult> {
    const { tables, clock } = this.options;
    const rebuilding = await this.#open(run);
    const { view, definition, shadow, parameters } = rebuilding;
    const stored: StoredRows = {
      rows: (table, identities) => tables.rows(view.id, definition, table, identities),
      find: (search) => tables.find(view.id, definition, search),
    };
    const noted = run.notes['rows'] as { keys: number; changed: number; to: string } | undefined;
    let [keys, changed, to] = [noted?.keys ?? 0, noted?.changed ?? 0, noted?.to];
    for (;;) {
      const page = await shadow.keys(to, PAGE);
      if (page.length === 0) break;
      await run.pace(page.length, 0);
      let differing = 0;
      await storeBeside(tables, view.id, definition, async (positions) => {
        await this.#catchUp(run, rebuilding, positions);
        const { source } = parameters.scope;
        const context = { view: definition, source, shadow: shadow.stored, stored, nowMs: clock.now() };
        const merged = await mergedRows(context, page);
        differing = merged.changed;
        if (merged.changes.length === 0) return undefined;
        // Records that could not be read when they came may be among them.
        const { seen } = await tables.revision(parameters.shadowId, definition);
        return { commit: positions.commit, changes: merged.changes, refused: [], seen: seen ?? [] };
      });
      await this.#pass('view-rebuild:put-in-place');
      [keys, changed, to] = [keys + page.length, changed + differing, page.at(-1)];
      await run.note({ rows: { keys, changed, to: to! } });
    }
    await shadow.drop();
    return { next: 'FINISHED', notes: { rows: { keys, changed } } };
  }

  /** Brings what is computed beside the view to exactly where the view stands. */
  async #catchUp(run: OperationRun, rebuilding: Rebuilding, known?: ViewPositions): Promise<void> {
    const { readers, sources, worker } = rebuilding;
    const positions = known ?? (await this.#atPresent(run, rebuilding));
    const until: (SourcePosition | undefined)[] = [];
    for (const source of sources) until[source] = positions.sources[source] ?? (await readers[source]!.begin());
    await worker.catchUp({ ...pacedCatchUp(run), sources, until });
  }

  /** Where the view stands, once that is in the present generation of its topics: what is computed anew begins there. */
  async #atPresent(run: OperationRun, { view, definition, readers, sources }: Rebuilding): Promise<ViewPositions> {
    for (let look = 1; ; look++) {
      const positions = await this.options.tables.positions(view.id, definition);
      const present = await Promise.all(sources.map((source) => readers[source]!.begin()));
      const isThere = sources.every(
        (source, place) =>
          (positions.sources[source]?.generation ?? present[place]!.generation) === present[place]!.generation,
      );
      if (isThere) return positions;
      if (look === LOOKS) throw behindItsTopic(view.name);
      await this.options.clock.sleep(LOOK_MS, run.signal);
    }
  }

  async #open(run: OperationRun): Promise<Rebuilding> {
    const { tables, decoder, transforms, clock, views, store } = this.options;
    const parameters = rowsParametersOf(run.parameters);
    const view = (await store.list()).find((one) => one.id === parameters.viewId && one.state !== 'DELETING');
    if (view === undefined) throw viewNotFound(parameters.name);
    if (view.evolution.revision !== parameters.revision)
      throw operationBlocked(
        `View '${view.name}' was changed in place after this was planned: rows of ${parameters.revision} changes are not those of ${view.evolution.revision}.`,
        'Cancel, and plan it again.',
      );
    const definition = await views.workers.definition(view);
    const readers = views.workers.readers(view, definition);
    const tools = { decoder, transforms };
    const shadow = new RowShadow({ id: parameters.shadowId, view: definition, tables, tools, clock });
    const worker = new ViewWorker({
      ...{ id: parameters.shadowId, view: definition, tables, readers, tools, clock },
      only: (source, records) => shadow.only(source, records),
    });
    const sources = sourcesBehind(definition, parameters.scope.source);
    return { parameters, view, definition, readers, sources, shadow, worker };
  }

  /** @throws `view-not-found`. */
  async #active(name: string): Promise<StoredView> {
    const view = await this.options.store.find(name);
    if (view === undefined || view.state === 'DELETING') throw viewNotFound(name);
    return view;
  }

  async #pass(name: string): Promise<void> {
    await this.options.failPoint?.(name);
  }
}

function behindItsTopic(name: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'view-behind-topic',
    message: `View '${name}' has not followed its topic to the present generation, from which rows would be computed.`,
    hint: 'See why it is behind or failing, then resume.',
    retryable: true,
    details: { view: name },
  });
}
