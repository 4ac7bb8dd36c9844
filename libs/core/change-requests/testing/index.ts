export {
  changeRequestStoreContract,
  submittedRequest,
  type ChangeRequestStoreUnderTest,
} from './change-request-store-contract.js';
export { MemoryChangeRequestStore } from './memory-change-request-store.js';
