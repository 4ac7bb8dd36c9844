import { MemoryRegistryStore, registryStoreContract } from './testing/index.js';

registryStoreContract('the store of the tests', async () => ({
  store: new MemoryRegistryStore(),
  dispose: async () => undefined,
}));
