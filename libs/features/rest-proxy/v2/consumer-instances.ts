import { randomUUID } from 'node:crypto';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Clock } from '#libs/core/kernel';
import { MessageCodec } from '#libs/core/registry';
import { ClusterIds } from '../cluster-ids.js';
import { refusal } from '../errors.js';
import { ConsumerInstance } from './consumer-instance.js';
import type { ConsumerOptions } from './consumer-requests.js';

/** An instance nobody has asked anything for so long is gone. */
const IDLE_MS = 300_000;
/** How often members say that they live and hear whether they are to give up partitions, and idle instances are looked for. */
const BEAT_MS = 1_000;
/** Most instances of a process. */
const MOST_INSTANCES = 1_000;

/** The consumer instances of this process, by group and name. They live as long as they are used, and end with the process. */
@Injectable()
export class ConsumerInstances implements OnModuleInit, OnApplicationShutdown {
  readonly #instances = new Map<string, ConsumerInstance>();
  readonly #end = new AbortController();
  #keeping: Promise<void> = Promise.resolve();

  constructor(
    private readonly clusters: ClusterIds,
    private readonly codec: MessageCodec,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.#keeping = this.#keep(this.#end.signal);
  }

  async onApplicationShutdown(): Promise<void> {
    this.#end.abort();
    await this.#keeping;
    const all = [...this.#instances.values()];
    this.#instances.clear();
    await Promise.allSettled(all.map((instance) => instance.close(true)));
  }

  /** @returns its name. @throws 40902 when the group has one of that name; 429 when there are too many. */
  async create(group: string, options: ConsumerOptions): Promise<string> {
    const name = options.name ?? `rest-consumer-${randomUUID()}`;
    const cluster = await this.clusters.standard();
    const key = keyOf(group, name);
    if (this.#instances.has(key))
      throw refusal(40_902, 'Consumer with specified consumer ID already exists in the specified consumer group.');
    if (this.#instances.size >= MOST_INSTANCES)
      throw refusal(429, `There are ${MOST_INSTANCES} consumer instances; delete some, or use another service.`);
    const { codec, clock } = this;
    this.#instances.set(key, new ConsumerInstance({ cluster, codec, clock, group, name, options }));
    return name;
  }

  /** @throws 40403. */
  get(group: string, name: string): ConsumerInstance {
    const instance = this.#instances.get(keyOf(group, name));
    if (instance === undefined) throw refusal(40_403, 'Consumer instance not found.');
    return instance;
  }

  /** @throws 40403, also the second time. */
  async delete(group: string, name: string): Promise<void> {
    const instance = this.get(group, name);
    this.#instances.delete(keyOf(group, name));
    await instance.close(true);
  }

  /** Once: members are heard of, idle instances leave their group. What fails is tried again the next time. */
  async sweep(): Promise<void> {
    const now = this.clock.monotonic();
    const work = [...this.#instances].map(([key, instance]) => {
      const { idleSince } = instance;
      if (idleSince === undefined || now - idleSince < IDLE_MS) return instance.beat();
      this.#instances.delete(key);
      // Whoever forgot it may not have worked on what it was given last.
      return instance.close(false);
    });
    await Promise.allSettled(work);
  }

  async #keep(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await this.clock.sleep(BEAT_MS, signal);
        await this.sweep();
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

function keyOf(group: string, name: string): string {
  return JSON.stringify([group, name]);
}
