import { registryStoreContract } from '#libs/core/registry/testing';
import { SqlRegistryStore } from './registry-store.js';
import { freshSqliteStore } from './testing/index.js';

registryStoreContract('SQLite', async () => {
  const fresh = await freshSqliteStore();
  return { store: new SqlRegistryStore(fresh.store), dispose: fresh.dispose };
});
