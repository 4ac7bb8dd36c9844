import { viewStoreSuite } from '#libs/core/streams/testing';
import { freshSqliteStore } from './testing/index.js';
import { SqlViewStore } from './view-store.js';

viewStoreSuite('SQLite', async () => {
  const { store, dispose } = await freshSqliteStore();
  return { store: new SqlViewStore(store), dispose };
});
