import { importStagingContract, MemoryImportStaging } from './testing/index.js';

importStagingContract('memory', async () => ({ staging: new MemoryImportStaging(), dispose: async () => undefined }));
