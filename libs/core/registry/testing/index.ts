export { MemoryRegistryStore } from './memory-registry-store.js';
export { registryFeedContract } from './registry-feed-contract.js';
export { registryStoreContract, type StoreUnderTest } from './registry-store-contract.js';
