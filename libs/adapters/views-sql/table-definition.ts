import { aggregatesOf, storedFields, type ColumnType, type ViewDefinition } from '#libs/core/streams';
import { aggregate, cell, tableName } from './physical-names.js';

/** Tables of all views: who may write, where each stands, and what was set aside. `position` rows of a source are replaced as a whole. */
export const CATALOGUE = `
  create table if not exists weir_views (
    id text not null primary key,
    epoch integer not null,
    commits integer not null
  ) without rowid;
  create table if not exists weir_positions (
    view text not null,
    source integer not null,
    partition integer not null,
    generation integer not null,
    next integer not null,
    primary key (view, source, partition)
  ) without rowid;
  create table if not exists weir_refused (
    number integer primary key,
    view text not null,
    source integer not null,
    generation integer not null,
    partition integer not null,
    "offset" integer not null,
    code text not null,
    message text not null,
    unique (view, source, generation, partition, "offset")
  );
`;

/** SQLite's type for a column: only its affinity counts, and none may change what a cell holds. */
function affinity(type: ColumnType): string {
  switch (type) {
    case 'integer':
    case 'boolean':
    case 'timestamp':
      return 'integer';
    case 'real':
      return 'real';
    case 'text':
    case 'decimal':
    case 'json':
      return 'text';
  }
}

/** The statements that make the tables of a view; each may be repeated. */
export function tablesOf(id: string, view: ViewDefinition): string[] {
  const statements: string[] = [];
  for (let source = 0; source <= view.joins.length; source++) {
    const table = tableName(id, source);
    const columns = ['identity text not null primary key'];
    storedFields(view, source).forEach((field, index) => columns.push(`${cell(index)} ${affinity(field.type)}`));
    if (source === 0) {
      aggregatesOf(view).forEach((_, index) => {
        const { n, sum, low, high } = aggregate(index);
        columns.push(`${n} integer not null`, `${sum} not null`, low, high);
      });
    }
    statements.push(`create table if not exists ${table} (${columns.join(', ')}) without rowid`);
  }
  // The key columns come first among the stored fields; they are what rows are looked up by.
  view.key.forEach((_, index) =>
    statements.push(`create index if not exists ${tableName(id, 0)}_k${index} on ${tableName(id, 0)} (${cell(index)})`),
  );
  return statements;
}
