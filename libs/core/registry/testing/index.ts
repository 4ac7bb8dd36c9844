export { MemoryRegistryStore } from './memory-registry-store.js';
export { registrySearchContract } from './registry-search-contract.js';
export { registryFeedContract } from './registry-feed-contract.js';
export { contentOf, registryStoreContract, type StoreUnderTest } from './registry-store-contract.js';
