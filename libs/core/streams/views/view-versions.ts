import { AppError, stableJson, type Clock, type JsonObject } from '#libs/core/kernel';
import { isCompacted, type TopicDirectories } from '#libs/core/log';
import { sourcesOf, type ViewDefinition } from './view-definition.js';
import {
  comparableColumns,
  comparedQuery,
  differingBuckets,
  digestRows,
  standAlike,
  type RowDigests,
  type StandingView,
  type VersionComparison,
} from './version-comparison.js';
import { versionNotFound, viewNotFound, type StoredView, type ViewStore } from './view-store.js';
import type { ViewTables } from './view-tables.js';
import type { ViewStatus } from './views.js';

/** What versions need of the views that they belong to. */
export interface VersionWork {
  /** Makes the tables of a version, stores it and begins to keep it current. */
  build(view: Omit<StoredView, 'id' | 'types' | 'createdAtMs' | 'logId'>): Promise<ViewStatus>;
  status(view: StoredView): Promise<ViewStatus>;
  definition(view: StoredView): Promise<ViewDefinition>;
  /** Stops it and removes it with its rows. */
  remove(view: StoredView): Promise<void>;
}

export interface VersionOptions {
  readonly store: ViewStore;
  readonly tables: ViewTables;
  readonly directories: TopicDirectories;
  readonly clock: Clock;
}

export interface ActivateOptions {
  readonly incomplete: boolean;
  readonly waitMs?: number;
}

/** How often, and how long apart, two versions are looked at until they stand at the same positions. */
const TRIES = 50;
const PAUSE_MS = 100;

/**
 * Versions of views side by side: one is asked, the others are built and kept current beside it. Which one is asked changes at once, forwards and back: each query is of one
 * version from its beginning to its end (condition V4).
 */
export class ViewVersions {
  constructor(
    private readonly options: VersionOptions,
    private readonly work: VersionWork,
  ) {}

  /** All versions of a view, by number. @throws `view-not-found`. */
  async list(name: string): Promise<readonly ViewStatus[]> {
    return Promise.all((await this.#all(name)).map((view) => this.work.status(view)));
  }

  /**
   * Builds another version beside the active one: of another declaration, or of the same one from the beginning. The same draft again changes nothing.
   * @throws `view-not-found`; `view-draft-exists` when another draft is there; `invalid-view`.
   */
  async draft(name: string, declaration: JsonObject | undefined): Promise<ViewStatus> {
    const all = await this.#all(name);
    const active = all.find((one) => one.role === 'ACTIVE')!;
    const wanted = declaration ?? active.declaration;
    const draft = all.find((one) => one.role === 'DRAFT');
    if (draft !== undefined) {
      if (stableJson(draft.declaration) === stableJson(wanted)) return this.work.status(draft);
      throw draftExists(name, draft.version);
    }
    const version = Math.max(...all.map((one) => one.version)) + 1;
    const { cluster } = active;
    return this.work.build({ name, cluster, version, declaration: wanted, role: 'DRAFT', state: 'RUNNING' });
  }

  /**
   * Lets queries see another version from now on, or the one before again. Harmless to repeat.
   * @param options.waitMs how long to wait until it has read everything
   * @param options.incomplete also when its topics no longer hold all that the active version was made of
   * @throws `view-version-not-found`; `view-version-behind` when it has not read everything yet; `view-not-regenerable`; `view-versions-differ` when it has the declaration of the active one, and other rows.
   */
  async activate(name: string, version: number, options: ActivateOptions): Promise<ViewStatus> {
    const { incomplete, waitMs = 0 } = options;
    const all = await this.#all(name);
    const [next, active] = [this.#of(all, name, version), all.find((one) => one.role === 'ACTIVE')!];
    if (next.id === active.id) return this.#published(active);
    await this.#untilRead(next, waitMs);
    if (next.role === 'DRAFT') {
      const lost = await this.#lostBy(next);
      if (lost.length > 0 && !incomplete) throw notRegenerable(next, lost);
      if (lost.length === 0 && stableJson(next.declaration) === stableJson(active.declaration)) {
        const comparison = await this.#compare(active, next);
        if (comparison.atEqualPositions && comparison.differing > 0) throw versionsDiffer(next, comparison);
      }
    }
    if (!(await this.options.store.activate(next.id, active.id))) throw versionNotFound(name, version);
    return this.#published({ ...next, role: 'ACTIVE' });
  }

  /** Lets queries see the version again that the active one has replaced. @throws `view-no-previous-version`, `view-version-behind`. */
  async rollback(name: string): Promise<ViewStatus> {
    const previous = (await this.#all(name)).filter((one) => one.role === 'PREVIOUS').at(-1);
    if (previous === undefined) throw noPrevious(name);
    return this.activate(name, previous.version, { incomplete: true });
  }

  /** Compares the rows of a version with those of the active one. @throws `view-version-not-found`. */
  async verify(name: string, version: number): Promise<VersionComparison> {
    const all = await this.#all(name);
    return this.#compare(
      all.find((one) => one.role === 'ACTIVE')!,
      this.#of(all, name, version),
    );
  }

  /** Removes a version that is not asked, with its rows. @throws `view-version-not-found`, `view-version-active`. */
  async retire(name: string, version: number): Promise<void> {
    const view = this.#of(await this.#all(name), name, version);
    if (view.role === 'ACTIVE') throw versionActive(view);
    await this.options.store.setState(view.id, 'DELETING');
    await this.work.remove(view);
  }

  async #untilRead(view: StoredView, waitMs: number): Promise<void> {
    const { clock } = this.options;
    const deadline = clock.monotonic() + waitMs;
    for (;;) {
      const { lag, problem } = await this.work.status(view);
      if (lag === 0) return;
      if (clock.monotonic() >= deadline) throw versionBehind(view, lag, problem);
      await clock.sleep(Math.min(PAUSE_MS, waitMs));
    }
  }

  /** SQL clients see it, too, from now on. */
  async #published(view: StoredView): Promise<ViewStatus> {
    await this.options.tables.publish(view.id, await this.work.definition(view));
    return this.work.status(view);
  }

  async #all(name: string): Promise<readonly StoredView[]> {
    const all = (await this.options.store.list()).filter((one) => one.name === name && one.state !== 'DELETING');
    if (!all.some((one) => one.role === 'ACTIVE')) throw viewNotFound(name);
    return all;
  }

