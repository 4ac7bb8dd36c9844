import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import {
  NASTY,
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

it('a value of which queries make nothing would be a command if it were put into the text of a statement', () => {
  const database = new Database(':memory:');
  try {
    database.exec('create table weir_views (a); create table named (a)');
    database.exec(`insert into named values ('${NASTY}')`);
    expect(database.prepare("select name from sqlite_schema where type = 'table'").all()).toEqual([{ name: 'named' }]);
  } finally {
    database.close();
  }
});
