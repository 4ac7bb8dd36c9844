import type { AppError } from '#libs/core/kernel';
import type { PartitionRef } from './topic.js';

/** A broker as its cluster tells it to clients. A log of one machine is the one broker of a cluster of one. */
export interface BrokerDescription {
  /** The cluster's own number for it. */
  readonly id: number;
  /** Where clients that speak the cluster's own protocol reach it; null where there is no such protocol. */
  readonly host: string | null;
  readonly port: number | null;
  readonly rack: string | null;
}

/**
 * What an exactly-once commit of a writer rests on (guarantee G32).
 * `one-entry`: a commit is one entry of one journal, whole or absent.
 * `epoch-ended-when-unknown`: a commit is a transaction of the brokers' first transaction protocol, and an outcome that is not known ends the producer's
 * epoch before anybody goes on; without that a late request could tear the next transaction.
 * `epoch-ended-with-each`: a commit is a transaction of the brokers' second protocol, which ends the producer's epoch with each of them.
 */
export type ExactlyOnceBasis = 'one-entry' | 'epoch-ended-when-unknown' | 'epoch-ended-with-each';

export interface ClusterDescription {
  /** The cluster's own id, the same for everybody who asks any of its brokers. */
  readonly id: string;
  /** Broker that acts as controller, or speaks for it; null while nobody is known to. */
  readonly controller: number | null;
  /** By id. Brokers that are down are missing. */
  readonly brokers: readonly BrokerDescription[];
  readonly exactlyOnce: {
    readonly basis: ExactlyOnceBasis;
    /** Level of the feature `transaction.version` the brokers have agreed on: 0 and 1 the first protocol, from 2 on they offer the epoch-bumping one too. Null without brokers. */
    readonly transactionVersion: number | null;
  };
}

/** Where the copies of a partition are. */
export interface PartitionReplicas extends PartitionRef {
  /** Null while no broker leads it. */
  readonly leader: number | null;
  /** Rises with each change of the leader. */
  readonly leaderEpoch: number;
  /** Brokers that should have a copy; the first is the preferred leader. */
  readonly replicas: readonly number[];
  /** Those that have everything that was acknowledged. */
  readonly inSync: readonly number[];
  /** Those that cannot serve their copy now. */
  readonly offline: readonly number[];
}

/** One copy of a partition in a directory of a broker. */
export interface StoredReplica extends PartitionRef {
  readonly sizeBytes: number;
  /** Records this copy is behind the high watermark, or behind the copy it will replace when `moving`. */
  readonly lagRecords: number;
  /** A copy that is being made in this directory and will replace the broker's present one. */
  readonly moving: boolean;
}

/** A directory in which a broker keeps its copies. */
export interface LogDirectory {
  readonly broker: number;
  readonly path: string;
  /** Of the volume; null where the engine does not know. */
  readonly totalBytes: number | null;
  readonly usableBytes: number | null;
  /** By topic and partition. */
  readonly replicas: readonly StoredReplica[];
  /** Why the directory cannot be used; undefined while it can. */
  readonly error?: string;
}

/** What has settings. `all-brokers` are those that hold for every broker which has none of its own. */
export type ConfigResource =
  | { readonly kind: 'topic'; readonly topic: string }
  | { readonly kind: 'broker'; readonly broker: number }
  | { readonly kind: 'all-brokers' };

/** Where a value comes from; Kafka's words. */
export const CONFIG_SOURCES = [
  'DYNAMIC_TOPIC_CONFIG',
  'DYNAMIC_BROKER_CONFIG',
  'DYNAMIC_DEFAULT_BROKER_CONFIG',
  'STATIC_BROKER_CONFIG',
  'DEFAULT_CONFIG',
  'DYNAMIC_BROKER_LOGGER_CONFIG',
  'DYNAMIC_CLIENT_METRICS_CONFIG',
  'DYNAMIC_GROUP_CONFIG',
  'UNKNOWN',
] as const;
export type ConfigSource = (typeof CONFIG_SOURCES)[number];

export const CONFIG_TYPES = [
  'BOOLEAN',
  'STRING',
  'INT',
  'SHORT',
  'LONG',
  'DOUBLE',
  'LIST',
  'CLASS',
  'PASSWORD',
  'UNKNOWN',
] as const;
export type ConfigType = (typeof CONFIG_TYPES)[number];

/** One place a setting gets its value from. Of several the first holds. */
export interface ConfigSynonym {
  /** Its name there: what is `retention.ms` of a topic is `log.retention.ms` of a broker. */
  readonly name: string;
  readonly value: string | null;
  readonly source: ConfigSource;
}

/** A setting in force. */
export interface ConfigEntry {
  readonly name: string;
  /** Null when there is none, and for every sensitive one. */
  readonly value: string | null;
  /** What would hold if it was set nowhere; null when there is no such value, it is sensitive, or not known. */
  readonly default: string | null;
  readonly source: ConfigSource;
  /** Nobody has set it: neither here nor anywhere it could come from. */
  readonly isDefault: boolean;
  readonly readOnly: boolean;
  readonly sensitive: boolean;
  readonly type: ConfigType;
  /** One or two sentences for people, where the engine has them. */
  readonly documentation: string | null;
  /** In order of precedence, the present value's place first. */
  readonly synonyms: readonly ConfigSynonym[];
}

export interface ConfigDescription {
  readonly resource: ConfigResource;
  /** By name. */
  readonly entries: readonly ConfigEntry[];
}

/** Copies of a partition on their way to other brokers. */
export interface Reassignment extends PartitionRef {
  /** All that have or get a copy now; when it is done, these without {@link removing}. */
  readonly replicas: readonly number[];
  readonly adding: readonly number[];
  readonly removing: readonly number[];
}

/** How one partition of a call fared. */
export interface PartitionOutcome extends PartitionRef {
  /** Why nothing was done for this partition. */
  readonly error?: AppError;
}

/** What became of the election of one partition. `not-needed`: the preferred broker leads already. */
export interface ElectionOutcome extends PartitionOutcome {
  readonly outcome: 'elected' | 'not-needed' | 'failed';
}
