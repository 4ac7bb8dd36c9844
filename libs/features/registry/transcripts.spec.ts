import { MemoryRegistryStore } from '#libs/core/registry/testing';
import { transcriptsSuite } from './testing/index.js';

transcriptsSuite('in memory', async () => ({ store: new MemoryRegistryStore(), dispose: async () => undefined }));
