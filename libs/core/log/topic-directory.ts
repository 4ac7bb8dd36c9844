import { AppError, type Clock, impossible, isAppError } from '#libs/core/kernel';
import type { Appended, LogEngine } from './engine.js';
import { invalidTopicName, topicExists, topicNotFound } from './errors.js';
import { generationOf, isReservedName, physicalName } from './generation.js';
import type { PartitionerSpec } from './key-placement.js';
import { checkNewTopic } from './new-topic.js';
import { type TopicGuard, UNGUARDED } from './topic-guard.js';
import { topicDeleted, topicFrozen, topicNameKept, topicProtected } from './topic-guard-errors.js';
import { homeOf, isOldName, isSameHome, type TopicHome, topicMoved, topicRenamed } from './topic-place.js';
import type { TopicDescription, TopicSpec } from './topic.js';
import type { TopicName, TopicNames } from './topic-names.js';

/** A logical topic and the physical one behind it now. */
export interface ResolvedTopic {
  readonly logical: string;
  readonly generation: number;
  readonly physical: string;
  readonly description: TopicDescription;
  /** Where the key of new records comes from, or null: from the writer. */
  readonly keyExpression: string | null;
  /** How the keys of new records are placed, or null: by the default partitioner. */
  readonly partitioner: PartitionerSpec | null;
  readonly guard: TopicGuard;
}

export interface HoldOptions {
  /** Longest time a write is held while its topic is fenced. */
  readonly maxHoldMs: number;
  readonly signal?: AbortSignal;
}

/** The other logs of a service: where topics may have moved. */
export interface OtherLogs {
  /** The cluster that a log is, undefined for one that this service does not know. @throws `cluster-unavailable` where it may be one that is away. */
  clusterOf(logId: string): string | undefined;
  /** @throws `cluster-not-found`, `cluster-unavailable`. */
  of(cluster: string): TopicDirectory;
  /** All that are present. */
  all(): readonly TopicDirectory[];
  /** For whom an answer without one of them would be wrong. @throws `cluster-unavailable` while one is not present. */
  demandAll(): void;
}

const NO_OTHERS: OtherLogs = {
  clusterOf: () => undefined,
  all: () => [],
  demandAll: () => undefined,
  of: () => impossible('a directory that knows no other log was asked for one'),
};

/**
 * Logical names of one cluster over their physical topics. Names are looked up anew on every resolution, so that a cutover made by any
 * instance is seen; the fence of the log catches a writer that resolved just before it.
 */
export class TopicDirectory {
  constructor(
    readonly engine: LogEngine,
    private readonly names: TopicNames,
    private readonly clock: Clock,
    private readonly others: OtherLogs = NO_OTHERS,
    /** Told how long each write took, ms, from its append to the acknowledgement; what a fence held it is no part of that. */
    private readonly wrote: (logId: string, ms: number) => void = () => undefined,
  ) {}

  /** How a name was moved last, undefined for one that never was. */
  async nameOf(logical: string): Promise<TopicName | undefined> {
    return await this.names.find(this.engine.logId, logical);
  }

  /** The generation a logical name stands for now; 1 for a name that was never moved. */
  async generation(logical: string): Promise<number> {
    return (await this.names.find(this.engine.logId, logical))?.generation ?? 1;
  }

  /**
   * The topic of a name, be it an old one of a topic that was renamed: the answer has the present one.
   * @throws `topic-not-found`, also for one that was deleted and is kept, and for physical names of later generations: those are internal. `topic-moved`, with the cluster as a detail, for one that is in
   * another log.
   */
  async resolve(logical: string): Promise<ResolvedTopic> {
    if (generationOf(logical).generation > 1) throw topicNotFound(logical);
    const name = await this.names.find(this.engine.logId, logical);
    if (name !== undefined) {
      const present = await this.#demandHere(name);
      // One that is not there yet: the topic still has the name that it comes from.
      if (present !== logical && name.place?.kind === 'arriving') throw topicNotFound(logical);
      if (present !== logical) return await this.resolve(present);
    }
    if (name?.guard.deletion) throw topicDeleted(logical, name.guard.deletion);
    const physical = physicalName(logical, name?.generation ?? 1);
    try {
      return resolved(logical, await this.engine.describeTopic(physical), name);
    } catch (error) {
      throw isAppError(error, 'topic-not-found') ? topicNotFound(logical) : error;
    }
  }

  /** The name that the topic of a name has now: that name itself, unless it is an old one of a topic of this log. */
  async presentName(logical: string): Promise<string> {
    const row = await this.nameOf(logical);
    if (row === undefined || !isOldName(row)) return logical;
    const home = await this.#homeOf(row);
    return home.logId === this.engine.logId ? home.topic : logical;
  }

