import { importStagingContract } from '#libs/core/moving/testing';
import { SqlImportStaging } from './import-staging.js';
import { freshPostgresStore } from './testing/index.js';

importStagingContract('PostgreSQL', async () => {
  const { store, dispose } = await freshPostgresStore();
  return { staging: new SqlImportStaging(store), dispose };
});
