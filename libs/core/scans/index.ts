export { type RecordFold, type ScanControl } from './read-ranges.js';
export { ScanLifetime } from './scan-lifetime.js';
export { ScanPruning } from './scan-pruning.js';
export { ScanHandler, type ScanFold, type ScanTools } from './scan-handler.js';
export { partsOf, ScanStore, type ScanPart } from './scan-store.js';
export { isOpen, rangesOf, unread, type ScannedRange, type ScanRange, type ScanTrouble } from './scan.js';
export { type Survey, type SurveyedPartition } from './survey.js';
export { SchemaCheckHandler, type SchemaCheckTools } from './checks/check-handler.js';
export { SchemaChecks, type CheckResult, type SchemaChecksTools } from './checks/schema-checks.js';
export { ReplayHandler, type ReplayTools } from './replay/replay-handler.js';
export { type ReplayFailure, type WriterCount } from './replay/replay-tally.js';
export { SchemaReplays, type ReplayedPartition, type ReplayResult } from './replay/schema-replays.js';
export type { RecordSamples, SampleCounts, SampleFailure } from './samples/record-samples.js';
export { TopicSamples, type SampledPartition, type SampledTopic, type SampleRequest } from './samples/topic-samples.js';
export { Census, isWhole, type CensusPartition, type PartitionCount, type UnnamedCount } from './usage/census.js';
export { IdUsages, type CarrierUsage, type IdUsage } from './usage/id-usages.js';
export {
  SchemaUsages,
  type CensusLimits,
  type RecordUsage,
  type SchemaUsageTools,
  type VersionUsage,
} from './usage/schema-usages.js';
export type { NameTotal, ScanTotals, TotalsPage } from './usage/scan-totals.js';
export { UsageTally, type PartTally, type RangeTally } from './usage/tally.js';
export { UsageHandler } from './usage/usage-handler.js';
export type { TopicBinding, TopicConsumer, UsageReason, UsageVerdict, VersionFacts } from './usage/verdict.js';
