import { type Clock, isAppError, Serial } from '#libs/core/kernel';
import type { TopicDirectories } from './topic-directories.js';
import type { ResolvedTopic, TopicDirectory } from './topic-directory.js';
import { type TopicDeletion, type TopicGuard, UNGUARDED } from './topic-guard.js';
import {
  topicBeingPurged,
  topicDeleted,
  topicGuardChanged,
  topicInOperation,
  topicInUse,
  topicNotActive,
  topicNotDeleted,
} from './topic-guard-errors.js';
import { physicalName } from './generation.js';
import type { TopicName, TopicNames } from './topic-names.js';
import type { TopicState } from './topic.js';

/** What would be left without a topic. */
export interface TopicUser {
  readonly kind: 'view' | 'derivation';
  readonly name: string;
}

/** Who else has to do with topics. What lies above the log tells it. */
export interface TopicUse {
  /** What reads or fills the logical topic. */
  usersOf(cluster: string, logical: string): Promise<readonly TopicUser[]>;
  /** The live operation that works on it. */
  operationOn(cluster: string, logical: string): Promise<{ readonly id: string; readonly kind: string } | undefined>;
}

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

export interface DeleteTopic {
  /** Delete for good instead of keeping it for a while; also for one that is kept already. */
  readonly permanent: boolean;
  /** Although something depends on it. */
  readonly force: boolean;
}

const SWEEP_MS = 60_000;

/**
 * Protecting, freezing, deleting and restoring logical topics. What users said is stored first, with the name (see {@link TopicGuard}); the state of the log follows, and {@link keep} completes what was cut
 * short. A change and an operation on the same topic exclude each other: both say what they do before they look for the other, so that at least one of them sees it and gives way.
 */
export class TopicLifecycle {
  readonly #changes = new Map<string, Serial>();
  readonly #failPoint: (name: string) => void | Promise<void>;

  constructor(private readonly options: TopicLifecycleOptions) {
    this.#failPoint = options.failPoint ?? (() => undefined);
  }

  /** Refuses to delete the topic or records of it, or allows it again. Harmless to repeat. @throws `topic-not-found`. */
  async protect(cluster: string | undefined, logical: string, isProtected: boolean): Promise<ResolvedTopic> {
    return await this.#change(cluster, async (directory) => {
      await directory.demandPresentName(logical);
      const { guard } = await directory.resolve(logical);
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
      await directory.demandPresentName(logical);
      const topic = await directory.resolve(logical);
      if (!topic.guard.frozen) {
        await this.#demandNoOperation(name, logical, 'frozen');
        if (topic.description.state !== 'ACTIVE') throw topicNotActive(logical, topic.description.state);
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
      await directory.demandPresentName(logical);
      const topic = await directory.resolve(logical);
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
   * @returns the deletion, null when nothing is left.
   * @throws `topic-not-found`, `topic-protected`, `topic-in-use` naming what depends on it, `topic-in-operation`.
   */
  async delete(cluster: string | undefined, logical: string, how: DeleteTopic): Promise<TopicDeletion | null> {
    return await this.#change(cluster, async (directory, name) => {
      const { clock, deletedRetentionMs } = this.options;
      if ((await directory.presentName(logical)) !== logical) return await this.#giveUp(directory, name, logical, how);
      const isPermanent = how.permanent || deletedRetentionMs === 0;
      const kept = (await this.#find(directory, logical))?.guard.deletion ?? null;
      if (kept !== null && !isPermanent) throw topicDeleted(logical, kept);
      if (kept === null) await directory.demandUnprotected(logical, 'it cannot be deleted');
      await this.#demandUnused(name, logical, how.force);
      if (kept === null) {
        const { description, guard } = await directory.resolve(logical);
        await this.#demandNoOperation(name, logical, 'deleted');
        const atMs = clock.now();
        const row = await this.#set(directory, logical, {
          deletion: {
            phase: 'KEPT',
            atMs,
            purgeAtMs: isPermanent ? atMs : atMs + deletedRetentionMs,
            stateBefore: guard.frozen || description.state !== 'ACTIVE' ? 'FENCED' : 'ACTIVE',
          },
        });
        await this.#failPoint('topic:deleted');
        await this.#orTakeBack(name, directory, row, { deletion: null }, 'deleted');
      }
      // It is stored: "nothing was written" would not be true any more.
      await (isPermanent ? this.#purge(directory, logical) : this.#settle(directory, name, logical)).catch(unlessFull);
      return (await this.#find(directory, logical))?.guard.deletion ?? null;
    });
  }

  /**
   * Brings a deleted topic back as it was: records, offsets, generations, group positions, protection and freeze.
   * @throws `topic-not-found`, `topic-not-deleted`, `topic-being-purged`.
   */
  async restore(cluster: string | undefined, logical: string): Promise<ResolvedTopic> {
    return await this.#change(cluster, async (directory, name) => {
      await directory.demandPresentName(logical);
      const deletion = (await this.#find(directory, logical))?.guard.deletion ?? null;
      if (deletion === null) {
        await directory.resolve(logical);
        throw topicNotDeleted(logical);
      }
      if (deletion.phase === 'PURGING') throw topicBeingPurged(logical);
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

  /** Nothing reads or writes by an old name any more. The operation that renamed the topic may still take it back to that name. */
  async #giveUp(directory: TopicDirectory, cluster: string, logical: string, how: DeleteTopic): Promise<null> {
    await this.#demandUnused(cluster, logical, how.force);
    await this.#demandNoOperation(cluster, logical, 'given up');
    await directory.forgetOldName(logical);
    return null;
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

  async #demandUnused(cluster: string, logical: string, isForced: boolean): Promise<void> {
    if (isForced) return;
    const users = await this.options.use.usersOf(cluster, logical);
    if (users.length > 0) throw topicInUse(logical, users);
  }

  async #demandNoOperation(cluster: string, logical: string, what: string): Promise<void> {
    const operation = await this.options.use.operationOn(cluster, logical);
    if (operation !== undefined) throw topicInOperation(logical, what, operation);
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
      await this.#demandNoOperation(cluster, row.logical, what);
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
    const { directories } = this.options;
    const name = cluster ?? directories.clusters.defaultName;
    const directory = directories.of(name);
    let line = this.#changes.get(name);
    if (line === undefined) this.#changes.set(name, (line = new Serial()));
    return line.run(() => task(directory, name));
  }
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
