import { AppError } from '#libs/core/kernel';
import type { PartitionRef } from './topic.js';

export * from './group-errors.js';

/** Every failure of the log but those of groups, which have a page of their own. Codes are public. */

export const topicNotFound = (topic: string): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'topic-not-found',
    message: `Topic '${topic}' does not exist.`,
    details: { topic },
  });

export const topicExists = (topic: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'topic-exists',
    message: `Topic '${topic}' exists already.`,
    details: { topic },
  });

export const invalidTopicName = (topic: string, rule: string): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-topic-name',
    message: `'${topic}' cannot be a topic name: ${rule}.`,
    hint: 'Use 1 to 249 characters of a-z, A-Z, 0-9, dot, underscore and hyphen.',
    details: { topic },
  });

export const invalidTopicConfig = (key: string, rule: string, hint?: string): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-topic-config',
    message: `Topic setting '${key}' ${rule}.`,
    hint,
    details: { key },
  });

export const invalidBrokerConfig = (key: string, rule: string): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-broker-config',
    message: `Broker setting '${key}' ${rule}.`,
    details: { key },
  });

export const brokerNotFound = (broker: number, known: readonly number[]): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'broker-not-found',
    message: `The cluster has no broker ${broker} now.`,
    hint: `Brokers: ${known.join(', ')}.`,
    details: { broker, known },
  });

export const invalidReassignment = (rule: string): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-reassignment',
    message: `The copies cannot be moved so: ${rule}.`,
  });

export const noReassignment = ({ topic, partition }: PartitionRef): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'no-reassignment',
    message: `No copy of ${topic}/${partition} is on its way to another broker.`,
    details: { topic, partition },
  });

export const leaderNotAvailable = ({ topic, partition }: PartitionRef, why: string): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'leader-not-available',
    message: `The preferred broker of ${topic}/${partition} cannot lead now: ${why}.`,
    details: { topic, partition },
    retryable: true,
    retryAfterMs: 1_000,
  });

export const accessRulesNotKept = (why: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'access-rules-not-kept',
    message: `The cluster keeps no access rules: ${why}.`,
  });

export const invalidAccessRule = (rule: string): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-access-rule',
    message: `The access rule cannot be kept: ${rule}.`,
  });

export const invalidReplication = (rule: string): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-replication',
    message: `The copies of the topic cannot be placed so: ${rule}.`,
  });

export const tooManyPartitions = (asked: number, limit: number): AppError =>
  new AppError({
    kind: 'too-large',
    code: 'too-many-partitions',
    message: `${asked} partitions are more than the limit of ${limit}.`,
    details: { limit, measured: asked },
  });

export const invalidPartitionCount = (asked: number, rule: string): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-partition-count',
    message: `A partition count of ${asked} is not possible: ${rule}.`,
    details: { asked },
  });

export const partitionNotFound = (topic: string, partition: number, count: number): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'partition-not-found',
    message: `Topic '${topic}' has no partition ${partition}; it has partitions 0 to ${count - 1}.`,
    details: { topic, partition, partitions: count },
  });

export const topicFenced = (topic: string, state: string): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'topic-fenced',
    message: `Topic '${topic}' is ${state} and takes no appends.`,
    hint: 'A cutover is in progress or the topic was frozen; try again shortly.',
    details: { topic, state },
    retryable: true,
    retryAfterMs: 1_000,
  });

/** For reads; appends to such a topic are refused as {@link topicFenced}. */
export const topicBrownedOut = (topic: string): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'topic-browned-out',
    message: `Topic '${topic}' is BROWNED_OUT: it is neither read nor written, and nothing of it is deleted.`,
    hint: 'Set the topic ACTIVE again if it is still needed.',
    details: { topic },
  });

export const offsetOutOfRange = (
  topic: string,
  partition: number,
  offset: number,
  start: number,
  end: number,
): AppError =>
  new AppError({
    kind: 'gone',
    code: 'offset-out-of-range',
    message: `Offset ${offset} of ${topic}/${partition} is outside the retained range ${start} to ${end}.`,
    details: { topic, partition, offset: String(offset), startOffset: String(start), endOffset: String(end) },
  });

/** Records that neither retention nor a request may delete. */
export const recordsKept = (
  ref: PartitionRef,
  rule: string,
  details: Readonly<Record<string, unknown>> = {},
): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'records-kept',
    message: `Records of ${ref.topic}/${ref.partition} cannot be deleted: ${rule}.`,
    details: { topic: ref.topic, partition: ref.partition, ...details },
  });

export const invalidBatch = (why: string, details: Readonly<Record<string, unknown>> = {}): AppError =>
  new AppError({ kind: 'invalid', code: 'invalid-batch', message: `The record batch is not valid: ${why}.`, details });

/** `details` name record, timestamp and the range, where the engine tells. */
export const invalidTimestamp = (why: string, details: Readonly<Record<string, unknown>> = {}): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-timestamp',
    message: `A timestamp is not what the topic takes: ${why}. Nothing was appended.`,
    hint: 'Look at the clock of the writer. message.timestamp.after.max.ms and message.timestamp.before.max.ms of the topic say what it takes.',
    details,
  });

export const corruptBatch = (why: string, details: Readonly<Record<string, unknown>> = {}): AppError =>
  new AppError({
    kind: 'internal',
    code: 'corrupt-batch',
    message: `A stored record batch is damaged: ${why}.`,
    details,
  });

export const batchTooLarge = (bytes: number, limit: number): AppError =>
  new AppError({
    kind: 'too-large',
    code: 'batch-too-large',
    message: `The record batch of ${bytes} bytes is larger than the limit of ${limit}.`,
    details: { limit, measured: bytes },
  });

