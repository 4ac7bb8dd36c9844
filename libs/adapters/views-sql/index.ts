export { SqliteViewTables } from './sqlite-view-tables.js';
