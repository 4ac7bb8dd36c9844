import { Injectable } from '@nestjs/common';
import { type AppError, isAppError } from '#libs/core/kernel';
import {
  type AccessRule,
  type AccessRuleFilter,
  beforeMoves,
  type ClusterAdministration,
  Clusters,
  type ConfigDescription,
  type ConfigResource,
  type ElectionOutcome,
  type LogDirectory,
  type LogEngine,
  MAX_REASSIGNED,
  type PartitionOutcome,
  type PartitionRef,
  type PartitionReplicas,
  type PlannedElection,
  type PlannedMove,
  planElection,
  planReassignment,
  type ReassignmentTarget,
} from '#libs/core/log';
import { isProblem } from './cluster-views.js';

/** What a plan means, and with what it was begun. Without outcomes it was not. */
export interface BegunMoves {
  readonly planned: readonly PlannedMove[];
  readonly outcomes?: readonly PartitionOutcome[];
}

export interface HeldElection {
  readonly planned: readonly PlannedElection[];
  readonly outcomes?: readonly ElectionOutcome[];
}

/** The configured clusters and their administration. */
@Injectable()
export class ClustersService {
  constructor(private readonly clusters: Clusters) {}

  get defaultName(): string {
    return this.clusters.defaultName;
  }

  /** Those that are present. */
  names(): readonly string[] {
    return this.clusters.present();
  }

  /** The others, each with why it is not there. */
  away(): readonly { readonly name: string; readonly reason: AppError }[] {
    const present = new Set(this.clusters.present());
    return this.clusters.names().flatMap((name) => {
      if (present.has(name)) return [];
      try {
        this.clusters.get(name);
        return [];
      } catch (error) {
        if (isAppError(error)) return [{ name, reason: error }];
        throw error;
      }
    });
  }

  /** @throws `cluster-not-found`, `cluster-unavailable`. */
  engine(cluster: string): LogEngine {
    return this.clusters.get(cluster);
  }

  async directories(cluster: string, broker: number | undefined): Promise<readonly LogDirectory[]> {
    return await this.#of(cluster).describeLogDirectories(broker === undefined ? undefined : [broker]);
  }

  async config(cluster: string, resource: ConfigResource): Promise<ConfigDescription> {
    const [described] = await this.#of(cluster).describeConfigs([resource]);
    return described!;
  }

  async alterConfig(
    cluster: string,
    resource: ConfigResource,
    changes: Readonly<Record<string, string | null>>,
    validateOnly: boolean,
  ): Promise<ConfigDescription> {
    await this.#of(cluster).alterConfig(resource, changes, { validateOnly });
    return await this.config(cluster, resource);
  }

  async replicas(
    cluster: string,
    topic: string | undefined,
    problemsOnly: boolean,
  ): Promise<readonly PartitionReplicas[]> {
    const replicas = await this.#of(cluster).describeReplicas(topic === undefined ? undefined : [topic]);
    return problemsOnly ? replicas.filter(isProblem) : replicas;
  }

  async reassign(cluster: string, targets: readonly ReassignmentTarget[], dryRun: boolean): Promise<BegunMoves> {
    const administration = this.#of(cluster);
    const topics = targets.map((one) => one.topic);
    const [replicas, moving, { brokers }] = await Promise.all([
      administration.describeReplicas(topics),
      administration.listReassignments(targets),
      administration.describeCluster(),
    ]);
    const planned = planReassignment(
      targets,
      beforeMoves(replicas, moving),
      brokers.map((one) => one.id),
    );
    return dryRun ? { planned } : { planned, outcomes: await administration.reassign(targets) };
  }

  async cancelReassignments(
    cluster: string,
    partitions: readonly PartitionRef[],
  ): Promise<readonly PartitionOutcome[]> {
    return await this.#of(cluster).cancelReassignments(partitions);
  }

  /** Of the partitions named, or of those that need an election. */
  async elect(
    cluster: string,
    partitions: readonly PartitionRef[] | undefined,
    dryRun: boolean,
  ): Promise<HeldElection> {
    const administration = this.#of(cluster);
    const replicas = await administration.describeReplicas(partitions?.map((one) => one.topic));
    const all = planElection(partitions ?? replicas, replicas);
    const planned =
      partitions === undefined ? all.filter((one) => one.would !== 'not-needed').slice(0, MAX_REASSIGNED) : all;
    return dryRun ? { planned } : { planned, outcomes: await administration.electPreferredLeaders(planned) };
  }

  async accessRules(cluster: string, filter: AccessRuleFilter): Promise<readonly AccessRule[]> {
    return await this.#of(cluster).listAccessRules(filter);
  }

  #of(cluster: string): ClusterAdministration {
    return this.engine(cluster).administration;
  }
}
