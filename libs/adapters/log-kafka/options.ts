import type { Clock } from '#libs/core/kernel';
import type { CompressionCodecs } from '#libs/core/log';

/** Where a broker is reached. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

/** TLS to the brokers. Texts are PEM. */
export interface KafkaTls {
  /** Certificates to trust in place of the system's. */
  readonly ca?: string;
  /** Client certificate, with {@link key}: mutual TLS. */
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
  /** Name the broker's certificate must carry, when it is not the host connected to. */
  readonly serverName?: string;
  /** false: any certificate will do. For tests only. */
  readonly rejectUnauthorized?: boolean;
}

/** Authentication to the brokers. Secrets may be functions, asked at every connection, so that they can change. */
export type KafkaSasl =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
      readonly username: string;
      readonly password: string | (() => string | Promise<string>);
    }
  | { readonly mechanism: 'OAUTHBEARER'; readonly token: string | (() => string | Promise<string>) };

/** Where the adapter says what it does. Messages are constant, facts are plain JSON; no record contents, no secrets. */
export interface KafkaLogLogger {
  info(message: string, facts: Readonly<Record<string, unknown>>): void;
  warn(message: string, facts: Readonly<Record<string, unknown>>): void;
}

/** Bounds, pace and ways. All times in milliseconds. */
export interface KafkaLogSettings {
  /** Longest time for a connection to be made. */
  readonly connectTimeoutMs: number;
  /** Longest time for one answer of a broker; the connection is given up after it. Longer than {@link fetchSliceMs}. */
  readonly requestTimeoutMs: number;
  /** How long a call is repeated while brokers are away, leaders move or coordinators load. */
  readonly retryForMs: number;
  /** First pause before a repetition; it doubles up to 200 ms. */
  readonly retryPauseMs: number;
  /** How long leaders and partition counts are believed. */
  readonly metadataMaxAgeMs: number;
  /** A commit takes at most this long before it is given up; well below {@link transactionTimeoutMs}. */
  readonly commitForMs: number;
  /** After this the coordinator aborts a transaction left open, and fences its writer. */
  readonly transactionTimeoutMs: number;
  /** Longest single long poll at a broker; longer waits are made of several. */
  readonly fetchSliceMs: number;
  /** Most bytes of one Produce request. */
  readonly produceBytes: number;
  /**
   * The fence over several instances of the service: an acknowledgement needs a look at the topic states at most this old, and whoever
   * fences a topic waits this long before it reads the end offsets.
   */
  readonly stateLeaseMs: number;
  /**
   * Transactions: as the brokers have agreed on, or by the first protocol although they have agreed on the second (KIP-890). A session keeps the one it was opened with.
   */
  readonly transactionProtocol: 'agreed' | 'first';
  /** How often a member of a group tells its coordinator that it lives, and learns of a rebalance; at least three times in its session timeout. */
  readonly heartbeatEveryMs: number;
}

export const KAFKA_LOG_SETTINGS: KafkaLogSettings = {
  connectTimeoutMs: 5_000,
  requestTimeoutMs: 20_000,
  retryForMs: 30_000,
  retryPauseMs: 5,
  metadataMaxAgeMs: 3_000,
  commitForMs: 15_000,
  transactionTimeoutMs: 60_000,
  fetchSliceMs: 1_000,
  produceBytes: 8 * 1024 * 1024,
  stateLeaseMs: 500,
  transactionProtocol: 'agreed',
  heartbeatEveryMs: 1_000,
};

export interface KafkaLogOptions {
  /** Name of the cluster in the configuration; for messages and the client id. */
  readonly name: string;
  /** `host:port` of some brokers; the others are learned from them. */
  readonly bootstrapServers: readonly string[];
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
  readonly clock: Clock;
  readonly logger?: KafkaLogLogger;
  /** Compressions whose content is looked at before an append; a batch in another one is refused. All that Kafka knows unless given. */
  readonly codecs?: CompressionCodecs;
  /** Replicas of topics created here, the internal ones too; the brokers' default unless given. */
  readonly replicationFactor?: number;
  /** Where to connect for an address a broker advertises: port forwarding, address translation, a proxy in a test. */
  readonly addressOf?: (advertised: BrokerAddress) => BrokerAddress;
  readonly settings?: Partial<KafkaLogSettings>;
}
