import Database from 'better-sqlite3';
import type {
  CellValue,
  RefusedPlace,
  RefusedRecord,
  ViewDefinition,
  ViewPositions,
  ViewQuery,
  ViewRows,
} from '#libs/core/streams';
import { QuerySql, type Statement } from './query-sql.js';
import { listsOf, nextOf, rowOf } from './row-values.js';
import { SQLITE } from './sqlite-dialect.js';
import { placed, positionsIn, type PlacedView } from './sqlite-positions.js';

/** A connection that cannot write and hands out every integer as bigint. */
export function openReader(path: string): Database.Database {
  const reader = new Database(path, { readonly: true });
  reader.pragma('query_only = true');
  reader.pragma('trusted_schema = false');
  reader.defaultSafeIntegers(true);
  return reader;
}

/** Answers pages of rows through a connection that cannot write. Each call blocks the thread it is made in. */
export class SqliteReader {
  readonly #reader: Database.Database;

  constructor(path: string) {
    this.#reader = openReader(path);
  }

  positions(id: string, view: PlacedView): ViewPositions {
    return this.#reader.transaction(() => positionsIn(this.#reader, id, view))();
  }

  query(id: string, view: ViewDefinition, query: ViewQuery): ViewRows {
    const sql = new QuerySql(id, view, SQLITE);
    return this.#reader.transaction((): ViewRows => {
      const positions = positionsIn(this.#reader, id, placed(view));
      const found: CellValue[][] = [];
      for (const part of sql.page(query)) {
        found.push(...all(this.#reader, part));
        if (found.length > query.limit) break;
      }
      const page = found.slice(0, query.limit);
      const lists = query.children.map((child) =>
        listsOf(
          view,
          child,
          all(
            this.#reader,
            sql.children(
              child,
              page.map((cells) => String(cells[0])),
            ),
          ),
        ),
      );
      const rows = page.map((cells) => rowOf(view, query, cells, lists));
      const count = query.count ? { count: Number(all(this.#reader, sql.count(query))[0]![0]) } : {};
      return { rows, next: nextOf(query, found), positions, ...count };
    })();
  }

  refused(id: string, limit: number): readonly (RefusedRecord & RefusedPlace)[] {
    const rows = this.#reader
      .prepare(
        'select source, generation, partition, "offset", code, message from weir_refused where view = ? order by number limit ?',
      )
      .all(id, limit);
    return (rows as Record<string, unknown>[]).map((row) => ({
      source: Number(row['source']),
      generation: Number(row['generation']),
      partition: Number(row['partition']),
      offset: Number(row['offset']),
      code: String(row['code']),
      message: String(row['message']),
    }));
  }

  close(): void {
    this.#reader.close();
  }
}

function all(database: Database.Database, statement: Statement): CellValue[][] {
  return database
    .prepare(statement.sql)
    .raw()
    .all(...statement.values) as CellValue[][];
}
