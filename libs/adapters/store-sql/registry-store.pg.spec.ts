import { registryFeedContract, registrySearchContract, registryStoreContract } from '#libs/core/registry/testing';
import { SqlRegistryStore } from './registry-store.js';
import { freshPostgresStore } from './testing/index.js';

const open = async () => {
  const fresh = await freshPostgresStore();
  return {
    store: new SqlRegistryStore(fresh.store),
    another: async () => {
      const store = await fresh.reopen();
      return { store: new SqlRegistryStore(store), close: () => store.close() };
    },
    dispose: fresh.dispose,
  };
};

registryStoreContract('PostgreSQL', open);
registryFeedContract('PostgreSQL', open);
registrySearchContract('PostgreSQL', open);
