import { stableJson, type Clock, type JsonObject } from '#libs/core/kernel';
import type { TopicDirectories } from '#libs/core/log';
import {
  operationBlocked,
  type OperationHandler,
  type OperationRun,
  type PhaseResult,
  type PlanDraft,
} from '#libs/core/operations';
import { isAtOrBehind, type SourcePosition } from '../source-reader.js';
import { parseDeclaration } from './declaration.js';
import type { DeclarationTools } from './declaration-form.js';
import { pacedCatchUp } from './paced-catch-up.js';
import { lostTopics } from './regenerable.js';
import { versionBehind, versionsDiffer } from './version-errors.js';
import { comparedColumns, comparedQuery, differingBuckets, digestRows, digestsOf } from './version-comparison.js';
import {
  draftVersion,
  fingerprintOf,
  parametersOf,
  parseVersionRequest,
  type VersionParameters,
} from './version-plan.js';
import { sourcesOf, UNCHANGED, type ViewDefinition } from './view-definition.js';
import { isOperated, versionNotFound, viewNotFound, type StoredView, type ViewStore } from './view-store.js';
import type { ViewPositions, ViewTables } from './view-tables.js';
import type { ViewWorker } from './view-worker.js';
import type { Views } from './views.js';

export interface VersionHandlerOptions extends DeclarationTools {
  readonly views: Views;
  readonly store: ViewStore;
  readonly tables: ViewTables;
  readonly directories: TopicDirectories;
  readonly clock: Clock;
  /** A fresh id, never used before. */
  readonly newId: () => string;
  /** Named steps for crash tests, `view-version:…`. Does nothing in service. */
  readonly failPoint?: (name: string) => void | Promise<void>;
}

/** What a phase works with. */
interface Building {
  readonly parameters: VersionParameters;
  readonly draft: StoredView;
  readonly definition: ViewDefinition;
  /** Computes the version. */
  readonly worker: ViewWorker;
}

/** How often the active version is waited for until it is where the new one is, or further. */
const MEETINGS = 100;
const MEETING_PAUSE_MS = 100;
/** How long a version may take to have read everything before it is asked. */
const CURRENT_MS = 10_000;
/** Between looks at its topics while a version waits for its activation. */
const FOLLOW_MS = 1_000;

/**
 * Builds another version of a view beside the one that is asked: of another declaration, or of the present one from the beginning. Filled and kept current by the operation, at its pace, compared with the active
 * one at equal positions, then asked from one query to the next. The version before is kept current until the operation is finished, and is asked again after a rollback. Every phase may be cut short and run
 * again: rows and positions move together, and which version is asked is one row of the store.
 */
export class VersionHandler implements OperationHandler {
  readonly kind = 'view-version';
  readonly destroys = true;
  readonly phases: OperationHandler['phases'] = {
    PREPARING: (run) => this.#prepare(run),
    COPYING: (run) => this.#fill(run),
    READY: (run) => this.#ready(run),
    VERIFYING: (run) => this.#verify(run),
    CUTTING_OVER: (run) => this.#activate(run),
    ROLLING_BACK: (run) => this.#rollBack(run),
  };

  constructor(private readonly options: VersionHandlerOptions) {}

  accepts(parameters: JsonObject, { logId }: JsonObject): boolean {
    const { cluster } = parametersOf(parameters).view;
    return this.options.directories.clusters.standsFor(cluster, logId);
  }

  /** @throws `invalid-view-version-request`, `invalid-view`, `view-not-found`, `topic-not-found`. */
  async plan(json: JsonObject): Promise<PlanDraft> {
    const request = parseVersionRequest(json);
    const { directories, clock, newId, views } = this.options;
    const versions = await this.#versions(request.name);
    const active = versions.find((one) => one.role === 'ACTIVE')!;
    const { name, cluster, logId } = active;
    const directory = directories.of(cluster);
    const declaration = request.declaration ?? active.declaration;
    const { definition, types } = await parseDeclaration(name, cluster, declaration, this.options);
    const view: StoredView = {
      ...{ name, cluster, logId, id: newId(), version: Math.max(...versions.map((one) => one.version)) + 1 },
      ...{ declaration, types, evolution: UNCHANGED, role: 'DRAFT', state: 'PAUSED', createdAtMs: clock.now() },
    };
    const { incomplete, onDifference } = request;
    const from = { id: active.id, version: active.version };
    let records = 0;
    for (const topic of new Set(sourcesOf(definition)))
      for (const one of (await directory.wherever(topic)).resolved.description.partitions)
        records += one.endOffset - one.startOffset;
    const facts = {
      parameters: { view, from, incomplete, onDifference },
      fingerprint: await fingerprintOf(directory, versions, definition),
      versions,
      present: await views.workers.definition(active),
      next: definition,
      lost: await lostTopics(directory, definition),
      records,
    };
    return draftVersion(facts, request);
  }

