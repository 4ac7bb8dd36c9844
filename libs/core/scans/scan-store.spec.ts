import { MemoryScanStore, scanStoreContract } from './testing/index.js';

scanStoreContract('memory', async () => ({ scans: new MemoryScanStore(), dispose: async () => undefined }));
