import type { AccessRule, AccessRuleFilter, NewAccessRule } from './access-rules.js';
import type {
  ClusterDescription,
  ConfigDescription,
  ConfigResource,
  ElectionOutcome,
  LogDirectory,
  PartitionOutcome,
  PartitionReplicas,
  Reassignment,
} from './cluster-description.js';
import type { ReassignmentTarget } from './reassignment.js';
import type { PartitionRef } from './topic.js';

/** What the administration of an engine reaches, as data. */
export interface AdministrationCapabilities {
  /** Brokers have settings that can be seen and changed. */
  readonly brokerConfigs: boolean;
  /** There may be several brokers: copies can be moved, leaders elected. */
  readonly replication: boolean;
  /** The engine keeps access rules of its own. Without, access is this service's alone. */
  readonly accessRules: boolean;
}

export interface AlterConfigOptions {
  /** Only say whether it would be taken. */
  readonly validateOnly?: boolean;
}

/**
 * What a log is made of and how that is changed: brokers, settings, copies, leaders, sizes, access rules. Part of every {@link LogEngine}; topics are physical ones.
 * Descriptions are as of now and not atomic over several calls. Where an answer is a list, it is ordered as documented, so that two equal states answer alike.
 */
export abstract class ClusterAdministration {
  abstract describeCluster(): Promise<ClusterDescription>;

  /** Copies of all partitions of these topics, or of all topics; by topic and partition. @throws `topic-not-found`. */
  abstract describeReplicas(topics?: readonly string[]): Promise<readonly PartitionReplicas[]>;

  /** Every directory of these brokers, or of all, with the sizes of the copies in it; by broker and path. @throws `broker-not-found`. */
  abstract describeLogDirectories(brokers?: readonly number[]): Promise<readonly LogDirectory[]>;

  /** Settings in force, in the order asked for. @throws `topic-not-found`, `broker-not-found`. */
  abstract describeConfigs(resources: readonly ConfigResource[]): Promise<readonly ConfigDescription[]>;

  /**
   * Sets or (with null) unsets settings of one resource: all of them or none. Harmless to repeat.
   * @throws `topic-not-found`, `broker-not-found`, `invalid-topic-config`, `invalid-broker-config`.
   */
  abstract alterConfig(
    resource: ConfigResource,
    changes: Readonly<Record<string, string | null>>,
    options?: AlterConfigOptions,
  ): Promise<void>;

  /** Moves under way, of these partitions or of all; by topic and partition. @throws `topic-not-found`. */
  abstract listReassignments(partitions?: readonly PartitionRef[]): Promise<readonly Reassignment[]>;

  /**
   * Begins to move copies; the moves go on by themselves and are seen in {@link listReassignments}. A partition that is moving already goes to the new target.
   * Answers in the order of the targets. The number of copies stays what it is. Harmless to repeat.
   * @throws `topic-not-found`, `partition-not-found`, `broker-not-found`, `invalid-reassignment`: nothing was begun.
   */
  abstract reassign(targets: readonly ReassignmentTarget[]): Promise<readonly PartitionOutcome[]>;

  /** Ends moves and goes back to the copies before; after several targets they may be in another order. A partition that is not moving answers `no-reassignment`. @throws as {@link reassign}. */
  abstract cancelReassignments(partitions: readonly PartitionRef[]): Promise<readonly PartitionOutcome[]>;

  /**
   * Hands the lead of these partitions to their preferred brokers. Answers in the order given; `leader-not-available` where the preferred broker is down or behind.
   * Harmless to repeat.
   * @throws `topic-not-found`, `partition-not-found`: nothing was done.
   */
  abstract electPreferredLeaders(partitions: readonly PartitionRef[]): Promise<readonly ElectionOutcome[]>;

  /**
   * Access rules the engine enforces on those who come to its brokers directly, in a stable order.
   * @throws `access-rules-not-kept` where it enforces none, also when the brokers have been given no authorizer.
   */
  abstract listAccessRules(filter?: AccessRuleFilter): Promise<readonly AccessRule[]>;

  /**
   * Stores access rules, and resolves when every broker known shows them. They are judged one by one: when one is refused, others may have been stored. A rule that
   * is there already is no error, so a repetition is harmless.
   * @throws `access-rules-not-kept`, `invalid-access-rule`.
   */
  abstract createAccessRules(rules: readonly NewAccessRule[]): Promise<void>;

  /**
   * Deletes every rule that matches; what is absent matches everything, so an empty filter deletes all. Answers those deleted, ordered as {@link listAccessRules}
   * does, and resolves when no broker known shows them any more. A repetition finds nothing and answers nothing. A rule that went with an attempt whose answer was
   * lost is answered all the same; one that somebody else deleted in that moment may be answered too.
   * @throws `access-rules-not-kept`.
   */
  abstract deleteAccessRules(filter: AccessRuleFilter): Promise<readonly AccessRule[]>;
}
