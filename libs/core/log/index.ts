export {
  BatchEncoder,
  encodeBatch,
  frameBatch,
  MAX_RECORD_HEAD_BYTES,
  maxRecordSize,
  type BatchFacts,
  type BatchProducer,
  type EncodeOptions,
} from './batch-encoder.js';
export { BatchChecks } from './record-loops/batch-checks.js';
export { BatchDealer, type Dealt, type HashedTargets } from './record-loops/batch-dealer.js';
export { decodeBatch, RecordCursor, recordsFrom, type DecodedBatch, type DecodeOptions } from './batch-decoder.js';
export {
  batchesIn,
  BATCH_HEADER_BYTES,
  BATCH_PREFIX_BYTES,
  readBatchHeader,
  stampAppendTime,
  stampBatch,
  verifyBatch,
  type BatchFault,
  type BatchHeader,
  type BatchSlice,
} from './batch-header.js';
export { acceptBatch, appendRulesOf, type AcceptedBatch, type AppendOrigin, type AppendRules } from './append-rules.js';
export {
  DEFAULT_MAX_BATCH_BYTES,
  detachBatch,
  isWholeBatch,
  MOST_HEADER_BYTES,
  recompressBatch,
  validateForAppend,
  type AppendLimits,
} from './batch-validation.js';
export { BUILT_IN_CODECS } from './built-in-codecs.js';
export {
  COMPRESSION_IDS,
  COMPRESSIONS,
  CompressionCodecs,
  compressionName,
  DECOMPRESSION_LIMITS,
  type CompressionCodec,
  type CompressionName,
  type DecompressionLimits,
} from './compression.js';
export {
  Clusters,
  LogEngine,
  LogWriter,
  type Appended,
  type AppendOptions,
  type FetchedPartition,
  type FetchPosition,
  type FetchRequest,
  type GroupPosition,
  type LogCapabilities,
  type WriterAppend,
  type WriterCheckpoint,
  type WriterCommit,
} from './engine.js';
export { FetchMemory } from './fetch-memory.js';
export {
  ClusterAdministration,
  type AdministrationCapabilities,
  type AlterConfigOptions,
} from './cluster-administration.js';
export {
  ACL_OPERATIONS,
  ACL_PATTERN_TYPES,
  ACL_PERMISSIONS,
  ACL_RESOURCE_TYPES,
  type AccessRule,
  type AccessRuleFilter,
  type NewAccessRule,
} from './access-rules.js';
export {
  CONFIG_SOURCES,
  CONFIG_TYPES,
  type BrokerDescription,
  type ClusterDescription,
  type ConfigDescription,
  type ConfigEntry,
  type ConfigResource,
  type ConfigSource,
  type ConfigSynonym,
  type ConfigType,
  type ElectionOutcome,
  type ExactlyOnceBasis,
  type LogDirectory,
  type PartitionOutcome,
  type PartitionReplicas,
  type Reassignment,
  type StoredReplica,
} from './cluster-description.js';
export {
  beforeMoves,
  MAX_REASSIGNED,
  planElection,
  planReassignment,
  type PlannedElection,
  type PlannedMove,
  type ReassignmentTarget,
} from './reassignment.js';
export { SINGLE_BROKER, SingleBrokerAdministration, type SingleBrokerFacts } from './single-broker.js';
export {
  GROUP_LIMITS,
  GroupMember,
  type AssignedPartition,
  type AssignmentStrategy,
  type GroupDescription,
  type GroupListing,
  type GroupMemberDescription,
  type GroupState,
  type GroupUpdate,
  type JoinGroup,
} from './group-membership.js';
export {
  assignmentOf,
  checkJoin,
  ClassicGroup,
  CONSUMER_PROTOCOL,
  CoordinatedMember,
  GroupCoordinator,
  LocalLink,
  type CoordinatorLink,
  type GroupGenerations,
  type GroupProtocol,
  type GroupRefusal,
  type JoinOutcome,
  type JoinRequest,
  type MemberClaim,
  type SyncOutcome,
  type SyncRequest,
} from './groups/index.js';
export { strongerOf, type Durability } from './durability.js';
export * as logErrors from './errors.js';
export { generationOf, isReservedName, physicalName, type Generation } from './generation.js';
export {
  isEmptyRange,
  KeyPlacement,
  MAX_PLACED_KEYS,
  overlapping,
  partitionerFault,
  partitionerText,
  samePartitioner,
  type CustomPartitioner,
  type KeyRange,
  type PartitionerSpec,
  type SaltedPartitioner,
} from './key-placement.js';
export { keyOfText, keyText } from './key-text.js';
export {
  DEFAULT_PARTITIONER,
  fnv1a,
  murmur2,
  PARTITIONER_NAMES,
  partitionerInPlaceOf,
  partitionerOf,
  RoundRobinPartitions,
  StickyPartitions,
  type KeylessPartitions,
  type Partitioner,
  type PartitionerInPlace,
  type PartitionerName,
} from './partitioner.js';
export {
  checkDeletable,
  checkDeletePosition,
  decideDeletion,
  dropsOldRecords,
  type DeletableTopic,
  type DeletedRecords,
  type DeletePosition,
  type DeleteRecordsOptions,
} from './record-deletion.js';
export {
  compactionRules,
  dueCompaction,
  segmentGroups,
  type CompactableSegment,
  type CompactionFacts,
  type CompactionRules,
  type CompactionScope,
} from './compaction.js';
export { compactBatch, emptiedBatch, type CompactionPass } from './compacted-batch.js';
export { LatestOffsets } from './latest-offsets.js';
export {
  HOLDING_WORK,
  holdFor,
  holdTopic,
  releaseAbandonedHolds,
  releaseHold,
  type HoldingWork,
} from './operation-holds.js';
export {
  checkHold,
  lowestHold,
  NOT_HELD,
  type HeldFrom,
  type HeldPosition,
  type RetentionHold,
} from './retention-hold.js';
export {
  retainedFrom,
  retentionRules,
  type RetainableSegment,
  type RetentionFacts,
  type RetentionRules,
} from './retention.js';
export { DIGEST_NUMBERS, digestRecord, DigestSum, type RecordRanges, writeDigest } from './record-digest.js';
export {
  checkTopicConfig,
  integerSetting,
  isCompacted,
  textSetting,
  TOPIC_SETTINGS,
  type TopicSetting,
  type TopicSettingType,
} from './topic-config.js';
export {
  checkNoTwin,
  checkTopicName,
  checkUserTopicName,
  INTERNAL_PREFIX,
  isInternalTopic,
  MAX_TOPIC_NAME,
  topicNameFault,
  twinOf,
} from './topic-name.js';
export { NO_TIMESTAMP, type LogRecord, type RecordHeader, type StoredRecord } from './record.js';
export { readInt16, readInt32, readInt64, writeInt16, writeInt32, writeInt64 } from './int64.js';
export type { PartitionDescription, PartitionRef, TopicDescription, TopicSpec, TopicState } from './topic.js';
export { knownOffsets, knownRecords, leaderlessPartition } from './leaderless-partition.js';
export { TopicDirectories } from './topic-directories.js';
export {
  isSameTopic,
  TopicDirectory,
  type HoldOptions,
  type OtherLogs,
  type ResolvedTopic,
} from './topic-directory.js';
export { homeOf, isOldName, topicMoved, topicRenamed, type TopicHome, type TopicPlace } from './topic-place.js';
export { UNGUARDED, type TopicDeletion, type TopicGuard } from './topic-guard.js';
export type { DeleteTopic, TopicUse, TopicUser } from './topic-change-rules.js';
export { TopicLifecycle, type TopicChange, type TopicLifecycleOptions, type TopicLoss } from './topic-lifecycle.js';
export { TopicNames, UNKNOWN_OPENING, type NameMove, type Opening, type TopicName } from './topic-names.js';
export { VarintReader, varintSize, varlongSize, writeVarint, writeVarlong } from './varint.js';
export { checkCheckpoint, checkGroup, checkPosition, checkWriterId, COMMIT_LIMITS } from './commit-checks.js';
export { checkProducerName, LAST_PRODUCER_EPOCH, successorOf, type ProducerIdentity } from './producer-identity.js';
export {
  handedOverPositions,
  NOBODY_RESTS,
  type HandedOverGroup,
  type HandOver,
  type RestingGroups,
} from './hand-over.js';
export {
  FIRST_LEASE_NOTE,
  IN_HAND_NOTE,
  isLeaseNoted,
  isWorkNoted,
  LEASE_NOTE,
  leaseDigest,
  leaseWriterId,
} from './lease-notes.js';
export { isLeaseRest, leaseRestKey, leaseRestsIn, storeLeaseRest, type LeaseRest } from './lease-rest.js';
export { KEPT_BATCHES, ProducerStates, type ProducedBatch, type ProducerState } from './producer-states.js';
export {
  TopicSets,
  type ApplyTopicsOptions,
  type DeclaredTopic,
  type SettingChange,
  type TopicBasis,
  type TopicOutcome,
  type TopicRefusal,
  type TopicSetPlan,
} from './topic-set.js';
export { checkMorePartitions, checkNewTopic, checkPartitionCount } from './new-topic.js';
export {
  AtomicProducer,
  type AtomicallyProduced,
  type AtomicProducerParts,
  type AtomicRequest,
  type Idempotency,
} from './atomic/atomic-producer.js';
export type { ProducedRecord } from './partition-groups.js';
export { cursorOfAnother, formatReadCursor, parseReadCursor, READ_CURSOR_KEY, type ReadCursor } from './read-cursor.js';
export { formatPositionToken, parsePositionToken, type PositionToken } from './position-token.js';
export { TopicProducer, type KeyDeriver, type Produced, type ProduceOutcome } from './topic-producer.js';
export {
  cutPage,
  TopicReader,
  type PartitionRecord,
  type ReadFrom,
  type ReadLimits,
  type ReadPage,
  type ReadUntil,
  type ReadVector,
} from './topic-reader.js';
