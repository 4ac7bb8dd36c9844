import { PostgresViewTables } from './postgres-view-tables.js';
import { freshDatabase } from './testing/fresh-database.js';
import { viewReadsContract } from './testing/view-reads-contract.js';
import type { WorldTables } from './testing/view-world.js';

async function postgresTables(): Promise<WorldTables> {
  const database = await freshDatabase();
  const tables = await PostgresViewTables.open({ url: database.url, schema: 'weir_views' });
  const dispose = async (): Promise<void> => {
    await tables.close();
    await database.dispose();
  };
  return { tables, dispose };
}

viewReadsContract('PostgreSQL', postgresTables);
