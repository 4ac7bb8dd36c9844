export {
  type ConflictPolicy,
  type DerivationDefinition,
  type DerivationKind,
  type DerivationOrder,
  type DerivationState,
  type DeletionRule,
  type LatePolicy,
  type MergeRule,
  type NullKeyPolicy,
  type StoredDerivation,
} from './derive/derivation.js';
export {
  Derivations,
  type DerivationRequest,
  type DerivationsOptions,
  type DerivationStatus,
} from './derive/derivations.js';
export { DerivationWorker } from './derive/derivation-worker.js';
export { type DerivationCounts, type DerivationProgress } from './derive/derivation-progress.js';
export { LATE_HORIZON_MS } from './derive/derivation-topics.js';
export type { HistoryStatement } from './derive/history-statement.js';
export { DerivedLookups, type DerivedSnapshot } from './derive/derived-lookups.js';
export { DeriveHandler, type DeriveOptions, type DerivePlanRequest } from './derive/derive-handler.js';
export { RebuildHandler, type RebuildOptions } from './derive/rebuild-handler.js';
export { ErasureHandler, type ErasureOptions } from './derive/erasure-handler.js';
export { MAX_ERASED_KEYS } from './derive/erasure-plan.js';
export { DerivationWorkers } from './derive/derivation-workers.js';
export { LatestTable, type LatestRow, type LatestSnapshot } from './derive/latest-table.js';
export { KeyHistory, type KeyVersion, type StateChoice } from './derive/key-history.js';
export type { VersionPlace } from './derive/version-table.js';
export type { ChangeType } from './derive/derived-headers.js';
export { jsonChanges, type JsonChange } from './derive/json-changes.js';
export { NoValueRewriting, ValueRewriting, type StreamSchema } from './derive/value-rewriting.js';
export { JsonValueMerging, mergeMembers, ValueMerging, type RecordValue } from './derive/value-merging.js';
export { derivationExists, derivationNotFound, DerivationStore } from './derive/derivation-store.js';
export { JsonRecordDecoder, RecordDecoder, undecodableRecord } from './record-decoder.js';
export { parseFieldPath, valueAt, type FieldPath } from './field-path.js';
export { type ReaderOn, type ReadersOn } from './readers-gone.js';
export { generationInLog, readerGeneration } from './reader-place.js';
export { SourceReader, type SourceChunk, type SourcePosition } from './source-reader.js';
export {
  cellKind,
  COLUMN_TYPES,
  fromCell,
  hasOrder,
  parseCell,
  parseColumnType,
  scaleOf,
  toCell,
  type CellKind,
  type CellValue,
  type ColumnType,
  type FieldType,
} from './views/column-type.js';
export { knownDeclaration, parseDeclaration, type DeclaredView } from './views/declaration.js';
export { FieldTypes, VIEW_LIMITS, type DeclarationTools } from './views/declaration-form.js';
export { planEvolution, type AddedCell, type EvolutionPlan, type EvolvedDeclaration } from './views/evolution.js';
export { type DeclarationChange } from './views/declaration-changes.js';
export { SeenMembers, type SeenMember } from './views/seen-members.js';
export { mapRecords, type FoldTools, type MappedRecord, type MappedRecords } from './views/fold.js';
export { expiredRows } from './views/housekeeping.js';
export { stepChanges, type StepContext } from './views/step-changes.js';
export { UnwrittenRows } from './views/unwritten-rows.js';
export {
  childTables,
  joinedTables,
  placeOf,
  ROWS,
  tableShapes,
  type CellPlace,
  type TableIndex,
  type TableShape,
} from './views/table-shapes.js';
export {
  AGGREGATES,
  DEFAULT_TARGET,
  sourcesOf,
  UNCHANGED,
  type Aggregate,
  type AggregateColumn,
  type ViewColumn,
  type ViewDefinition,
  type ViewEvolution,
  type ViewJoin,
} from './views/view-definition.js';
export { type Condition, type Filter, type FilterGroup } from './views/filter.js';
export { partsOf as likeParts } from './views/like-pattern.js';
export { formatRowCursor, type RowPlace } from './views/row-cursor.js';
export {
  PAGE,
  parseRowQuery,
  parseViewQuery,
  QUERY_LIMITS,
  QUERY_PARAMETERS,
  WHOLE,
  type Order,
  type QueriedVersion,
  type SelectedChild,
  type ViewQuery,
} from './views/view-query.js';
export {
  isOperated,
  viewEvolved,
  viewExists,
  viewNotFound,
  ViewStore,
  viewWriterFenced,
  type StoredView,
  type ViewRole,
  type ViewState,
} from './views/view-store.js';
export {
  ViewTables,
  type RefusedPlace,
  type RefusedRecord,
  type SourceMove,
  type StoredRows,
  type TableChange,
  type TableRow,
  type TableSearch,
  type TablesEvolution,
  type TablesRevision,
  type ViewPositions,
  type ViewRows,
  type ViewStep,
  type ViewStream,
} from './views/view-tables.js';
export {
  readingStatement,
  SQL_LIMITS,
  sqlBusy,
  sqlRefused,
  sqlTooLong,
  type SqlAnswer,
  type SqlRequest,
} from './views/view-sql.js';
export { RoutedViewTables, type OpenTarget } from './views/routed-view-tables.js';
export { RowsHandler, type RowsHandlerOptions } from './views/rows-handler.js';
export { VersionHandler, type VersionHandlerOptions } from './views/version-handler.js';
export { ViewVersions, type ActivateOptions } from './views/view-versions.js';
export { type VersionComparison } from './views/version-comparison.js';
export { ViewSteps } from './views/view-steps.js';
export { ViewWorker, type Redriven, type ViewFreshness } from './views/view-worker.js';
export { covers, type ReadAtLeast } from './views/read-at-least.js';
export { Views, type Answered, type DeclarationOutcome, type DeclaredStatus, type ViewStatus } from './views/views.js';
export { KeyExpression, type KeyAnswer, type KeyFailure } from './repartition/key-expression.js';
export { RepartitionHandler, type RepartitionOptions } from './repartition/handler.js';
export { MoveHandler } from './move/handler.js';
export { TogetherHandler, MAX_TOGETHER } from './generations/together.js';
export { membersOf, operationOfMember, planOfTopic } from './generations/member-runs.js';
export { consumersOf, type Consumer } from './generations/consumers.js';
export { parkedErrorsOf, parkedRecordsOf, type ParkedCursor, type ParkedPlace } from './generations/parked-list.js';
export { rebuildTopicNames } from './generations/rebuild-names.js';
export { GENERATION_TUNING, type GenerationTuning } from './generations/work.js';
export { MigrationHandler, type MigrationOptions } from './migrate/handler.js';
export { MigrationSamples, type SampledMigration, type SampleRequest, type SampleReport } from './migrate/samples.js';
export { placeFrom, type RecordPlace } from './migrate/sampled-records.js';
export { RehearsalHandler, type RehearsalOptions } from './migrate/rehearsal-handler.js';
export { rawWriter, type RawFormat } from './migrate/raw-values.js';
export { type MigrationTools } from './migrate/plan.js';
export {
  NoSchemaIds,
  SchemaIds,
  type IdSpace,
  type NamedBy,
  type Translated,
  type TranslatedSchema,
} from './migrate/schema-ids.js';
export {
  pipelineOf,
  TransformError,
  type Bindings,
  type ExpressionLanguages,
  type Pipeline,
} from './migrate/pipeline.js';
export { type TransformProgram, type TransformStep } from './migrate/program.js';
export {
  JSON_VALUES,
  JsonRecordValues,
  RecordValues,
  type NamedSchema,
  type ValueFormat,
  type ValueText,
  type ValueWriter,
  type WantedSchema,
} from './migrate/record-values.js';
export {
  invalidTransform,
  Transforms,
  type TransformFailure,
  type TransformInput,
  type TransformOutcome,
} from './migrate/transforms.js';
