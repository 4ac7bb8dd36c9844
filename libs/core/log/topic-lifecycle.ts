import { type Clock, isAppError, Serial } from '#libs/core/kernel';
import { knownRecords } from './leaderless-partition.js';
import type { TopicDirectories } from './topic-directories.js';
import type { ResolvedTopic, TopicDirectory } from './topic-directory.js';
import { type TopicDeletion, type TopicGuard, UNGUARDED } from './topic-guard.js';
import { topicGuardChanged } from './topic-guard-errors.js';
import {
  deletedTopic,
  TopicChangeRules,
  type Deletable,
  type DeleteTopic,
  type TopicUse,
} from './topic-change-rules.js';
import { physicalName } from './generation.js';
import type { TopicName, TopicNames } from './topic-names.js';
import type { TopicState } from './topic.js';

export interface TopicLifecycleOptions {
  readonly directories: TopicDirectories;
  readonly names: TopicNames;
  readonly clock: Clock;
  readonly use: TopicUse;
  /** How long a deleted topic is kept, in milliseconds; 0 deletes at once. */
  readonly deletedRetentionMs: number;
  /** Named steps for crash tests, `topic:…`. Does nothing in service. */
  readonly failPoint?: (name: string) => void | Promise<void>;
}

/** A change that takes nothing away. */
export type TopicChange = 'protect' | 'unprotect' | 'freeze' | 'unfreeze' | 'restore';

/** What went, or would, with a topic that is deleted. */
export interface TopicLoss {
  /** The topic that an old name led to: the name is all that goes. */
  readonly oldNameOf: string | null;
  /** Null where nobody knows it any more. */
  readonly records: number | null;
  /** From when on it may be gone for good, epoch ms; null where it is. */
  readonly purgeAtMs: number | null;
}

const SWEEP_MS = 60_000;

/**
 * Protecting, freezing, deleting and restoring logical topics. What users said is stored first, with the name (see {@link TopicGuard}); the state of the log follows, and {@link keep} completes what was cut
 * short. A change and an operation on the same topic exclude each other: both say what they do before they look for the other, so that at least one of them sees it and gives way.
 */
export class TopicLifecycle {
  readonly #changes = new Map<string, Serial>();
  readonly #failPoint: (name: string) => void | Promise<void>;
  readonly #rules: TopicChangeRules;

  constructor(private readonly options: TopicLifecycleOptions) {
    this.#rules = new TopicChangeRules(options.use, options.deletedRetentionMs);
    this.#failPoint = options.failPoint ?? (() => undefined);
  }

