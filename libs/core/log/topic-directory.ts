import { AppError, type Clock, isAppError } from '#libs/core/kernel';
import type { Appended, Clusters, LogEngine } from './engine.js';
import { topicNotFound } from './errors.js';
import { generationOf, physicalName } from './generation.js';
import type { TopicDescription } from './topic.js';
import type { TopicNames } from './topic-names.js';

/** A logical topic and the physical one behind it now. */
export interface ResolvedTopic {
  readonly logical: string;
  readonly generation: number;
  readonly physical: string;
  readonly description: TopicDescription;
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
    const generation = await this.generation(logical);
    const physical = physicalName(logical, generation);
    try {
      return { logical, generation, physical, description: await this.engine.describeTopic(physical) };
    } catch (error) {
      throw isAppError(error, 'topic-not-found') ? topicNotFound(logical) : error;
    }
  }

  /** Every logical topic, by name, each at its present generation; internal topics (`__` prefix) and other generations left out. */
  async list(): Promise<readonly ResolvedTopic[]> {
    const moved = new Map((await this.names.list(this.engine.logId)).map((row) => [row.logical, row.generation]));
    const resolved: ResolvedTopic[] = [];
    for (const description of await this.engine.listTopics()) {
      const { logical, generation } = generationOf(description.name);
      if (logical.startsWith('__') || generation !== (moved.get(logical) ?? 1)) continue;
      resolved.push({ logical, generation, physical: description.name, description });
    }
    return resolved.sort((a, b) => (a.logical < b.logical ? -1 : 1));
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
