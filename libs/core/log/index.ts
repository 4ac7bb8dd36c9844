export {
  Clusters,
  LogEngine,
  LogWriter,
  type Appended,
  type AppendOptions,
  type Durability,
  type FetchedPartition,
  type FetchPosition,
  type FetchRequest,
  type GroupDescription,
  type GroupPosition,
  type LogCapabilities,
  type WriterAppend,
  type WriterCommit,
} from './engine.js';
export * as logErrors from './errors.js';
export { generationOf, isReservedName, physicalName, type Generation } from './generation.js';
export { NO_TIMESTAMP, type LogRecord, type RecordHeader, type StoredRecord } from './record.js';
export type { PartitionDescription, PartitionRef, TopicDescription, TopicSpec, TopicState } from './topic.js';
export { TopicDirectories, TopicDirectory, type HoldOptions, type ResolvedTopic } from './topic-directory.js';
export { TopicNames, type TopicName } from './topic-names.js';
