export { importStagingContract, versionOf, type StagingUnderTest } from './import-staging-contract.js';
export { MemoryImportStaging } from './memory-import-staging.js';
export { ImportWorld, type KeptImport } from './import-world.js';
export { MemorySourceRegistry } from './memory-source-registry.js';
export { REGISTRY_TOPIC, topicImportSuite, WRITTEN, type Written } from './topic-import-suite.js';
