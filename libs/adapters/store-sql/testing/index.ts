export {
  freshPostgresDatabase,
  freshPostgresStore,
  freshSqliteStore,
  postgresUrl,
  type FreshDatabase,
  type FreshStore,
} from './fresh-store.js';
export { migratedSqliteText, sqliteText } from './sqlite-text.js';
export { databaseProblems } from '../database-check.js';
