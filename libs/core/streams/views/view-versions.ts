import { stableJson, type Clock, type JsonObject } from '#libs/core/kernel';
import type { TopicDirectories } from '#libs/core/log';
import { lostTopics } from './regenerable.js';
import { isAtOrBehind, type SourcePosition } from '../source-reader.js';
import { sourcesOf, type ViewDefinition } from './view-definition.js';
import {
  comparedColumns,
  digestsOf,
  differingBuckets,
  standAlike,
  type VersionComparison,
} from './version-comparison.js';
import {
  draftExists,
  noPrevious,
  notRegenerable,
  rowsNotRegenerable,
  versionActive,
  versionBehind,
  versionOperated,
  versionsDiffer,
} from './version-errors.js';
import { isOperated, versionNotFound, viewNotFound, type StoredView, type ViewStore } from './view-store.js';
import type { ViewTables } from './view-tables.js';
import type { ViewStatus } from './views.js';

/** A version as it is asked for. */
export type NewVersion = Omit<StoredView, 'id' | 'types' | 'evolution' | 'createdAtMs' | 'logId'>;

/** What versions need of the views that they belong to. */
export interface VersionWork {
  /** Makes the tables of a version, stores it and begins to keep it current. */
  build(view: NewVersion): Promise<ViewStatus>;
  status(view: StoredView): Promise<ViewStatus>;
  definition(view: StoredView): Promise<ViewDefinition>;
  /** Where it stands in each of its topics, as it is stored; at the begin of those that it has read nothing of. */
  stands(view: StoredView): Promise<readonly SourcePosition[]>;
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
   * @throws `view-version-not-found`; `view-version-operated`; `view-version-behind` when it has not read everything yet; `view-not-regenerable`; `view-versions-differ` when it has the declaration of the active one, and other rows.
   */
  async activate(name: string, version: number, options: ActivateOptions): Promise<ViewStatus> {
    const { incomplete, waitMs = 0 } = options;
    const all = await this.#all(name);
    const [next, active] = [this.#of(all, name, version), all.find((one) => one.role === 'ACTIVE')!];
    if (next.id === active.id) return this.published(active);
    if (isOperated(next)) throw versionOperated(next);
    await this.untilRead(next, waitMs);
    if (next.role === 'DRAFT') {
      const lost = await this.lostBy(next);
      if (lost.length > 0 && !incomplete) throw notRegenerable(next, lost);
      if (lost.length === 0 && stableJson(next.declaration) === stableJson(active.declaration)) {
        const comparison = await this.#compare(active, next);
        if (comparison.atEqualPositions && comparison.differing > 0) throw versionsDiffer(next, comparison);
      }
    }
    if (!(await this.options.store.activate(next.id, active.id))) throw versionNotFound(name, version);
    return this.published({ ...next, role: 'ACTIVE' });
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

  /**
   * Removes a version that is not asked, with its rows. One that was asked before only if it could be made again, unless `incomplete` is said.
   * @throws `view-version-not-found`, `view-version-active`, `view-not-regenerable`.
   */
  async retire(name: string, version: number, options: { readonly incomplete: boolean }): Promise<void> {
    const view = await this.demandRetirable(name, version, options);
    await this.options.store.setState(view.id, 'DELETING');
    await this.work.remove(view);
  }

  /** What {@link retire} would refuse; changes nothing. @throws what it throws. */
  async demandRetirable(
    name: string,
    version: number,
    { incomplete }: { readonly incomplete: boolean },
  ): Promise<StoredView> {
    const view = this.#of(await this.#all(name), name, version);
    if (view.role === 'ACTIVE') throw versionActive(view);
    const lost = view.role === 'PREVIOUS' && !incomplete ? await this.lostBy(view) : [];
    if (lost.length > 0) throw rowsNotRegenerable(view, lost);
    return view;
  }

  /**
   * Resolves when a version has read everything, and at least what the active one had read when this was asked: how far behind a version is it says as of the last records that it has read, so one whose steps
   * take long says nothing of those that have come since. Who asks the one and then the other does not go back in time.
   * @throws `view-version-behind` when it has not in time.
   */
  async untilRead(view: StoredView, waitMs: number): Promise<void> {
    const { clock, store } = this.options;
    const deadline = clock.monotonic() + waitMs;
    const active = await store.find(view.name);
    const shown = active === undefined || active.id === view.id ? undefined : await this.#topics(active);
    for (;;) {
      const { lag, problem } = await this.work.status(view);
      const stands = shown && (await this.#topics(view));
      const missing = stands === undefined ? 0 : missingOf(shown!, stands);
      if (lag === 0 && missing === 0) return;
      if (clock.monotonic() >= deadline) throw versionBehind(view, lag === 0 ? missing : lag, problem);
      await clock.sleep(Math.min(PAUSE_MS, waitMs));
    }
  }

  /** Where a version stands, by topic; of one that it reads twice where it has read less. */
  async #topics(view: StoredView): Promise<ReadonlyMap<string, SourcePosition>> {
    const topics = sourcesOf(await this.work.definition(view));
    const found = new Map<string, SourcePosition>();
    for (const [source, at] of (await this.work.stands(view)).entries()) {
      const other = found.get(topics[source]!);
      if (other === undefined || isAtOrBehind(at, other)) found.set(topics[source]!, at);
    }
    return found;
  }

  /** SQL clients see it, too, from now on. */
  async published(view: StoredView): Promise<ViewStatus> {
    // As it has become meanwhile.
    const stored = (await this.options.store.list()).find((one) => one.id === view.id) ?? view;
    await this.options.tables.publish(stored.id, await this.work.definition(stored));
    return this.work.status(stored);
  }

  /** Topics of which not everything is there any more that a version is made of. */
  async lostBy(view: StoredView): Promise<string[]> {
    return lostTopics(this.options.directories.of(view.cluster), await this.work.definition(view));
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

  async #compare(one: StoredView, other: StoredView): Promise<VersionComparison> {
    const { tables, clock } = this.options;
    const versions = [
      { ...one, view: await this.work.definition(one) },
      { ...other, view: await this.work.definition(other) },
    ] as const;
    const compared = comparedColumns(versions[0].view, versions[1].view);
    for (let attempt = 1; ; attempt++) {
      const first = await digestsOf(tables, versions[0], compared);
      const second = await digestsOf(tables, versions[1], compared);
      const atEqualPositions = standAlike(first.at, second.at);
      const differing = differingBuckets(first.digests, second.digests);
      if (atEqualPositions || attempt === TRIES)
        return {
          atEqualPositions,
          columns: compared.columns,
          rows: [first.digests.rows, second.digests.rows],
          differing,
        };
      await clock.sleep(PAUSE_MS);
    }
  }
}

/** Records that one version has read and another has not, of topics that both read; of another generation that is not known, and not asked. */
function missingOf(one: ReadonlyMap<string, SourcePosition>, other: ReadonlyMap<string, SourcePosition>): number {
  let missing = 0;
  for (const [topic, { generation, next }] of one) {
    const at = other.get(topic);
    if (at?.generation !== generation) continue;
    for (const [partition, offset] of next.entries()) missing += Math.max(0, offset - (at.next[partition] ?? 0));
  }
  return missing;
}
