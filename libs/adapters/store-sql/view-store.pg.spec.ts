import { viewStoreSuite } from '#libs/core/streams/testing';
import { SqlViewStore } from './view-store.js';
import { freshPostgresStore } from './testing/index.js';

viewStoreSuite('PostgreSQL', async () => {
  const { store, dispose } = await freshPostgresStore();
  return { store: new SqlViewStore(store), dispose };
});