  /** A topic's name with the old ones that lead to it, which a topic has that was renamed here. */
  async namesOf(logical: string): Promise<ReadonlySet<string>> {
    const known = new Set([logical]);
    const old = (await this.names.listPlaced(this.engine.logId)).filter(isOldName);
    for (let before = 0; before < known.size;) {
      before = known.size;
      for (const { logical: name, place } of old)
        if (place?.topic !== undefined && known.has(place.topic)) known.add(name);
    }
    return known;
  }

  /** Whether a physical topic has given its name up: to another generation, or because the topic has another name now. */
  async isSuperseded(physical: string): Promise<boolean> {
    const { logical, generation } = generationOf(physical);
    const row = await this.nameOf(logical);
    return (row?.generation ?? 1) !== generation || isOldName(row);
  }

  /** @throws `topic-renamed` for an old name of a topic: what is kept with names is kept with the present one. */
  async demandPresentName(logical: string): Promise<void> {
    const present = await this.presentName(logical);
    if (present !== logical) throw topicRenamed(logical, present);
  }

  /** Gives an old name up; the topic and its records stay. Harmless to repeat. */
  async forgetOldName(logical: string): Promise<void> {
    if (isOldName(await this.nameOf(logical))) await this.names.remove(this.engine.logId, logical);
  }

  /** The topic in another log that it moved to. @throws `topic-moved` for a log that is no cluster of this service, or that it has left as well; what {@link resolve} throws. */
  async there(logId: string, logical: string): Promise<ResolvedTopic> {
    const cluster = this.others.clusterOf(logId);
    if (cluster === undefined) throw topicMoved(logical, this.others.clusterOf(this.engine.logId), undefined, logId);
    return await this.others.of(cluster).resolve(logical);
  }

  /** The topic wherever it is: here, or in the log it has moved to. @throws what {@link resolve} throws, `topic-moved` for a log that is no cluster of this service alone. */
  async wherever(logical: string): Promise<{ readonly directory: TopicDirectory; readonly resolved: ResolvedTopic }> {
    try {
      return { directory: this, resolved: await this.resolve(logical) };
    } catch (error) {
      const logId = isAppError(error, 'topic-moved') ? error.details['logId'] : undefined;
      const directory = typeof logId === 'string' ? this.inLog(logId) : undefined;
      if (directory === undefined || directory === this) throw error;
      return { directory, resolved: await directory.resolve(logical) };
    }
  }

  /** The logs of the service that are present, this one among them. */
  logs(): readonly TopicDirectory[] {
    const others = this.others.all();
    return others.includes(this) ? others : [this, ...others];
  }

  /** @throws `cluster-unavailable` while {@link logs} lacks one. */
  demandAllLogs(): void {
    this.others.demandAll();
  }

  /** The directory of a log of the service; undefined for one that is none of its clusters. @throws `cluster-unavailable` where it may be one that is away. */
  inLog(logId: string): TopicDirectory | undefined {
    const known = this.logs().find(({ engine }) => engine.logId === logId);
    if (known === undefined) this.demandAllLogs();
    return known;
  }

  /** Whether a name may lead to other logs, or from them: one without a row was never moved, and every move leaves one. */
  async mayBeElsewhere(logical: string): Promise<boolean> {
    return (await this.nameOf(logical)) !== undefined;
  }

