import { scanStoreContract } from '#libs/core/scans/testing';
import { SqlScanStore } from './scan-store.js';
import { freshSqliteStore } from './testing/index.js';

scanStoreContract('SQLite', async () => {
  const { store, dispose } = await freshSqliteStore();
  return { scans: new SqlScanStore(store), dispose };
});