  async fingerprint(json: JsonObject): Promise<JsonObject> {
    const { view } = parametersOf(json);
    const directory = this.options.directories.of(view.cluster);
    return fingerprintOf(directory, await this.#versions(view.name), await this.options.views.workers.definition(view));
  }

  /** Removes the version that was begun; also of a view that was deleted meanwhile. */
  async cancel(run: OperationRun): Promise<void> {
    const { view } = parametersOf(run.parameters);
    await this.#drop(view);
  }

  /** Removes the version that was replaced, if its rows could be made again or the plan accepts that they cannot. */
  async finish(run: OperationRun): Promise<void> {
    const { view, from, incomplete } = parametersOf(run.parameters);
    const before = (await this.options.store.list()).find((one) => one.id === from.id);
    if (before === undefined || before.role === 'ACTIVE') return;
    const lost = incomplete || before.state === 'DELETING' ? [] : await this.options.views.versions.lostBy(before);
    if (lost.length > 0)
      throw operationBlocked(
        `The rows of version ${from.version} of view '${view.name}' could not be made again: older records of ${lost.join(', ')} are gone.`,
        `Remove it with DELETE /v1/views/${view.name}/versions/${from.version}?incomplete=true and resume, or keep it.`,
      );
    await this.#drop(before);
  }

  async #prepare(run: OperationRun): Promise<PhaseResult> {
    const { store, tables, views } = this.options;
    const { view, from } = parametersOf(run.parameters);
    await this.#demandActive(view.name, from.id);
    await tables.create(view.id, await views.workers.definition(view));
    await this.#pass('view-version:tables-made');
    if (!(await store.list()).some((one) => one.id === view.id)) await store.create(view);
    await this.#pass('view-version:prepared');
    return { next: 'COPYING' };
  }

