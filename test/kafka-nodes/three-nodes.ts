import { setTimeout as delay } from 'node:timers/promises';
import { type KafkaLogOptions, openKafkaLog } from '#libs/adapters/log-kafka';
import type { LogEngine, PartitionRef } from '#libs/core/log';
import { WallClock } from '#libs/core/log/testing';
import { type KafkaNode, type KafkaService, startKafka } from '../../scripts/services/kafka.mjs';

/** How long a cluster on a busy machine may take to come to what it must come to. */
const PATIENCE_MS = 120_000;

/** Three brokers on loopback, each of which may be killed and come back, and the engines opened on them. */
export class ThreeNodes {
  readonly #engines: LogEngine[] = [];
  /** By which the state of the cluster is looked at. */
  readonly #onlooker: LogEngine;

  private constructor(
    readonly service: KafkaService,
    onlooker: LogEngine,
  ) {
    this.#onlooker = onlooker;
    this.#engines.push(onlooker);
  }

  static async start(): Promise<ThreeNodes> {
    // Which broker leads is for the tests to say: the controller's own look at that, every five minutes, could come between.
    const service = await startKafka({ nodes: 3, properties: { 'auto.leader.rebalance.enable': false } });
    try {
      return new ThreeNodes(service, await opened(service));
    } catch (error) {
      await service.stop();
      throw error;
    }
  }

  async open(options: Partial<KafkaLogOptions> = {}): Promise<LogEngine> {
    const engine = await opened(this.service, options);
    this.#engines.push(engine);
    return engine;
  }

  async stop(): Promise<void> {
    try {
      for (const engine of this.#engines) await engine.close();
    } finally {
      await this.service.stop();
    }
  }

  node(id: number | null): KafkaNode {
    const found = this.service.nodes.find((one) => one.id === id);
    if (found === undefined) throw new Error(`there is no node ${id}`);
    return found;
  }

  /** The broker that leads a partition now, as a broker that is asked knows it: the others come to know of an election a little later. */
  async leaderOf({ topic, partition }: PartitionRef): Promise<KafkaNode> {
    const replicas = await this.#onlooker.administration.describeReplicas([topic]);
    return this.node(replicas.find((one) => one.partition === partition)?.leader ?? null);
  }

  /** Resolves once a partition is led by a broker for which `isSo` answers true. */
  async untilLed(ref: PartitionRef, by: string, isSo: (leader: KafkaNode) => boolean): Promise<void> {
    await until(`${ref.topic}/${ref.partition} is led by ${by}`, async () => isSo(await this.leaderOf(ref)));
  }

  /** Starts what was killed, lets go on what was paused, and waits until all serve and every copy of every topic is in sync. Does no harm to a cluster that is whole. */
  async makeWhole(): Promise<void> {
    const { nodes } = this.service;
    for (const node of nodes) {
      if (node.running) process.kill(node.pid!, 'SIGCONT');
      else node.start();
    }
    for (const node of nodes) await node.untilServing(nodes.length);
    await until('every copy is in sync', async () => {
      const replicas = await this.#onlooker.administration.describeReplicas();
      return replicas.every((one) => one.leader !== null && one.inSync.length === one.replicas.length);
    });
  }
}

function opened(service: KafkaService, options: Partial<KafkaLogOptions> = {}): Promise<LogEngine> {
  return openKafkaLog({
    name: 'three',
    bootstrapServers: service.bootstrapServers.split(','),
    clock: new WallClock(),
    ...options,
  });
}

/** Waits for what a cluster does by itself. Calls that fail meanwhile count as "not yet". */
export async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      if (await isSo()) return;
    } catch (error) {
      last = error;
    }
    await delay(50);
  }
  throw new Error(`waited in vain until ${what}`, { cause: last });
}
