import { AppError } from '#libs/core/kernel';

/** Error codes of the protocol that decisions here depend on. Source: the protocol's error table (kafka.apache.org/protocol). */
export const CODE = {
  OFFSET_OUT_OF_RANGE: 1,
  CORRUPT_MESSAGE: 2,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_OR_FOLLOWER: 6,
  REQUEST_TIMED_OUT: 7,
  MESSAGE_TOO_LARGE: 10,
  OFFSET_METADATA_TOO_LARGE: 12,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INVALID_TOPIC: 17,
  RECORD_LIST_TOO_LARGE: 18,
  NOT_ENOUGH_REPLICAS: 19,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
  ILLEGAL_GENERATION: 22,
  INCONSISTENT_GROUP_PROTOCOL: 23,
  UNKNOWN_MEMBER_ID: 25,
  INVALID_SESSION_TIMEOUT: 26,
  REBALANCE_IN_PROGRESS: 27,
  TOPIC_AUTHORIZATION_FAILED: 29,
  GROUP_AUTHORIZATION_FAILED: 30,
  CLUSTER_AUTHORIZATION_FAILED: 31,
  INVALID_TIMESTAMP: 32,
  TOPIC_ALREADY_EXISTS: 36,
  INVALID_PARTITIONS: 37,
  INVALID_REPLICATION_FACTOR: 38,
  INVALID_REPLICA_ASSIGNMENT: 39,
  INVALID_CONFIG: 40,
  NOT_CONTROLLER: 41,
  INVALID_REQUEST: 42,
  POLICY_VIOLATION: 44,
  OUT_OF_ORDER_SEQUENCE_NUMBER: 45,
  DUPLICATE_SEQUENCE_NUMBER: 46,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  CONCURRENT_TRANSACTIONS: 51,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
  SECURITY_DISABLED: 54,
  KAFKA_STORAGE_ERROR: 56,
  UNKNOWN_PRODUCER_ID: 59,
  NON_EMPTY_GROUP: 68,
  GROUP_ID_NOT_FOUND: 69,
  FENCED_LEADER_EPOCH: 74,
  UNKNOWN_LEADER_EPOCH: 75,
  UNSUPPORTED_COMPRESSION_TYPE: 76,
  OFFSET_NOT_AVAILABLE: 78,
  MEMBER_ID_REQUIRED: 79,
  PREFERRED_LEADER_NOT_AVAILABLE: 80,
  GROUP_MAX_SIZE_REACHED: 81,
  FENCED_INSTANCE_ID: 82,
  ELECTION_NOT_NEEDED: 84,
  NO_REASSIGNMENT_IN_PROGRESS: 85,
  INVALID_RECORD: 87,
  UNSTABLE_OFFSET_COMMIT: 88,
  THROTTLING_QUOTA_EXCEEDED: 89,
  PRODUCER_FENCED: 90,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(CODE).map(([name, code]) => [code, name]));

export function nameOfCode(code: number): string {
  return NAMES.get(code) ?? `error ${code}`;
}

/** Codes that go away by themselves: leaders and coordinators moving, replicas catching up, markers being written. */
const PASSING: ReadonlySet<number> = new Set([
  CODE.UNKNOWN_TOPIC_OR_PARTITION,
  CODE.LEADER_NOT_AVAILABLE,
  CODE.NOT_LEADER_OR_FOLLOWER,
  CODE.REQUEST_TIMED_OUT,
  CODE.COORDINATOR_LOAD_IN_PROGRESS,
  CODE.COORDINATOR_NOT_AVAILABLE,
  CODE.NOT_COORDINATOR,
  CODE.NOT_ENOUGH_REPLICAS,
  CODE.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  CODE.NOT_CONTROLLER,
  CODE.CONCURRENT_TRANSACTIONS,
  CODE.KAFKA_STORAGE_ERROR,
  CODE.FENCED_LEADER_EPOCH,
  CODE.UNKNOWN_LEADER_EPOCH,
  CODE.OFFSET_NOT_AVAILABLE,
  CODE.UNSTABLE_OFFSET_COMMIT,
  CODE.THROTTLING_QUOTA_EXCEEDED,
]);

