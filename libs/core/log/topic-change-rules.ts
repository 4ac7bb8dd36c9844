import {
  topicBeingPurged,
  topicDeleted,
  topicInOperation,
  topicInUse,
  topicNotActive,
  topicNotDeleted,
} from './topic-guard-errors.js';
import type { ResolvedTopic, TopicDirectory } from './topic-directory.js';
import type { TopicDeletion } from './topic-guard.js';

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

export interface DeleteTopic {
  /** Delete for good instead of keeping it for a while; also for one that is kept already. */
  readonly permanent: boolean;
  /** Although something depends on it. */
  readonly force: boolean;
}

/** What a deletion takes. */
export interface Deletable {
  /** The topic that an old name leads to, where that name is all that goes. */
  readonly oldNameOf: string | null;
  /** What goes, or is gone and kept; null for an old name, and for what is left of a topic that is not there. */
  readonly topic: ResolvedTopic | null;
  /** The deletion that keeps it already. */
  readonly kept: TopicDeletion | null;
  readonly isPermanent: boolean;
}

/** What stands against changes of topics. Nothing is changed here: a change asks before it begins, and who only wants to know asks alone. */
export class TopicChangeRules {
  constructor(
    private readonly use: TopicUse,
    /** How long a deleted topic is kept, in milliseconds; 0 deletes at once. */
    private readonly deletedRetentionMs: number,
  ) {}

  /** @returns the topic as it is. @throws `topic-not-found`, `topic-renamed`. */
  async guardable(directory: TopicDirectory, logical: string): Promise<ResolvedTopic> {
    await directory.demandPresentName(logical);
    return await directory.resolve(logical);
  }

  /** @returns the topic as it is. @throws what {@link guardable} throws, `topic-in-operation`, `topic-not-active` for one whose writers are held already. */
  async freezable(directory: TopicDirectory, cluster: string, logical: string): Promise<ResolvedTopic> {
    const topic = await this.guardable(directory, logical);
    if (topic.guard.frozen) return topic;
    await this.demandNoOperation(cluster, logical, 'frozen');
    const { state } = topic.description;
    if (state !== 'ACTIVE') throw topicNotActive(logical, state);
    return topic;
  }

  /** @returns the deletion that a restore takes back. @throws `topic-not-found`, `topic-renamed`, `topic-not-deleted`, `topic-being-purged`. */
  async restorable(directory: TopicDirectory, logical: string): Promise<TopicDeletion> {
    await directory.demandPresentName(logical);
    const deletion = (await directory.nameOf(logical))?.guard.deletion ?? null;
    if (deletion === null) {
      await directory.resolve(logical);
      throw topicNotDeleted(logical);
    }
    if (deletion.phase === 'PURGING') throw topicBeingPurged(logical);
    return deletion;
  }

  /** @throws `topic-not-found`, `topic-protected`, `topic-in-use` naming what depends on it, `topic-in-operation`. */
  async deletable(directory: TopicDirectory, cluster: string, logical: string, how: DeleteTopic): Promise<Deletable> {
    const present = await directory.presentName(logical);
    if (present !== logical) {
      await this.#demandUnused(cluster, logical, how.force);
      await this.demandNoOperation(cluster, logical, 'given up');
      return { oldNameOf: present, topic: null, kept: null, isPermanent: true };
    }
    const isPermanent = how.permanent || this.deletedRetentionMs === 0;
    const kept = (await directory.nameOf(logical))?.guard.deletion ?? null;
    if (kept !== null && !isPermanent) throw topicDeleted(logical, kept);
    if (kept === null) await directory.demandUnprotected(logical, 'it cannot be deleted');
    await this.#demandUnused(cluster, logical, how.force);
    if (kept !== null) return { oldNameOf: null, topic: await deletedTopic(directory, logical), kept, isPermanent };
    const topic = await directory.resolve(logical);
    await this.demandNoOperation(cluster, logical, 'deleted');
    return { oldNameOf: null, topic, kept, isPermanent };
  }

  /** @param what what is not done meanwhile: "deleted". @throws `topic-in-operation`. */
  async demandNoOperation(cluster: string, logical: string, what: string): Promise<void> {
    const operation = await this.use.operationOn(cluster, logical);
    if (operation !== undefined) throw topicInOperation(logical, what, operation);
  }

  async #demandUnused(cluster: string, logical: string, isForced: boolean): Promise<void> {
    if (isForced) return;
    const users = await this.use.usersOf(cluster, logical);
    if (users.length > 0) throw topicInUse(logical, users);
  }
}

/** A topic that was deleted and is kept; null where nothing is left of it but its name. */
export async function deletedTopic(directory: TopicDirectory, logical: string): Promise<ResolvedTopic | null> {
  return (await directory.listDeleted()).find((topic) => topic.logical === logical) ?? null;
}
