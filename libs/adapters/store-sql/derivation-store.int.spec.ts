import { derivationStoreSuite } from '#libs/core/streams/testing';
import { SqlDerivationStore } from './derivation-store.js';
import { freshSqliteStore } from './testing/index.js';

derivationStoreSuite('SQLite', async () => {
  const { store, dispose } = await freshSqliteStore();
  return { store: new SqlDerivationStore(store), dispose };
});
