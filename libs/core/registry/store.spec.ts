import {
  MemoryRegistryStore,
  registryFeedContract,
  registrySearchContract,
  registryStoreContract,
} from './testing/index.js';

const open = async () => ({ store: new MemoryRegistryStore(), dispose: async () => undefined });

registryStoreContract('a store over maps', open);
registryFeedContract('a store over maps', open);
registrySearchContract('a store over maps', open);
