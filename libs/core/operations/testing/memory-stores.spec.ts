import { ManualClock } from '#libs/core/kernel/testing';
import { leaseStoreContract } from './lease-store-contract.js';
import { MemoryLeaseStore } from './memory-lease-store.js';
import { MemoryOperationStore } from './memory-operation-store.js';
import { operationStoreContract } from './operation-store-contract.js';

leaseStoreContract('MemoryLeaseStore', () => {
  const clock = new ManualClock();
  return Promise.resolve({
    leases: new MemoryLeaseStore(clock),
    elapse: (ms) => Promise.resolve(clock.advance(ms)),
    close: () => Promise.resolve(),
  });
});

operationStoreContract('MemoryOperationStore', () => {
  const store = new MemoryOperationStore();
  return Promise.resolve({ store, other: store, close: () => Promise.resolve() });
});
