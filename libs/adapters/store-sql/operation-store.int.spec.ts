import { operationStoreSuites } from './testing/operation-store-suites.js';
import { freshSqliteStore } from './testing/index.js';

// One process has the file: the other instance is the same store.
operationStoreSuites('SQLite', freshSqliteStore, (fresh) => Promise.resolve(fresh.store));
