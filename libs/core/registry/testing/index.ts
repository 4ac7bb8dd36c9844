export { MemoryRegistryStore } from './memory-registry-store.js';
export { registryStoreContract, type StoreUnderTest } from './registry-store-contract.js';