  /** Every logical topic, by name, each at its present generation; internal topics (`__` prefix), other generations, what was deleted and what is in another log left out. */
  async list(): Promise<readonly ResolvedTopic[]> {
    return (await this.#all()).filter((topic) => topic.guard.deletion === null);
  }

  /** The topics that were deleted and are kept, by name. */
  async listDeleted(): Promise<readonly ResolvedTopic[]> {
    return (await this.#all()).filter((topic) => topic.guard.deletion !== null);
  }

  async #all(): Promise<readonly ResolvedTopic[]> {
    const rows = new Map((await this.names.list(this.engine.logId)).map((row) => [row.logical, row]));
    const topics: ResolvedTopic[] = [];
    for (const description of await this.engine.listTopics()) {
      const { logical, generation } = generationOf(description.name);
      const row = rows.get(logical);
      if (logical.startsWith('__') || generation !== (row?.generation ?? 1)) continue;
      if (row !== undefined && !(await this.#isIn(row))) continue;
      topics.push(resolved(logical, description, row));
    }
    return topics.sort((a, b) => (a.logical < b.logical ? -1 : 1));
  }

  /**
   * Creates generation 1 of a logical topic, ACTIVE unless the state says otherwise.
   * @throws `topic-exists` also when another generation carries the name now, or a topic is about to get it; `topic-renamed` for an old name; `topic-name-kept` while a topic of that name was deleted and can be restored; `topic-moved` while the topic is in the log it
   * moved to; `invalid-topic-name` for names kept for internal use.
   */
  async create(spec: TopicSpec): Promise<ResolvedTopic> {
    demandUserName(spec.name);
    const present = await this.names.find(this.engine.logId, spec.name);
    if (present !== undefined) {
      if (await this.#isElsewhere(present)) await this.#refuseTaken(present);
      const { deletion } = present.guard;
      if (deletion?.phase === 'PURGING') await this.erase(spec.name, present.generation);
      else if (deletion !== null) throw topicNameKept(spec.name, deletion);
      if (await exists(this.engine, physicalName(spec.name, present.generation))) throw topicExists(spec.name);
      // Left over from a deletion that was cut short after the topic was gone.
      await this.names.remove(this.engine.logId, spec.name);
    }
    const description = await this.engine.createTopic({ ...spec, state: spec.state ?? 'ACTIVE' });
    return resolved(spec.name, description, undefined);
  }

  /**
   * What {@link create} would refuse; changes nothing. Where there are brokers they may still refuse what only they know.
   * @param existing names of all topics of the log, internal ones included. @throws what {@link create} throws.
   */
  async demandCreatable(spec: TopicSpec, existing: ReadonlySet<string>): Promise<void> {
    demandUserName(spec.name);
    const present = await this.names.find(this.engine.logId, spec.name);
    if (present !== undefined) {
      if (await this.#isElsewhere(present)) await this.#refuseTaken(present);
      const { deletion } = present.guard;
      if (deletion !== null && deletion.phase !== 'PURGING') throw topicNameKept(spec.name, deletion);
      if (deletion === null && (await exists(this.engine, physicalName(spec.name, present.generation))))
        throw topicExists(spec.name);
    }
    // What is left of a deletion that was cut short goes before the topic is made.
    const others =
      present === undefined
        ? existing
        : new Set([...existing].filter((name) => generationOf(name).logical !== spec.name));
    checkNewTopic(spec, others, this.engine.capabilities);
  }

  /**
   * Refuses what would take records away from a protected topic; `what` says it for people: "it cannot be deleted".
   * @throws `topic-not-found`, `topic-protected`.
   */
  async demandUnprotected(logical: string, what: string): Promise<void> {
    const { guard } = await this.resolve(logical);
    if (guard.protected) throw topicProtected(logical, what);
  }

  /**
   * Deletes a logical topic for good and at once, whatever depends on it; what users ask for goes through `TopicLifecycle`. Can be repeated when it was cut short.
   * @throws `topic-not-found`, `topic-protected`.
   */
  async delete(logical: string): Promise<void> {
    const { guard, generation } = await this.resolve(logical);
    if (guard.protected) throw topicProtected(logical, 'it cannot be deleted');
    await this.erase(logical, generation);
  }

  async #homeOf({ logical, place }: TopicName): Promise<TopicHome> {
    const { logId } = this.engine;
    return place === null ? { logId, topic: logical } : await homeOf(this.names, logId, logical);
  }

  /** Whether the topic of a row is in this log, under that name. */
  async #isIn(row: TopicName): Promise<boolean> {
    return isSameHome(await this.#homeOf(row), { logId: this.engine.logId, topic: row.logical });
  }

  /** Whether a topic is in this log under that name, or nowhere, as far as its name tells. */
  async isHere(logical: string): Promise<boolean> {
    const row = await this.nameOf(logical);
    return row === undefined || (await this.#isIn(row));
  }

  /** @throws `topic-moved` for a topic that is in another log; nothing for one that is nowhere. */
  async demandHere(logical: string): Promise<void> {
    const row = await this.nameOf(logical);
    if (row !== undefined) await this.#demandHere(row);
  }

  /** The name that the topic of a row has here. @throws `topic-moved`. */
  async #demandHere(row: TopicName): Promise<string> {
    const { logId } = this.engine;
    const home = await this.#homeOf(row);
    if (home.logId === logId) return home.topic;
    throw topicMoved(row.logical, this.others.clusterOf(logId), this.others.clusterOf(home.logId), home.logId);
  }

  /** Whether the topic is, or may be, in another log or under another name: one that was deleted there leaves the name free. */
  async #isElsewhere(row: TopicName): Promise<boolean> {
    if (await this.#isIn(row)) return false;
    const home = await this.#homeOf(row);
    const engine = home.logId === this.engine.logId ? this.engine : this.inLog(home.logId)?.engine;
    if (engine === undefined || row.place?.kind === 'arriving') return true;
    const there = await this.names.find(home.logId, home.topic);
    return there !== undefined || (await exists(engine, home.topic));
  }

  /** @throws what tells why a name is taken whose topic is elsewhere. */
  async #refuseTaken(row: TopicName): Promise<never> {
    const present = await this.#demandHere(row);
    throw row.place?.kind === 'arriving' ? topicExists(row.logical) : topicRenamed(row.logical, present);
  }

  /** Deletes every generation of a name, the present one last, and forgets the name with the old ones that lead to it. Harmless to repeat, and to cut short. */
  async erase(logical: string, presentGeneration: number): Promise<void> {
    for (const name of await this.namesOf(logical))
      if (name !== logical) await this.names.remove(this.engine.logId, name);
    const present = physicalName(logical, presentGeneration);
    for (const { name } of await this.engine.listTopics()) {
      if (generationOf(name).logical === logical && name !== present) await this.eraseOne(name);
    }
    await this.eraseOne(present);
    await this.names.remove(this.engine.logId, logical);
  }

  private async eraseOne(physical: string): Promise<void> {
    try {
      await this.engine.deleteTopic(physical);
    } catch (error) {
      if (!isAppError(error, 'topic-not-found')) throw error;
    }
  }

  /** Whether the name stands for something else than when it was resolved. */
  async #hasMoved({ logical, generation }: ResolvedTopic): Promise<boolean> {
    const row = await this.nameOf(logical);
    return (row?.generation ?? 1) !== generation || (row !== undefined && !(await this.#isIn(row)));
  }

  /**
   * Runs an append against the present generation of a topic. While the topic is fenced the append is held and tried again on whatever
   * generation the name stands for then, so that a writer sees a cutover as a pause. `append` must choose partitions anew from
   * the description it is given, and must not have taken effect when it throws `topic-fenced`.
   * @throws `topic-fenced` when the fence outlasts `maxHoldMs`, `topic-frozen` at once when users froze it, `topic-moved` when it has gone to another log: nothing was appended here that `append` did
   * not say.
   */
  async write<T = Appended>(
    logical: string,
    hold: HoldOptions,
    append: (topic: ResolvedTopic) => Promise<T>,
  ): Promise<T> {
    const deadline = this.clock.monotonic() + hold.maxHoldMs;
    for (let waitMs = 2; ; waitMs = Math.min(waitMs * 2, 50)) {
      const topic = await this.resolve(logical);
      if (topic.guard.frozen) throw topicFrozen(logical);
      const began = this.clock.monotonic();
      try {
        const appended = await append(topic);
        this.wrote(this.engine.logId, this.clock.monotonic() - began);
        return appended;
      } catch (error) {
        if (!isAppError(error) || !(error.code === 'topic-fenced' || error.code === 'topic-not-found')) throw error;
        if (error.code === 'topic-not-found' && !(await this.#hasMoved(topic))) throw error;
        if (this.clock.monotonic() >= deadline) throw heldTooLong(logical, hold.maxHoldMs, error);
        await this.clock.sleep(waitMs, hold.signal);
      }
    }
  }
}

/** Whether a name stands for one topic in two logs: it has moved from one of them, or is on its way. */
export async function isSameTopic(one: TopicDirectory, other: TopicDirectory, logical: string): Promise<boolean> {
  const leadsTo = async (from: TopicDirectory, { engine }: TopicDirectory): Promise<boolean> =>
    (await from.nameOf(logical))?.place?.logId === engine.logId;
  return (await leadsTo(one, other)) || (await leadsTo(other, one));
}

async function exists(engine: LogEngine, physical: string): Promise<boolean> {
  try {
    await engine.describeTopic(physical);
    return true;
  } catch (error) {
    if (isAppError(error, 'topic-not-found')) return false;
    throw error;
  }
}

/** @throws `invalid-topic-name` for names kept for internal use. */
function demandUserName(name: string): void {
  if (isReservedName(name)) throw invalidTopicName(name, 'names that end in --g and a number are kept for generations');
  if (name.startsWith('__')) throw invalidTopicName(name, 'names that begin with __ are kept for internal topics');
}

function resolved(logical: string, description: TopicDescription, row: TopicName | undefined): ResolvedTopic {
  return {
    logical,
    generation: row?.generation ?? 1,
    physical: description.name,
    description,
    keyExpression: row?.keyExpression ?? null,
    partitioner: row?.partitioner ?? null,
    guard: row?.guard ?? UNGUARDED,
  };
}

function heldTooLong(topic: string, maxHoldMs: number, cause: AppError): AppError {
  return new AppError({
    kind: 'unavailable',
    code: 'topic-fenced',
    message: `Topic '${topic}' took no appends for ${maxHoldMs} ms; nothing was written.`,
    hint: 'A cutover is in progress; try again shortly.',
    details: { topic, maxHoldMs },
    retryable: true,
    retryAfterMs: 1_000,
    cause,
  });
}
