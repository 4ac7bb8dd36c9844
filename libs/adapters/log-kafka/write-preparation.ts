import { type AppendLimits, type PartitionRef, validateForAppend, type WriterCommit } from '#libs/core/log';
import { checkGroupPositions } from './groups.js';
import type { KafkaCluster, TopicLayout } from './kafka-cluster.js';
import type { Target, TopicStates, WriteLease } from './topic-states.js';

/** What a write may go ahead with. The lease must be ended. */
export interface Preparation {
  readonly layouts: ReadonlyMap<string, TopicLayout>;
  readonly lease: WriteLease;
}

/** Everything that is decided before a write leaves this process: places, batches, positions, states. */
export class WritePreparation {
  readonly #cluster: KafkaCluster;
  readonly #states: TopicStates;
  readonly #limits: AppendLimits;

  constructor(cluster: KafkaCluster, states: TopicStates) {
    this.#cluster = cluster;
    this.#states = states;
    const { codecs } = cluster.options;
    // How large a batch may be, and whether it needs keys, is the brokers' to say: they know the topic's settings as of now.
    this.#limits = { maxBytes: Number.MAX_SAFE_INTEGER, ...(codecs === undefined ? {} : { codecs }) };
  }

  /** @throws `topic-not-found`, `partition-not-found`, `topic-fenced`, `invalid-batch`, `unsupported-compression`. */
  async ofAppend(to: PartitionRef, batch: Uint8Array, intoFenced: boolean): Promise<Preparation> {
    await this.#states.provide();
    const layout = await this.#cluster.layoutWith(to);
    validateForAppend(batch, { ...this.#limits, boundHeaders: true });
    const layouts = new Map([[to.topic, layout]]);
    return { layouts, lease: await this.#states.lease([{ topic: to.topic, intoFenced }], layouts) };
  }

  /** As {@link ofAppend}; also `invalid-group`, `invalid-position`. */
  async ofCommit({ appends = [], positions = [] }: WriterCommit): Promise<Preparation> {
    for (const { batch } of appends) validateForAppend(batch, { ...this.#limits, anonymous: true });
    for (const { group, ...position } of positions) checkGroupPositions(group, [position]);
    if (appends.length > 0) await this.#states.provide();
    const layouts = new Map<string, TopicLayout>();
    for (const ref of [...appends, ...positions]) layouts.set(ref.topic, await this.#cluster.layoutWith(ref));
    const targets = appends.map(({ topic, intoFenced }): Target => ({ topic, ...(intoFenced ? { intoFenced } : {}) }));
    return { layouts, lease: await this.#states.lease(targets, layouts) };
  }
}
