export { freshPostgresStore, freshSqliteStore, postgresUrl, type FreshStore } from './fresh-store.js';
export { migratedSqliteText, sqliteText } from './sqlite-text.js';
