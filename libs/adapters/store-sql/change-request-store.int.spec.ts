import { changeRequestStoreContract } from '#libs/core/change-requests/testing';
import { SqlChangeRequestStore } from './change-request-store.js';
import { freshSqliteStore } from './testing/index.js';

changeRequestStoreContract('SQLite', async () => {
  const { store, dispose } = await freshSqliteStore();
  return { requests: new SqlChangeRequestStore(store), dispose };
});
