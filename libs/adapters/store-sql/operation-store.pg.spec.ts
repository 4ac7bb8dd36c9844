import { operationEngineSuite } from './testing/operation-engine-suite.js';
import { operationStoreSuites } from './testing/operation-store-suites.js';
import { freshPostgresStore, type FreshStore } from './testing/index.js';

const another = (fresh: FreshStore) => fresh.reopen();

operationStoreSuites('PostgreSQL', freshPostgresStore, another);
operationEngineSuite('PostgreSQL', freshPostgresStore, another);
