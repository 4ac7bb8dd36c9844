export { derivationStoreSuite, type DerivationStoreSubject } from './derivation-store-suite.js';
export { MemoryDerivationStore } from './memory-derivation-store.js';
