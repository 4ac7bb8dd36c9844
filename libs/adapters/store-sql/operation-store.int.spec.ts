import { operationEngineSuite } from './testing/operation-engine-suite.js';
import { operationStoreSuites } from './testing/operation-store-suites.js';
import { freshSqliteStore, type FreshStore } from './testing/index.js';

// One process has the file: the other instance is the same store.
const same = (fresh: FreshStore) => Promise.resolve(fresh.store);

operationStoreSuites('SQLite', freshSqliteStore, same);
operationEngineSuite('SQLite', freshSqliteStore, same);
