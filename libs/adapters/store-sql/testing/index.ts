export { freshPostgresStore, freshSqliteStore, postgresUrl, type FreshStore } from './fresh-store.js';