  async #fill(run: OperationRun): Promise<PhaseResult> {
    const { worker } = await this.#open(run);
    await worker.catchUp(pacedCatchUp(run));
    await this.#pass('view-version:filled');
    return { next: 'READY' };
  }

  /** Follows its topics until the activation is asked for. */
  async #ready(run: OperationRun): Promise<PhaseResult> {
    const { worker } = await this.#open(run);
    let isAsked = false;
    const asked = run.cutoverRequested().then(() => (isAsked = true));
    asked.catch(() => undefined);
    while (!isAsked) {
      await worker.catchUp(pacedCatchUp(run));
      const pause = this.options.clock.sleep(FOLLOW_MS, run.signal);
      pause.catch(() => undefined);
      await Promise.race([asked, pause]);
    }
    return { next: 'VERIFYING' };
  }

  /** Brings the version to exactly where the active one stands, and compares their rows there. */
  async #verify(run: OperationRun): Promise<PhaseResult> {
    const { parameters, draft, definition, worker } = await this.#open(run);
    const { directories, tables } = this.options;
    const lost = await lostTopics(directories.of(draft.cluster), definition);
    if (lost.length > 0 && !parameters.incomplete)
      throw operationBlocked(
        `Version ${draft.version} of view '${draft.name}' was made of what is left of ${lost.join(', ')}: older records are gone.`,
        'Cancel, and plan it again with incomplete if rows of what is left are enough.',
      );
    await worker.catchUp(pacedCatchUp(run));
    const active = await this.#demandActive(draft.name, parameters.from.id);
    const present = await this.options.views.workers.definition(active);
    const compared = comparedColumns(present, definition);
    const rows = await this.#meet(run, { active, present, draft, definition, worker }, async (snapshot) => {
      const one = await digestRows(snapshot, compared.keys);
      const { digests: other } = await digestsOf(tables, { ...draft, view: definition }, compared);
      return { one, other, differing: differingBuckets(one, other) };
    });
    const same = stableJson(active.declaration) === stableJson(draft.declaration);
    const verification = {
      level: 'digests',
      state: rows.differing === 0 ? 'passed' : same ? 'failed' : 'differs',
      checked: rows.one.rows,
      total: rows.one.rows,
      mismatches: rows.differing,
    };
    const notes = {
      verification,
      rows: { [parameters.from.version]: rows.one.rows, [draft.version]: rows.other.rows },
    };
    await run.note(notes);
    await this.#pass('view-version:verified');
    const isExpected = !same || lost.length > 0 || parameters.onDifference === 'switch';
    if (rows.differing > 0 && !isExpected)
      throw versionsDiffer(draft, { rows: [rows.one.rows, rows.other.rows], differing: rows.differing });
    return { next: 'CUTTING_OVER', notes };
  }

  /** Reads the rows of the active version on a snapshot, once the new one stands where that was taken. */
  async #meet<T>(
    run: OperationRun,
    {
      active,
      present,
      draft,
      definition,
      worker,
    }: Omit<Building, 'parameters'> & {
      readonly active: StoredView;
      readonly present: ViewDefinition;
    },
    compare: (snapshot: Awaited<ReturnType<ViewTables['stream']>>) => Promise<T>,
  ): Promise<T> {
    const { tables, clock } = this.options;
    const query = comparedQuery(present, active, comparedColumns(present, definition).columns);
    for (let attempt = 0; attempt < MEETINGS; attempt++) {
      const mine = await tables.positions(draft.id, definition);
      const snapshot = await tables.stream(active.id, present, query, run.signal);
      try {
        const until = positionsFor(definition, present, snapshot.positions);
        if (until.every((there, source) => mayMeet(mine.sources[source], there))) {
          await worker.catchUp({ ...pacedCatchUp(run), until });
          return await compare(snapshot);
        }
      } finally {
        await snapshot.close();
      }
      await clock.sleep(MEETING_PAUSE_MS, run.signal);
    }
    throw versionBehind(active, null, 'it does not come to where the new version is, so that they cannot be compared');
  }

  async #activate(run: OperationRun): Promise<PhaseResult> {
    const { store, views } = this.options;
    const { view, from } = parametersOf(run.parameters);
    if ((await store.find(view.name))?.id !== view.id) {
      if (run.cutoverCancelled === true) {
        await this.#takeBack(view);
        return { next: 'READY' };
      }
      await this.#demandActive(view.name, from.id);
      const draft = await this.#draft(view);
      // From here on its own worker keeps it current, as it does every version.
      if (!(await store.setState(view.id, 'RUNNING'))) throw versionNotFound(view.name, view.version);
      const running: StoredView = { ...draft, state: 'RUNNING' };
      await views.workers.run(running);
      await views.versions.untilRead(running, CURRENT_MS);
      await this.#pass('view-version:caught-up');
      if (!(await store.activate(view.id, from.id))) throw versionNotFound(view.name, view.version);
      await this.#pass('view-version:activated');
    }
    await views.versions.published({ ...view, role: 'ACTIVE', state: 'RUNNING' });
    return { next: 'SWITCHED' };
  }

  /** The operation writes it again. */
  async #takeBack(view: StoredView): Promise<void> {
    await this.options.views.workers.stop(view.id);
    await this.options.store.setState(view.id, 'PAUSED');
  }

  async #rollBack(run: OperationRun): Promise<PhaseResult> {
    const { store, views } = this.options;
    const { view, from } = parametersOf(run.parameters);
    if ((await store.find(view.name))?.id === view.id) {
      const before = (await store.list()).find((one) => one.id === from.id && one.state !== 'DELETING');
      if (before === undefined)
        throw operationBlocked(
          `Version ${from.version} of view '${view.name}' was removed; there is nothing to go back to.`,
        );
      await views.versions.untilRead(before, CURRENT_MS);
      if (!(await store.activate(from.id, view.id))) throw versionNotFound(view.name, from.version);
      await this.#pass('view-version:activated-back');
    }
    const active = await store.find(view.name);
    if (active !== undefined) await views.versions.published(active);
    await this.#drop(view);
    return { next: 'ROLLED_BACK' };
  }

  /** Removes a version unless it is asked. */
  async #drop(view: StoredView): Promise<void> {
    const { store, tables, views } = this.options;
    const present = (await store.list()).find((one) => one.id === view.id);
    // Cut short before it was stored: nothing but tables, which nobody else knows of.
    if (present === undefined) return tables.drop(view.id, await views.workers.definition(view));
    if (present.role === 'ACTIVE') return;
    await store.setState(view.id, 'DELETING');
    await views.remove(present);
  }

  async #open(run: OperationRun): Promise<Building> {
    const parameters = parametersOf(run.parameters);
    const draft = await this.#draft(parameters.view);
    if (!isOperated(draft)) await this.#takeBack(draft);
    const { workers } = this.options.views;
    const definition = await workers.definition(draft);
    return { parameters, draft, definition, worker: workers.worker(draft, definition) };
  }

  /** @throws `view-version-not-found` when it was removed meanwhile. */
  async #draft(view: StoredView): Promise<StoredView> {
    const draft = (await this.options.store.list()).find((one) => one.id === view.id);
    if (draft?.role !== 'DRAFT' || draft.state === 'DELETING') throw versionNotFound(view.name, view.version);
    return draft;
  }

  /** The active version, which must be the one of the plan. */
  async #demandActive(name: string, id: string): Promise<StoredView> {
    const active = await this.options.store.find(name);
    if (active === undefined || active.state === 'DELETING') throw viewNotFound(name);
    if (active.id !== id)
      throw operationBlocked(
        `Version ${active.version} of view '${name}' was activated meanwhile, which is not the one of the plan.`,
        'Cancel, and plan again.',
      );
    return active;
  }

  /** All versions of a view. @throws `view-not-found`. */
  async #versions(name: string): Promise<readonly StoredView[]> {
    return (await this.options.views.versions.list(name)).map(({ stored }) => stored);
  }

  async #pass(name: string): Promise<void> {
    await this.options.failPoint?.(name);
  }
}

/** Where the sources of one version stand in another, by place in the one; undefined for topics that the other does not read. */
function positionsFor(
  one: ViewDefinition,
  other: ViewDefinition,
  positions: ViewPositions,
): readonly (SourcePosition | undefined)[] {
  const topics = sourcesOf(other);
  return sourcesOf(one).map((topic) => positions.sources[topics.indexOf(topic)]);
}

/** A topic that the other does not read is no reason to wait. */
function mayMeet(one: SourcePosition | undefined, other: SourcePosition | undefined): boolean {
  return one === undefined || other === undefined || isAtOrBehind(one, other);
}
