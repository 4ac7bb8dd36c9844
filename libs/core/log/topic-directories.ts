import { type Clock, isAppError } from '#libs/core/kernel';
import type { Clusters } from './engine.js';
import { type OtherLogs, TopicDirectory } from './topic-directory.js';
import type { TopicNames } from './topic-names.js';
import { homeOf, isSameHome } from './topic-place.js';

/** Moves that a request follows before it gives up: each means that the topic went on while it asked. */
const MOST_MOVES = 16;

/** The directory of each configured cluster. Class and injection token in one. */
export class TopicDirectories implements OtherLogs {
  readonly #byCluster = new Map<string, TopicDirectory>();

  constructor(
    readonly clusters: Clusters,
    private readonly names: TopicNames,
    private readonly clock: Clock,
    /** As of {@link TopicDirectory}, of all logs. */
    private readonly wrote?: (logId: string, ms: number) => void,
  ) {}

  /** The directory of a cluster, of the default one when no name is given. @throws `cluster-not-found`, `cluster-unavailable`. */
  of(cluster: string = this.clusters.defaultName): TopicDirectory {
    let directory = this.#byCluster.get(cluster);
    if (directory === undefined) {
      directory = new TopicDirectory(this.clusters.get(cluster), this.names, this.clock, this, this.wrote);
      this.#byCluster.set(cluster, directory);
    }
    return directory;
  }

  all(): readonly TopicDirectory[] {
    return this.clusters.present().map((name) => this.of(name));
  }

  demandAll(): void {
    for (const name of this.clusters.names()) this.clusters.get(name);
  }

  clusterOf(logId: string): string | undefined {
    const known = this.clusters.present().find((name) => this.clusters.get(name).logId === logId);
    // It may be one of those that are away.
    if (known === undefined) this.demandAll();
    return known;
  }

  /** The clusters that an operation on a topic may belong to: its own, and the one it is arriving from while that move is not finished. */
  async operatedIn(cluster: string, logical: string): Promise<readonly string[]> {
    const place = (await this.of(cluster).nameOf(logical))?.place;
    const from = place?.kind === 'arriving' && place.topic === undefined ? this.clusterOf(place.logId) : undefined;
    return from === undefined ? [cluster] : [cluster, from];
  }

  /** The cluster a topic is in, asked of one that knows its name; that one itself where the topic is not known to be in another of this service. */
  async whereIs(cluster: string, logical: string): Promise<string> {
    return this.clusterOf((await homeOf(this.names, this.of(cluster).engine.logId, logical)).logId) ?? cluster;
  }

  /**
   * The cluster that a position in a topic belongs to, which was given with a log: the one that was named, or else whichever the topic has been in. Undefined where the position is of none of them.
   */
  async clusterOfPosition(cluster: string | undefined, logId: string, logical: string): Promise<string | undefined> {
    const { engine } = this.of(cluster);
    if (engine.logId === logId) return cluster ?? this.clusters.defaultName;
    const other = cluster === undefined ? this.clusterOf(logId) : undefined;
    if (other === undefined) return undefined;
    const [home, itsHome] = [await homeOf(this.names, engine.logId, logical), await homeOf(this.names, logId, logical)];
    return isSameHome(home, itsHome) ? other : undefined;
  }

  /**
   * Does something where a topic is: in the cluster that was named, or else in the default one and wherever the topic has moved from there. `work` is given the cluster's name, and must not have
   * taken effect when it throws `topic-moved`.
   * @throws what `work` throws; `topic-moved` only where a cluster was named, or the topic is in none of this service.
   */
  async following<T>(cluster: string | undefined, work: (cluster: string) => Promise<T>): Promise<T> {
    let at = cluster ?? this.clusters.defaultName;
    for (let moves = 0; ; moves++) {
      try {
        return await work(at);
      } catch (error) {
        const next = cluster === undefined && isAppError(error, 'topic-moved') ? error.details['cluster'] : undefined;
        if (typeof next !== 'string' || moves === MOST_MOVES) throw error;
        at = next;
      }
    }
  }
}