  /** Refuses to delete the topic or records of it, or allows it again. Harmless to repeat. @throws `topic-not-found`. */
  async protect(cluster: string | undefined, logical: string, isProtected: boolean): Promise<ResolvedTopic> {
    return await this.#change(cluster, async (directory) => {
      const { guard } = await this.#rules.guardable(directory, logical);
      if (guard.protected !== isProtected) await this.#set(directory, logical, { protected: isProtected });
      return await directory.resolve(logical);
    });
  }

  /**
   * Ends writing to the topic until {@link unfreeze}: when it resolves, the end offsets are final. Harmless to repeat.
   * @throws `topic-not-found`, `topic-in-operation`, `topic-not-active` for one whose writers are held already (a derived topic).
   */
  async freeze(cluster: string | undefined, logical: string): Promise<ResolvedTopic> {
    return await this.#change(cluster, async (directory, name) => {
      const topic = await this.#rules.freezable(directory, name, logical);
      if (!topic.guard.frozen) {
        const row = await this.#set(directory, logical, { frozen: true });
        await this.#failPoint('topic:frozen');
        await this.#orTakeBack(name, directory, row, { frozen: false }, 'frozen');
      }
      await this.#settle(directory, name, logical);
      return await directory.resolve(logical);
    });
  }

  /** Lets writers go on. Harmless to repeat. @throws `topic-not-found`. */
  async unfreeze(cluster: string | undefined, logical: string): Promise<ResolvedTopic> {
    return await this.#change(cluster, async (directory) => {
      const topic = await this.#rules.guardable(directory, logical);
      if (topic.guard.frozen) {
        // In this order a crash in between leaves it frozen, and not fenced by nobody.
        await directory.engine.setTopicState(topic.physical, 'ACTIVE');
        await this.#failPoint('topic:opened');
        await this.#set(directory, logical, { frozen: false });
      }
      return await directory.resolve(logical);
    });
  }

  /**
   * Deletes a topic: unreachable at once, and kept for a while with all its generations and the positions of groups, unless it is to be for good. A log without room on its disk holds nothing up: the topic is
   * deleted, and {@link keep} does the rest. An old name of a topic is given up, and nothing else is deleted.
   * @throws `topic-not-found`, `topic-protected`, `topic-in-use` naming what depends on it, `topic-in-operation`.
   */
  async delete(cluster: string | undefined, logical: string, how: DeleteTopic): Promise<TopicLoss> {
    return await this.#change(cluster, async (directory, name) => {
      const deletable = await this.#rules.deletable(directory, name, logical, how);
      const { oldNameOf, topic, kept, isPermanent } = deletable;
      if (oldNameOf !== null) {
        // Nothing reads or writes by it any more. The operation that renamed the topic may still take it back to that name.
        await directory.forgetOldName(logical);
        return lossOf(deletable, null);
      }
      if (kept === null && topic !== null) {
        const row = await this.#set(directory, logical, { deletion: this.#deletionOf(topic, isPermanent) });
        await this.#failPoint('topic:deleted');
        await this.#orTakeBack(name, directory, row, { deletion: null }, 'deleted');
      }
      // It is stored: "nothing was written" would not be true any more.
      await (isPermanent ? this.#purge(directory, logical) : this.#settle(directory, name, logical)).catch(unlessFull);
      return lossOf(deletable, (await this.#find(directory, logical))?.guard.deletion ?? null);
    });
  }

  /** What {@link delete} would take; nothing changes. @throws what it throws. */
  async tryDelete(cluster: string | undefined, logical: string, how: DeleteTopic): Promise<TopicLoss> {
    const { name, directory } = this.#at(cluster);
    const deletable = await this.#rules.deletable(directory, name, logical, how);
    const { topic, isPermanent } = deletable;
    return lossOf(deletable, topic === null || isPermanent ? null : this.#deletionOf(topic, false));
  }

  /** The topic as a change would make it; nothing changes. @throws what the change throws. */
  async tryChange(cluster: string | undefined, logical: string, change: TopicChange): Promise<ResolvedTopic> {
    const { name, directory } = this.#at(cluster);
    if (change === 'restore') {
      const { stateBefore } = await this.#rules.restorable(directory, logical);
      const topic = await deletedTopic(directory, logical);
      if (topic === null) return await directory.resolve(logical);
      return asChanged(topic, { deletion: null }, topic.guard.frozen ? 'FENCED' : stateBefore);
    }
    const topic =
      change === 'freeze'
        ? await this.#rules.freezable(directory, name, logical)
        : await this.#rules.guardable(directory, logical);
    switch (change) {
      case 'protect':
      case 'unprotect':
        return asChanged(topic, { protected: change === 'protect' });
      case 'freeze':
        return asChanged(topic, { frozen: true }, 'FENCED');
      case 'unfreeze':
        return asChanged(topic, { frozen: false }, topic.guard.frozen ? 'ACTIVE' : undefined);
    }
  }

  /**
   * Brings a deleted topic back as it was: records, offsets, generations, group positions, protection and freeze.
   * @throws `topic-not-found`, `topic-not-deleted`, `topic-being-purged`.
   */
  async restore(cluster: string | undefined, logical: string): Promise<ResolvedTopic> {
    return await this.#change(cluster, async (directory, name) => {
      const deletion = await this.#rules.restorable(directory, logical);
      if (deletion.phase === 'KEPT')
        await this.#set(directory, logical, { deletion: { ...deletion, phase: 'RESTORING' } });
      await this.#failPoint('topic:restoring');
      await this.#settle(directory, name, logical);
      return await directory.resolve(logical);
    });
  }

  /** Completes what was cut short and deletes what was kept long enough, now and every minute, until the signal. Rejects with its reason. */
  async keep(cluster: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.sweep(cluster, signal);
      await this.options.clock.sleep(SWEEP_MS, signal);
    }
  }

  /** Once. Harmless to repeat and to cut short. @throws what the first topic failed with that could not be settled, once all others are. */
  async sweep(cluster: string, signal?: AbortSignal): Promise<void> {
    const { names, directories } = this.options;
    const failures: unknown[] = [];
    for (const { logical, guard } of await names.list(directories.of(cluster).engine.logId)) {
      signal?.throwIfAborted();
      if (guard.deletion === null && !guard.frozen) continue;
      try {
        await this.#change(cluster, (directory, name) => this.#settle(directory, name, logical));
      } catch (error) {
        // The others do not have to wait for this one.
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  /**
   * Takes up a log that came without its names (a new metadata store): what is closed to everybody was deleted and is kept for the whole time again, what nobody holds and takes no writes was frozen.
   * @returns the topics that are guarded now.
   */
  async adopt(cluster: string): Promise<readonly string[]> {
    const { directories, clock, deletedRetentionMs, use } = this.options;
    const adopted: string[] = [];
    for (const { logical, description, guard } of await directories.of(cluster).list()) {
      const { state } = description;
      if (guard !== UNGUARDED || (state !== 'FENCED' && state !== 'BROWNED_OUT')) continue;
      if ((await use.usersOf(cluster, logical)).length > 0 || (await use.operationOn(cluster, logical))) continue;
      const atMs = clock.now();
      const deletion = { phase: 'KEPT', atMs, purgeAtMs: atMs + deletedRetentionMs, stateBefore: 'ACTIVE' } as const;
      const change = state === 'FENCED' ? { frozen: true } : { deletion };
      await this.#change(cluster, (directory) => this.#set(directory, logical, change));
      adopted.push(logical);
    }
    return adopted;
  }

  #deletionOf({ description, guard }: ResolvedTopic, isPermanent: boolean): TopicDeletion {
    const atMs = this.options.clock.now();
    return {
      phase: 'KEPT',
      atMs,
      purgeAtMs: isPermanent ? atMs : atMs + this.options.deletedRetentionMs,
      stateBefore: guard.frozen || description.state !== 'ACTIVE' ? 'FENCED' : 'ACTIVE',
    };
  }

  /** Makes the log what the guard says, as often as the guard changes meanwhile; purges what is due. */
  async #settle(directory: TopicDirectory, cluster: string, logical: string): Promise<void> {
    for (;;) {
      const row = await this.#find(directory, logical);
      if (row === undefined) return;
      const { deletion } = row.guard;
      if (
        deletion?.phase === 'PURGING' ||
        (deletion?.phase === 'KEPT' && (await this.#isDue(cluster, logical, deletion)))
      )
        return await this.#purge(directory, logical);
      const wanted = stateFor(row.guard);
      if (wanted !== undefined) await this.#bring(directory, row, wanted);
      await this.#failPoint('topic:settled');
      if (deletion?.phase === 'RESTORING') await this.#tryToSet(directory, row, { deletion: null });
      const now = await this.#find(directory, logical);
      if (now === undefined || now.guardRevision === row.guardRevision || deletion?.phase === 'RESTORING') return;
      // Restored by another instance before our state came: it would stay closed.
      if (deletion?.phase === 'KEPT' && now.guard.deletion === null)
        await this.#bring(directory, row, now.guard.frozen ? 'FENCED' : deletion.stateBefore);
    }
  }

  async #bring(directory: TopicDirectory, row: TopicName, wanted: TopicState): Promise<void> {
    const physical = physicalName(row.logical, row.generation);
    try {
      const { state } = await directory.engine.describeTopic(physical);
      // A frozen topic is closed where writers could go on, and never opened here.
      if (state !== wanted && (row.guard.deletion !== null || state === 'ACTIVE'))
        await directory.engine.setTopicState(physical, wanted);
    } catch (error) {
      // Deleted behind our back: what is left of it goes when its time has come.
      if (!isAppError(error, 'topic-not-found')) throw error;
    }
  }

  /** Due, and nothing depends on it any more: what was deleted by force is kept until its readers are gone, who would take a new topic for it. */
  async #isDue(cluster: string, logical: string, deletion: TopicDeletion): Promise<boolean> {
    if (deletion.purgeAtMs > this.options.clock.now()) return false;
    return (await this.options.use.usersOf(cluster, logical)).length === 0;
  }

  async #purge(directory: TopicDirectory, logical: string): Promise<void> {
    const row = await this.#find(directory, logical);
    if (row === undefined) return;
    const { deletion } = row.guard;
    if (deletion === null) throw topicGuardChanged(logical);
    if (deletion.phase !== 'PURGING')
      await this.#setFrom(directory, row, { deletion: { ...deletion, phase: 'PURGING' } });
    await this.#failPoint('topic:purging');
    await directory.erase(logical, row.generation);
  }

  /** After the change was stored: an operation that began in the same moment has not seen it, so the change gives way. */
  async #orTakeBack(
    cluster: string,
    directory: TopicDirectory,
    row: TopicName,
    undo: Partial<TopicGuard>,
    what: string,
  ): Promise<void> {
    try {
      await this.#rules.demandNoOperation(cluster, row.logical, what);
    } catch (error) {
      await this.#tryToSet(directory, row, undo);
      throw error;
    }
  }

  async #set(directory: TopicDirectory, logical: string, change: Partial<TopicGuard>): Promise<TopicName> {
    return await this.#setFrom(directory, await this.#find(directory, logical), change, logical);
  }

  async #setFrom(
    directory: TopicDirectory,
    row: TopicName | undefined,
    change: Partial<TopicGuard>,
    logical = row!.logical,
  ): Promise<TopicName> {
    const guard = { ...(row?.guard ?? UNGUARDED), ...change };
    const set = await this.options.names.setGuard(directory.engine.logId, logical, row?.guardRevision ?? 0, guard);
    if (set === undefined) throw topicGuardChanged(logical);
    return set;
  }

  async #tryToSet(directory: TopicDirectory, row: TopicName, change: Partial<TopicGuard>): Promise<void> {
    const guard = { ...row.guard, ...change };
    await this.options.names.setGuard(directory.engine.logId, row.logical, row.guardRevision, guard);
  }

  async #find(directory: TopicDirectory, logical: string): Promise<TopicName | undefined> {
    return await this.options.names.find(directory.engine.logId, logical);
  }

  /** Changes of one cluster's topics come one after another. */
  #change<T>(
    cluster: string | undefined,
    task: (directory: TopicDirectory, cluster: string) => Promise<T>,
  ): Promise<T> {
    const { name, directory } = this.#at(cluster);
    let line = this.#changes.get(name);
    if (line === undefined) this.#changes.set(name, (line = new Serial()));
    return line.run(() => task(directory, name));
  }

  #at(cluster: string | undefined): { readonly name: string; readonly directory: TopicDirectory } {
    const { directories } = this.options;
    const name = cluster ?? directories.clusters.defaultName;
    return { name, directory: directories.of(name) };
  }
}

function lossOf({ oldNameOf, topic }: Deletable, deletion: TopicDeletion | null): TopicLoss {
  const partitions = topic?.description.partitions;
  const records = partitions === undefined ? null : knownRecords(partitions);
  return { oldNameOf, records: oldNameOf === null ? records : 0, purgeAtMs: deletion?.purgeAtMs ?? null };
}

function asChanged(topic: ResolvedTopic, guard: Partial<TopicGuard>, state = topic.description.state): ResolvedTopic {
  return { ...topic, guard: { ...topic.guard, ...guard }, description: { ...topic.description, state } };
}

function unlessFull(error: unknown): void {
  if (!isAppError(error, 'storage-full')) throw error;
}

/** The state the log should hold the present generation in; undefined where the guard says nothing about it. */
function stateFor({ frozen, deletion }: TopicGuard): TopicState | undefined {
  if (deletion?.phase === 'KEPT') return 'BROWNED_OUT';
  if (deletion?.phase === 'RESTORING') return frozen ? 'FENCED' : deletion.stateBefore;
  return frozen ? 'FENCED' : undefined;
}
