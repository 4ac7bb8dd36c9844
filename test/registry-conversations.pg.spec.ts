import { SqlRegistryStore } from '#libs/adapters/store-sql';
import { freshPostgresStore } from '#libs/adapters/store-sql/testing';
import { transcriptsSuite } from '#libs/features/registry/testing';

transcriptsSuite('on PostgreSQL', async () => {
  const fresh = await freshPostgresStore();
  return { store: new SqlRegistryStore(fresh.store), dispose: () => fresh.dispose() };
});
