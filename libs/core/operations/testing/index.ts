export { leaseStoreContract, type OpenedLeases } from './lease-store-contract.js';
export { MemoryLeaseStore } from './memory-lease-store.js';
export { MemoryOperationStore } from './memory-operation-store.js';
export { operationStoreContract, type OpenedOperations } from './operation-store-contract.js';
export { operationRecord, planDraft, storedPlan } from './records.js';
export { EngineWorld, settle, TestHandler, untilAborted, type PhaseFunctions } from './engine-world.js';
export { chance, MortalProcess } from './mortal-process.js';
