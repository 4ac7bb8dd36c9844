export { MemoryScanStore } from './memory-scan-store.js';
export { scanStoreContract, type ScanStoreUnderTest } from './scan-store-contract.js';
export { MemoryClusters, namedByGuid, namedById, ScanWorld } from './scan-world.js';
