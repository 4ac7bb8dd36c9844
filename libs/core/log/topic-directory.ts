import { AppError, type Clock, isAppError } from '#libs/core/kernel';
import type { Appended, Clusters, LogEngine } from './engine.js';
import { invalidTopicName, topicExists, topicNotFound } from './errors.js';
import { generationOf, isReservedName, physicalName } from './generation.js';
import type { TopicDescription, TopicSpec } from './topic.js';
import type { TopicNames } from './topic-names.js';

/** A logical topic and the physical one behind it now. */
export interface ResolvedTopic {
  readonly logical: string;
  readonly generation: number;
  readonly physical: string;
  readonly description: TopicDescription;
  /** Where the key of new records comes from, or null: from the writer. */
  readonly keyExpression: string | null;
}

export interface HoldOptions {
  /** Longest time a write is held while its topic is fenced. */
  readonly maxHoldMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Logical names of one cluster over their physical topics. Names are looked up anew on every resolution, so that a cutover made by any
 * instance is seen; the fence of the log catches a writer that resolved just before it.
 */
export class TopicDirectory {
  constructor(
    readonly engine: LogEngine,
    private readonly names: TopicNames,
    private readonly clock: Clock,
  ) {}

  /** The generation a logical name stands for now; 1 for a name that was never moved. */
  async generation(logical: string): Promise<number> {
    return (await this.names.find(this.engine.logId, logical))?.generation ?? 1;
  }

  /** @throws `topic-not-found`, also for physical names of later generations: those are internal. */
  async resolve(logical: string): Promise<ResolvedTopic> {
    if (generationOf(logical).generation > 1) throw topicNotFound(logical);
    const name = await this.names.find(this.engine.logId, logical);
    const generation = name?.generation ?? 1;
    const physical = physicalName(logical, generation);
    try {
      const description = await this.engine.describeTopic(physical);
      return { logical, generation, physical, description, keyExpression: name?.keyExpression ?? null };
    } catch (error) {
      throw isAppError(error, 'topic-not-found') ? topicNotFound(logical) : error;
    }
  }

  /** Every logical topic, by name, each at its present generation; internal topics (`__` prefix) and other generations left out. */
  async list(): Promise<readonly ResolvedTopic[]> {
    const moved = new Map((await this.names.list(this.engine.logId)).map((row) => [row.logical, row]));
    const resolved: ResolvedTopic[] = [];
    for (const description of await this.engine.listTopics()) {
      const { logical, generation } = generationOf(description.name);
      if (logical.startsWith('__') || generation !== (moved.get(logical)?.generation ?? 1)) continue;
      const keyExpression = moved.get(logical)?.keyExpression ?? null;
      resolved.push({ logical, generation, physical: description.name, description, keyExpression });
    }
    return resolved.sort((a, b) => (a.logical < b.logical ? -1 : 1));
  }

  /**
   * Creates generation 1 of a logical topic.
   * @throws `topic-exists` also when another generation carries the name now; `invalid-topic-name` for names kept for internal use.
   */
  async create(spec: Omit<TopicSpec, 'state'>): Promise<ResolvedTopic> {
    if (isReservedName(spec.name))
      throw invalidTopicName(spec.name, 'names that end in --g and a number are kept for generations');
    if (spec.name.startsWith('__'))
      throw invalidTopicName(spec.name, 'names that begin with __ are kept for internal topics');
    const present = await this.names.find(this.engine.logId, spec.name);
    if (present !== undefined) {
      if (await this.exists(physicalName(spec.name, present.generation))) throw topicExists(spec.name);
      // Left over from a deletion that was cut short after the topic was gone.
      await this.names.remove(this.engine.logId, spec.name);
    }
    const description = await this.engine.createTopic({ ...spec, state: 'ACTIVE' });
    return { logical: spec.name, generation: 1, physical: description.name, description, keyExpression: null };
  }

  /**
   * Deletes a logical topic with all its generations, the present one last, so that a deletion that is cut short can be repeated.
   * @throws `topic-not-found`.
   */
  async delete(logical: string): Promise<void> {
    const present = await this.resolve(logical);
    for (const { name } of await this.engine.listTopics()) {
      if (generationOf(name).logical === logical && name !== present.physical) await this.engine.deleteTopic(name);
    }
    await this.engine.deleteTopic(present.physical);
    await this.names.remove(this.engine.logId, logical);
  }

  private async exists(physical: string): Promise<boolean> {
    try {
      await this.engine.describeTopic(physical);
      return true;
    } catch (error) {
      if (isAppError(error, 'topic-not-found')) return false;
      throw error;
    }
  }

  /**
   * Runs an append against the present generation of a topic. While the topic is fenced the append is held and tried again on whatever
   * generation the name stands for then, so that a writer sees a cutover as a pause. `append` must choose partitions anew from
   * the description it is given, and must not have taken effect when it throws `topic-fenced`.
   * @throws `topic-fenced` when the fence outlasts `maxHoldMs`.
   */
  async write<T = Appended>(
    logical: string,
    hold: HoldOptions,
    append: (topic: ResolvedTopic) => Promise<T>,
  ): Promise<T> {
    const deadline = this.clock.monotonic() + hold.maxHoldMs;
    for (let waitMs = 2; ; waitMs = Math.min(waitMs * 2, 50)) {
      const topic = await this.resolve(logical);
      try {
        return await append(topic);
      } catch (error) {
        if (!isAppError(error) || !(error.code === 'topic-fenced' || error.code === 'topic-not-found')) throw error;
        if (error.code === 'topic-not-found' && (await this.generation(logical)) === topic.generation) throw error;
        if (this.clock.monotonic() >= deadline) throw heldTooLong(logical, hold.maxHoldMs, error);
        await this.clock.sleep(waitMs, hold.signal);
      }
    }
  }
}

function heldTooLong(topic: string, maxHoldMs: number, cause: AppError): AppError {
  return new AppError({
    kind: 'unavailable',
    code: 'topic-fenced',
    message: `Topic '${topic}' took no appends for ${maxHoldMs} ms; nothing was written.`,
    hint: 'A cutover is in progress or the topic was frozen; try again shortly.',
    details: { topic, maxHoldMs },
    retryable: true,
    retryAfterMs: 1_000,
    cause,
  });
}

/** The directory of each configured cluster. Class and injection token in one. */
export class TopicDirectories {
  readonly #byCluster = new Map<string, TopicDirectory>();

  constructor(
    readonly clusters: Clusters,
    private readonly names: TopicNames,
    private readonly clock: Clock,
  ) {}

  /** The directory of a cluster, of the default one when no name is given. @throws `cluster-not-found`. */
  of(cluster: string = this.clusters.defaultName): TopicDirectory {
    let directory = this.#byCluster.get(cluster);
    if (directory === undefined) {
      directory = new TopicDirectory(this.clusters.get(cluster), this.names, this.clock);
      this.#byCluster.set(cluster, directory);
    }
    return directory;
  }
}
