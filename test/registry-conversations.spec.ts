import { SqlRegistryStore } from '#libs/adapters/store-sql';
import { freshSqliteStore } from '#libs/adapters/store-sql/testing';
import { transcriptsSuite } from '#libs/features/registry/testing';

transcriptsSuite('on SQLite', async () => {
  const fresh = await freshSqliteStore();
  return { store: new SqlRegistryStore(fresh.store), dispose: () => fresh.dispose() };
});
