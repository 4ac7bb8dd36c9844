export {
  associationTypeOf,
  ownSubject,
  requireResource,
  type AssociationAction,
  type Resource,
  type SentAssociation,
  type SentResource,
} from './association-request.js';
export {
  RegistryAssociations,
  type AssociationFilter,
  type AssociationOperation,
  type AssociationOptions,
  type AssociationOutcome,
  type AssociationRemoval,
  type AssociationRequest,
} from './associations.js';
export type { Assessment } from './assessment.js';
export { checkCompatibility, type CompatibilityAnswer } from './compatibility.js';
export { HistoryCheck, type CheckState, type SettledCheck } from './history-check.js';
export { CONFIG_MEMBERS, levelOf, type ConfigUpdate } from './config.js';
export type { SettingChange, SettingPreview } from './settings.js';
export { associationInvalid } from './association-errors.js';
export {
  idsExhausted,
  notPermitted,
  referenceNotFound,
  registrationForbidden,
  schemaNotFound,
  stateMoved,
  subjectNotFound,
  versionInvalid,
} from './errors.js';
export * as contractValues from './contract-values.js';
export {
  MessageCodec,
  type DecodedMessage,
  type MessageHeader,
  type MessagePart,
  type MessageWriter,
  type WriterChoice,
} from './message-codec.js';
export {
  REGISTRATION_POLICIES,
  REGISTRY_MODES,
  isSameAssociation,
  latestLive,
  type RegistrationPolicy,
  ASSOCIATION_TYPES,
  LIFECYCLES,
  type Association,
  type AssociationType,
  type Lifecycle,
  type RegistryConfig,
  type RegistryMode,
  type SchemaEntry,
  type SchemaRecord,
  type SchemaUsage,
  type StoredSchema,
  type SubjectState,
  type VersionRow,
} from './model.js';
export { modeNamed } from './modes.js';
export { ReferenceWalk, type ReferenceSource, type SentReference } from './references.js';
export type { SchemaInquiry } from './known-answers.js';
export type { SchemaQuestion } from './checking.js';
export type { LookupOptions, RegisteredVersion, RegisterOptions, SubjectVersion } from './registering.js';
export type { SentRegistration, SentSchema } from './sent-schema.js';
export type { SentRetagging } from './retagging.js';
export { RegistryMessageCodec } from './registry-message-codec.js';
export { type RegistryLimits } from './limits.js';
export { requireValidRuleSet } from './rule-set.js';
export type { DeletionBlock } from './bulk-deletion.js';
export {
  BulkDeletions,
  type CarriedOutDeletion,
  type DeletionPlan,
  type DeletionSelection,
  type PlannedDeletion,
} from './bulk-deletions.js';
export {
  ChangeSets,
  type CarriedOutChangeSet,
  type ChangeOutcome,
  type ChangeRefusal,
  type ChangeSetPlan,
  type SetChange,
} from './change-sets.js';
export { MAX_PLAN_BASES, type AskedPlan, type PlanBasis, type Visible } from './registry-plans.js';
export { RegistryFeed } from './registry-feed.js';
export { Registry, type RegistryOptions, type VersionChoice } from './registry.js';
export { type FoundSchema } from './schema-ids.js';
export {
  SchemaSearch,
  type FoundVersion,
  type SchemaSearchPage,
  type SchemaSearchPosition,
  type SchemaSearchQuestion,
} from './schema-search.js';
export { servedFault, ServedRegistry, type RegistryAmount, type ServedCount } from './served-registry.js';
export { SubjectHistory, type RollbackOptions, type RolledBack } from './subject-history.js';
export type { RegistryViewOptions } from './registry-view.js';
export {
  AFTER_REVISION,
  REGISTRY_EVENTS,
  type EventPosition,
  type RegistryEvent,
  type RegistryEventType,
} from './registry-event.js';
export {
  fieldTerm,
  nameTerm,
  propertyTerm,
  schemaTypeTerm,
  tagTerm,
  TERM_KINDS,
  termsOf,
  type SearchTerm,
  type TermKind,
} from './search-terms.js';
export {
  APPLIED_PLANS_MS,
  identityOf,
  RegistryStore,
  type NameInUse,
  type AppliedChange,
  type AppliedPlan,
  type CarriedPlan,
  type EventsPage,
  type ContextState,
  type AssociationQuery,
  type IdChoice,
  type KeptDigests,
  type KeptSchema,
  type ReferenceTarget,
  type Referrer,
  type RegistryChange,
  type RegistryFact,
  type RegistrySnapshot,
  type ResourceAssociations,
  type SchemasSnapshot,
  type SearchPage,
  type SearchPosition,
  type SubjectListing,
  type SubjectsSnapshot,
  type TakenId,
  type TouchedSince,
  type UnindexedVersion,
  type UsagesSnapshot,
  type VersionSearch,
} from './store.js';
export {
  DEFAULT_CONTEXT,
  GLOBAL_CONTEXT,
  GLOBAL_SCOPE,
  MAX_SUBJECT_BYTES,
  parseSubject,
  requireUsableScope,
  requireUsableSubject,
  sameSubject,
  subjectText,
  type SubjectName,
} from './subject-name.js';
export type { SentReferenced } from './unregistered-schemas.js';
