export { MemoryScanStore } from './memory-scan-store.js';
export { rangeHoldPromises, type RetainingLog } from './range-hold-promises.js';
export { scanStoreContract, type ScanStoreUnderTest } from './scan-store-contract.js';
export { MemoryClusters, namedByGuid, namedById, ScanWorld } from './scan-world.js';