export const invalidRecord = (why: string, details: Readonly<Record<string, unknown>> = {}): AppError =>
  new AppError({ kind: 'invalid', code: 'invalid-record', message: `A record cannot be encoded: ${why}.`, details });

export const unsupportedCompression = (compression: string, supported: readonly string[]): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'unsupported-compression',
    message: `Compression '${compression}' is not supported here.`,
    hint: `Use one of: ${supported.join(', ')}.`,
    details: { compression, supported },
  });

export const decompressionLimit = (compressedBytes: number, limit: number): AppError =>
  new AppError({
    kind: 'too-large',
    code: 'decompression-limit',
    message: `A record batch of ${compressedBytes} compressed bytes holds more than the ${limit} bytes it may grow to.`,
    hint: 'Send smaller batches.',
    details: { limit, compressedBytes },
  });

export const partitionDegraded = (topic: string, partition: number, offset: number): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'partition-degraded',
    message: `Partition ${topic}/${partition} is damaged at offset ${offset}; earlier records can be read, appends are refused.`,
    hint: 'Restore the partition from a backup, or accept the loss explicitly.',
    details: { topic, partition, offset: String(offset) },
  });

export const writerFenced = (id: string, epoch: number): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'writer-fenced',
    message: `Writer '${id}' of epoch ${epoch} was replaced by a later session.`,
    details: { writer: id, epoch },
  });

/** The session was closed, or is dead after an unknown outcome. */
export const writerClosed = (id: string, epoch: number): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'writer-closed',
    message: `The session of writer '${id}' of epoch ${epoch} has ended.`,
    hint: 'Open a new session and read its checkpoints.',
    details: { writer: id, epoch },
  });

/** `known`: the epoch that replaced it, where the engine tells. */
export const staleProducerEpoch = (producerId: number, epoch: number, known?: number): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'stale-producer-epoch',
    message: `Producer ${producerId} of epoch ${epoch} was replaced by ${known === undefined ? 'a later epoch' : `epoch ${known}`}; nothing was appended.`,
    hint: 'Another program opened a producer under the same name. One of the two should stop.',
    details: { producerId: String(producerId), epoch, ...(known === undefined ? {} : { known }) },
  });

/** `expected`: the sequence that is next, where the engine tells. */
export const outOfOrderSequence = (producerId: number, sequence: number, expected?: number): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'out-of-order-sequence',
    message: `Producer ${producerId} sent sequence ${sequence} where ${expected === undefined ? 'another one' : expected} is next; nothing was appended.`,
    hint: 'A batch is missing in between, or this one was written long ago.',
    details: { producerId: String(producerId), sequence, ...(expected === undefined ? {} : { expected }) },
  });

/** A made-up id could one day be given to somebody else, whose batches would then be taken for repetitions. */
export const unknownProducer = (producerId: number): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'unknown-producer',
    message: `This log has given no producer the id ${producerId}; nothing was appended.`,
    hint: 'Open a producer of this log, or append the batch without one.',
    details: { producerId: String(producerId) },
  });

export const tooManyProducers = (limit: number): AppError =>
  new AppError({
    kind: 'exhausted',
    code: 'too-many-producers',
    message: `The log remembers ${limit} producers of partitions, which is its limit; nothing was appended.`,
    hint: 'Use fewer producers for longer. One that does not write for a day is forgotten.',
    details: { limit },
    retryable: true,
    retryAfterMs: 60_000,
  });

export const invalidProducerName = (name: string): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-producer-name',
    message: `'${name.slice(0, 200)}' cannot be the name of a producer.`,
    hint: 'Use 1 to 200 characters of a-z, A-Z, 0-9, dot, underscore and hyphen.',
  });

export const invalidWriterId = (id: string): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-writer-id',
    message: `'${id.slice(0, 200)}' cannot be the id of a writer.`,
    hint: 'Use 1 to 200 characters of a-z, A-Z, 0-9, dot, underscore and hyphen.',
  });

export const invalidPosition = (position: PartitionRef, rule: string): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-position',
    message: `The position in ${position.topic}/${position.partition} is not valid: ${rule}.`,
    details: { topic: position.topic, partition: position.partition },
  });

export const invalidCheckpoint = (key: string, rule: string): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-checkpoint',
    message: `The checkpoint '${key.slice(0, 249)}' is not valid: ${rule}.`,
    details: { key: key.slice(0, 249) },
  });

export const outcomeUnknown = (what: string, cause?: unknown): AppError =>
  new AppError({
    kind: 'unavailable',
    code: 'outcome-unknown',
    message: `It is not known whether ${what} took effect.`,
    hint: 'Read back before repeating it.',
    cause,
  });

export const logClosed = (): AppError =>
  new AppError({ kind: 'unavailable', code: 'log-closed', message: 'The log is closed.', retryable: true });

export const logLocked = (directory: string): AppError =>
  new AppError({
    kind: 'conflict',
    code: 'log-locked',
    message: `The data directory ${directory} is in use by another process.`,
    hint: 'Stop the other process, or choose another directory with WEIR_DATA_DIR.',
    details: { directory },
  });

export const clusterNotFound = (cluster: string, known: readonly string[]): AppError =>
  new AppError({
    kind: 'not-found',
    code: 'cluster-not-found',
    message: `Cluster '${cluster}' is not configured.`,
    hint: `Configured clusters: ${known.join(', ')}.`,
    details: { cluster, known },
  });
