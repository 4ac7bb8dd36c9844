import { Injectable } from '@nestjs/common';
import { isAppError } from '#libs/core/kernel';
import { Clusters, TopicDirectories, type LogEngine, type TopicDirectory } from '#libs/core/log';
import { refusal } from './errors.js';

/** A cluster by the id its clients know it by. */
export interface NamedCluster {
  readonly id: string;
  /** As configured. */
  readonly name: string;
  readonly engine: LogEngine;
  readonly directory: TopicDirectory;
}

/** The clusters by the ids their brokers give. What was learned once stays right, so it is asked for once. */
@Injectable()
export class ClusterIds {
  readonly #ids = new Map<string, Promise<string>>();

  constructor(
    private readonly clusters: Clusters,
    private readonly directories: TopicDirectories,
  ) {}

  /** The cluster that clients see as the only one. */
  standard(): Promise<NamedCluster> {
    return this.#named(this.clusters.defaultName);
  }

  /**
   * Any configured cluster, the default one asked first.
   * @throws 404 in the reference's words for what is below a cluster; `cluster-unavailable` where one whose id is not known does not answer.
   */
  async get(id: string): Promise<NamedCluster> {
    const standard = await this.standard();
    if (standard.id === id) return standard;
    let silent: unknown;
    for (const name of this.clusters.names()) {
      if (name === standard.name) continue;
      try {
        const other = await this.#named(name);
        if (other.id === id) return other;
      } catch (error) {
        silent ??= error;
      }
    }
    if (isAppError(silent, 'cluster-unavailable')) throw silent;
    throw refusal(404, `Cluster ${id} cannot be found.`);
  }

  async #named(name: string): Promise<NamedCluster> {
    const engine = this.clusters.get(name);
    let id = this.#ids.get(name);
    if (id === undefined) {
      id = engine.administration.describeCluster().then((cluster) => cluster.id);
      this.#ids.set(name, id);
      id.catch(() => this.#ids.delete(name));
    }
    return { id: await id, name, engine, directory: this.directories.of(name) };
  }
}