  #of(all: readonly StoredView[], name: string, version: number): StoredView {
    const found = all.find((one) => one.version === version);
    if (found === undefined) throw versionNotFound(name, version);
    return found;
  }

  /** Topics of which not everything is there any more that a version is made of: a topic that keeps the last record of each key has all that rows are made of. */
  async #lostBy(view: StoredView): Promise<string[]> {
    const definition = await this.work.definition(view);
    const directory = this.options.directories.of(view.cluster);
    const lost: string[] = [];
    for (const [source, topic] of sourcesOf(definition).entries()) {
      const { description } = await directory.resolve(topic);
      const isWhole = definition.mode === 'latest' && !definition.history ? isCompacted(description.config) : false;
      const isEvents = source < definition.sources.length && (definition.mode === 'events' || definition.history);
      const trimmed = description.partitions.some((one) => one.startOffset > 0);
      if ((trimmed && !isWhole) || (isEvents && isCompacted(description.config))) lost.push(topic);
    }
    return lost;
  }

  async #compare(one: StoredView, other: StoredView): Promise<VersionComparison> {
    const views = [await this.work.definition(one), await this.work.definition(other)] as const;
    const shared = comparableColumns(...views);
    // Without the same key there is nothing by which rows belong together but their contents.
    const keyed = views[0].key.filter((name) => shared.includes(name));
    const columns = [...keyed, ...shared.filter((name) => !keyed.includes(name))];
    for (let attempt = 1; ; attempt++) {
      const first = await this.#digests(one, views[0], columns, keyed.length);
      const second = await this.#digests(other, views[1], columns, keyed.length);
      const atEqualPositions = standAlike(first.at, second.at);
      const differing = differingBuckets(first.digests, second.digests);
      if (atEqualPositions || attempt === TRIES)
        return { atEqualPositions, columns, rows: [first.digests.rows, second.digests.rows], differing };
      await this.options.clock.sleep(PAUSE_MS);
    }
  }

  async #digests(
    { id, version }: StoredView,
    view: ViewDefinition,
    columns: readonly string[],
    keys: number,
  ): Promise<{ readonly at: StandingView; readonly digests: RowDigests }> {
    const stream = await this.options.tables.stream(id, view, comparedQuery(view, { id, version }, columns));
    try {
      return { at: { view, positions: stream.positions }, digests: await digestRows(stream, keys) };
    } finally {
      await stream.close();
    }
  }
}

const draftExists = (name: string, version: number): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-draft-exists',
    message: `Version ${version} of view '${name}' is being built already, of another declaration.`,
    hint: 'Activate it, or retire it, before another one is built.',
    details: { view: name, version },
  });

const versionBehind = ({ name, version }: StoredView, lag: number | null, problem: string | null): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-version-behind',
    message: `Version ${version} of view '${name}' has not read everything yet${problem === null ? '' : `: ${problem}`}.`,
    hint: 'Activate it when its lag is 0.',
    details: { view: name, version, lag },
    retryable: true,
  });

const notRegenerable = ({ name, version }: StoredView, topics: readonly string[]): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-not-regenerable',
    message: `Version ${version} of view '${name}' was made of what is left of ${topics.join(', ')}: older records are gone.`,
    hint: 'Say "incomplete": true if rows of what is left are enough.',
    details: { view: name, version, topics },
  });

const versionsDiffer = ({ name, version }: StoredView, { rows, differing }: VersionComparison): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-versions-differ',
    message: `Version ${version} of view '${name}' has the declaration of the active one, but other rows.`,
    hint: 'Look at both, and retire the one that is wrong.',
    details: { view: name, version, rows, differing },
  });

const noPrevious = (name: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-no-previous-version',
    message: `View '${name}' has no version that was replaced and is still there.`,
    details: { view: name },
  });

const versionActive = ({ name, version }: StoredView): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'view-version-active',
    message: `Version ${version} of view '${name}' is the one that is asked.`,
    hint: 'Activate another one first, or delete the view.',
    details: { view: name, version },
  });
