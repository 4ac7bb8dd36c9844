import { importStagingContract } from '#libs/core/moving/testing';
import { SqlImportStaging } from './import-staging.js';
import { freshSqliteStore } from './testing/index.js';

importStagingContract('SQLite', async () => {
  const { store, dispose } = await freshSqliteStore();
  return { staging: new SqlImportStaging(store), dispose };
});
