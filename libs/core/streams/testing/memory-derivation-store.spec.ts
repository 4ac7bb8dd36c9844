import { derivationStoreSuite } from './derivation-store-suite.js';
import { MemoryDerivationStore } from './memory-derivation-store.js';

derivationStoreSuite('in memory', async () => ({ store: new MemoryDerivationStore() }));
