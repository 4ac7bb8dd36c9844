import { derivationStoreSuite } from '#libs/core/streams/testing';
import { SqlDerivationStore } from './derivation-store.js';
import { freshPostgresStore } from './testing/index.js';

derivationStoreSuite('PostgreSQL', async () => {
  const { store, dispose } = await freshPostgresStore();
  return { store: new SqlDerivationStore(store), dispose };
});
