import { operationStoreSuites } from './testing/operation-store-suites.js';
import { freshPostgresStore } from './testing/index.js';

operationStoreSuites('PostgreSQL', freshPostgresStore, (fresh) => fresh.reopen());
