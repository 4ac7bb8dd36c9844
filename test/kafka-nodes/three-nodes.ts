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

  private constructor(readonly service: KafkaService) {}

  static async start(): Promise<ThreeNodes> {
    return new ThreeNodes(await startKafka({ nodes: 3 }));
  }

  async open(options: Partial<KafkaLogOptions> = {}): Promise<LogEngine> {
    const engine = await openKafkaLog({
      name: 'three',
      bootstrapServers: this.service.bootstrapServers.split(','),
      clock: new WallClock(),
      ...options,
    });
    this.#engines.push(engine);
    return engine;
  }

  async stop(): Promise<void> {
    for (const engine of this.#engines) await engine.close();
    await this.service.stop();
  }

  node(id: number | null): KafkaNode {
    const found = this.service.nodes.find((one) => one.id === id);
    if (found === undefined) throw new Error(`there is no node ${id}`);
    return found;
  }

  /** The broker that leads a partition now. */
  async leaderOf(engine: LogEngine, { topic, partition }: PartitionRef): Promise<KafkaNode> {
    const replicas = await engine.administration.describeReplicas([topic]);
    return this.node(replicas.find((one) => one.partition === partition)?.leader ?? null);
  }

  /** Starts a node again and waits until every copy of every topic is in sync. */
  async bringBack(engine: LogEngine, node: KafkaNode): Promise<void> {
    node.start();
    await node.untilServing(3);
    await until('every copy is in sync', async () => {
      const replicas = await engine.administration.describeReplicas();
      return replicas.every((one) => one.leader !== null && one.inSync.length === one.replicas.length);
    });
  }
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
