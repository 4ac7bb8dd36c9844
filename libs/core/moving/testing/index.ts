export { importStagingContract, versionOf, type StagingUnderTest } from './import-staging-contract.js';
export { MemoryImportStaging } from './memory-import-staging.js';
