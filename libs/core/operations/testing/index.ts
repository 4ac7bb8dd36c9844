export { MemoryLeaseStore } from './memory-lease-store.js';
export { MemoryOperationStore } from './memory-operation-store.js';
