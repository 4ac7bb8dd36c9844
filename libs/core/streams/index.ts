export {
  type ConflictPolicy,
  type DerivationDefinition,
  type DerivationState,
  type LatestOrder,
  type NullKeyPolicy,
  type StoredDerivation,
} from './derive/derivation.js';
export { derivationExists, derivationNotFound, DerivationStore } from './derive/derivation-store.js';
export { JsonRecordDecoder, RecordDecoder, undecodableRecord } from './record-decoder.js';
