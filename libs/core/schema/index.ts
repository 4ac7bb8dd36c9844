export { AvroCodec } from './avro/codec.js';
export type { SchemaField } from './avro/fields.js';
export { AVRO_JSON, PLAIN_JSON, type AvroForm, type AvroJsonMapping } from './avro/mapping.js';
export { AvroResolver } from './avro/resolve.js';
export type { AvroKind } from './avro/tree.js';
export { AvroFormat, AvroSchema, avroSchema } from './avro/avro-format.js';
export { addressHeader, readAddress, type Address, type AddressedPart, type AddressHeader } from './address.js';
export {
  SchemaEngine,
  sourceKey,
  sourceLength,
  type EarlierSource,
  type EngineCodec,
  type EngineEncoder,
  type NewSchemaRules,
  type ReadOptions,
  type SchemaReading,
  type SchemaSource,
  type SourceJudgement,
} from './engine.js';
export {
  ENVELOPE_LENGTH,
  encodeMessageIndexes,
  envelope,
  guidHeader,
  KEY_SCHEMA_HEADER,
  readEnvelope,
  readMessageIndexes,
  VALUE_SCHEMA_HEADER,
  type Envelope,
  type MessageIndexes,
} from './envelope.js';
export {
  envelopeInvalid,
  messageUnknown,
  payloadInvalid,
  schemaInvalid,
  schemaTooComplex,
  schemaTooHeavy,
  schemaTooSlow,
  schemaTooLarge,
  unknownSchemaType,
  valueInvalid,
  valuesInvalid,
} from './errors.js';
export { DIGESTED_LENGTH, type SchemaDigest } from './digest.js';
export { storedSketch } from './equivalence.js';
export { verdictsAtEveryLevel } from './every-level.js';
export {
  fingerprint,
  guidOf,
  type Fingerprint,
  type SchemaContent,
  type SchemaMetadata,
  type SchemaRule,
  type SchemaRuleSet,
} from './fingerprint.js';
export { checkFindings, verdictFindings, type Finding } from './findings.js';
export { NOT_TRANSITIVE, TRANSITIVE_LEVELS, verdictWarnings, type Warning } from './warnings.js';
export {
  COMPATIBILITY_POLICIES,
  SCHEMA_TYPES,
  SchemaFormat,
  type BreakProof,
  type CompatibilityPolicy,
  type CompatibilityRule,
  type Difference,
  type Direction,
  type Doubt,
  type DoubtfulJudgement,
  type Explanation,
  type ParsedSchema,
  type ParseOptions,
  resolvedReferences,
  type ResolvedReference,
  type SchemaReference,
  type SchemaSpot,
  type SchemaType,
  type WarningRule,
} from './format.js';
export { SchemaFormats } from './formats.js';
export { doubleText } from './java-numbers.js';
export { linearPattern, type LinearPattern } from './json-schema/regex.js';
export {
  COMPATIBILITY_LEVELS,
  compatibilityLevel,
  DEFAULT_LEVEL,
  fails,
  judge,
  LEVELS,
  type Check,
  type CompatibilityLevel,
  type EarlierVersion,
  type Judgement,
  type Verdict,
} from './levels.js';
export { SCHEMA_LIMITS, VALUE_DEPTH, type SchemaLimits } from './limits.js';
export { LocalSchemaEngine, type LocalSchemaEngineOptions } from './local-engine.js';
export { INLINE_STEPS, OffloadingSchemaEngine, type OffloadingOptions } from './offloading-engine.js';
export type { SchemaOutline } from './outline.js';
export type { PayloadRewriting, Rewritten, RewrittenPayload } from './rewriting.js';
export type { ReadingFailure, ReadingTrial, TrialFailure, TrialRecord } from './trial.js';
export type { SourcePosition } from './lossless-json.js';
export { verdictMessages, type MessageContext } from './messages.js';
export type { ObjectShape, PropertyField } from './json-schema/fields.js';
export { JsonSchema, JsonSchemaFormat } from './json-schema/json-schema-format.js';
export type { MessageField } from './protobuf/fields.js';
export { indexedMessages, indexesOf, messageAt, type IndexedMessage } from './protobuf/message-indexes.js';
export { ProtobufFormat, ProtobufSchema, protobufSchema } from './protobuf/protobuf-format.js';
export { SchemaCodec, type DecodedPayload, type PayloadEncoder } from './codec.js';
export type { SchemaFields } from './schema-fields.js';
export { schemaCodec } from './standard-codecs.js';
export { standardFormats } from './standard-formats.js';
export { SchemaInference, type FieldStatistics, type InferenceConflict } from './infer/inference.js';
export { INFERENCE_LIMITS } from './infer/observation.js';
export type { ProposalOptions } from './infer/propose-avro.js';
export { SchemaProposals, type SchemaProposal, type Samples } from './infer/schema-proposals.js';
export { jsonNode } from './json-node.js';
export { parseLossless, type JsonMembers, type JsonNode } from './lossless-json.js';
export {
  ExactNumber,
  exactText,
  exactTextInTurns,
  exactValue,
  isPlainJson,
  parseExact,
  parseReadable,
  parseSpelled,
  placeToCut,
  roughLength,
  valueText,
  valueTextInTurns,
} from './exact-json.js';
export type { TagEdit, TaggableKind, TaggedPart } from './tags.js';
export { VersionDigests } from './version-digests.js';
