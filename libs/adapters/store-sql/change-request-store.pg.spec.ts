import { changeRequestStoreContract } from '#libs/core/change-requests/testing';
import { SqlChangeRequestStore } from './change-request-store.js';
import { freshPostgresStore } from './testing/index.js';

changeRequestStoreContract('PostgreSQL', async () => {
  const { store, dispose } = await freshPostgresStore();
  return { requests: new SqlChangeRequestStore(store), dispose };
});
