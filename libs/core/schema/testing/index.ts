export {
  conformanceCases,
  type CanonicalCase,
  type CaseSchema,
  type ParseCase,
  type ReferencedCase,
  type VerdictCase,
} from './conformance-cases.js';
export { schemaEngineContract, type EngineUnderTest } from './schema-engine-contract.js';
