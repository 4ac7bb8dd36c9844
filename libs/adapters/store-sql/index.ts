export { openSqlStore, type SqlStoreOptions } from './open-sql-store.js';
export { inspectDatabase } from './sqlite-inspection.js';
export { isUniqueViolation } from './sql-errors.js';
export {
  lockClause,
  SqlStore,
  type Dialect,
  type SqlRow,
  type SqlSession,
  type SqlValue,
  type StoreCut,
} from './sql-store.js';
// One line per store, in alphabetical order.
export { SqlAnswerStore } from './answer-store.js';
export { SqlChangeRequestStore } from './change-request-store.js';
export { SqlDerivationStore } from './derivation-store.js';
export { SqlImportStaging } from './import-staging.js';
export { SqlLeaseStore } from './operation-store-leases.js';
export { SqlOperationStore } from './operation-store.js';
export { SqlTopicNames } from './topic-names.js';
export { SqlRegistryStore } from './registry-store.js';
export { SqlServiceKeys } from './service-keys.js';
export { SqlScanStore } from './scan-store.js';
export { SqlViewStore } from './view-store.js';
