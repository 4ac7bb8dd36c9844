import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  viewEvolutionContract,
  viewFoldContract,
  viewQueriesContract,
  viewTablesContract,
  type ViewTablesSubject,
} from '#libs/core/streams/testing';
import { SqliteViewTables } from './sqlite-view-tables.js';

async function open(): Promise<ViewTablesSubject> {
  const directory = await mkdtemp(join(tmpdir(), 'weir-views-'));
  const path = join(directory, 'views.sqlite');
  let tables = new SqliteViewTables(path);
  return {
    tables,
    reopen: async () => {
      await tables.close();
      return (tables = new SqliteViewTables(path));
    },
    dispose: async () => {
      await tables.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

viewTablesContract('SQLite', open);
viewQueriesContract('SQLite', open);
viewFoldContract('SQLite', open);
viewEvolutionContract('SQLite', open);