/** Codes of a producer that was replaced, or forgotten, by the transaction coordinator. */
const FENCED: ReadonlySet<number> = new Set([
  CODE.INVALID_PRODUCER_EPOCH,
  CODE.PRODUCER_FENCED,
  CODE.INVALID_PRODUCER_ID_MAPPING,
  CODE.INVALID_TXN_STATE,
]);

const DENIED: ReadonlySet<number> = new Set([
  CODE.TOPIC_AUTHORIZATION_FAILED,
  CODE.GROUP_AUTHORIZATION_FAILED,
  CODE.CLUSTER_AUTHORIZATION_FAILED,
  CODE.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
]);

/** A broker's answer that is an error. */
export class KafkaRefusal extends Error {
  constructor(
    /** The request, as `Produce to orders/3`. */
    readonly what: string,
    readonly errorCode: number,
    detail?: string | null,
  ) {
    super(`${what}: ${nameOfCode(errorCode)}${detail ? `: ${detail}` : ''}`);
    this.name = 'KafkaRefusal';
  }

  get passing(): boolean {
    return PASSING.has(this.errorCode);
  }

  get fenced(): boolean {
    return FENCED.has(this.errorCode);
  }

  get denied(): boolean {
    return DENIED.has(this.errorCode);
  }
}

/** No answer: the connection could not be made, broke, or stayed silent. Whether the broker acted is not known when `sent`. */
export class KafkaSilence extends Error {
  constructor(
    readonly what: string,
    /** false: the request never left this process. */
    readonly sent: boolean,
    cause: unknown,
  ) {
    super(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'KafkaSilence';
  }
}

/** Throws when a code is not 0. */
export function expectNone(what: string, code: number, detail?: string | null): void {
  if (code !== 0) throw new KafkaRefusal(what, code, detail);
}

/** Whether the same request may succeed a moment later. */
export function isPassing(error: unknown): boolean {
  return error instanceof KafkaSilence || (error instanceof KafkaRefusal && error.passing);
}

export const clusterUnavailable = (cluster: string, cause: unknown): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'cluster-unavailable',
    message: `Kafka cluster '${cluster}' does not answer as it should: ${cause instanceof Error ? cause.message : String(cause)}`,
    details: { cluster },
    retryable: true,
    retryAfterMs: 1_000,
    cause,
  });

export const clusterUnsupported = (cluster: string, why: string): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'cluster-unsupported',
    message: `Kafka cluster '${cluster}' cannot be used: ${why}.`,
    hint: 'Use Apache Kafka 3.9 or later in the 3.x and 4.x lines.',
    details: { cluster },
  });

export const clusterAccessDenied = (cluster: string, what: string, cause: unknown): AppError =>
  new AppError({
    kind: 'forbidden',
    code: 'cluster-access-denied',
    message: `Kafka cluster '${cluster}' does not allow this service: ${what}.`,
    hint: 'Check the credentials and the ACLs of the service at the cluster.',
    details: { cluster },
    cause,
  });

/** What a caller of the port is told about a failure that has no closer name. Application errors pass through. */
export function asAppError(cluster: string, error: unknown): unknown {
  if (error instanceof KafkaRefusal) {
    return error.denied ? clusterAccessDenied(cluster, error.message, error) : clusterUnavailable(cluster, error);
  }
  if (!(error instanceof KafkaSilence)) return error;
  return isAuthenticationFailure(error)
    ? clusterAccessDenied(cluster, 'the brokers refuse its credentials', error)
    : clusterUnavailable(cluster, error);
}

/** Whether the client library gave up a connection because the broker refused the credentials, by its error code at any depth. */
function isAuthenticationFailure(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 8) return false;
  if ('code' in error && error.code === 'PLT_KFK_AUTHENTICATION') return true;
  const inner = error instanceof AggregateError ? [...(error.errors as unknown[]), error.cause] : [error.cause];
  return inner.some((one) => isAuthenticationFailure(one, depth + 1));
}
