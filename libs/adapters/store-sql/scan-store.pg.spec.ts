import { scanStoreContract } from '#libs/core/scans/testing';
import { SqlScanStore } from './scan-store.js';
import { freshPostgresStore } from './testing/index.js';

scanStoreContract('PostgreSQL', async () => {
  const { store, dispose } = await freshPostgresStore();
  return { scans: new SqlScanStore(store), dispose };
});
