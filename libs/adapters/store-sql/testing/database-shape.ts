import type { QueryRunner } from 'typeorm';

/** What tells two databases apart that should be the same: tables, columns, keys and indices, by name. Types are compared by family. */
export type DatabaseShape = Readonly<Record<string, TableShape>>;

export interface TableShape {
  /** `name family [null]`; like all lists of columns here sorted, since PostgreSQL reports those of keys in any order. */
  readonly columns: readonly string[];
  readonly primaryKey: readonly string[];
  readonly uniques: readonly string[];
  readonly indices: readonly string[];
  readonly foreignKeys: readonly string[];
}

const FAMILIES: Readonly<Record<string, string>> = {
  bigint: 'integer',
  integer: 'integer',
  int: 'integer',
  smallint: 'integer',
  text: 'text',
  varchar: 'text',
  'character varying': 'text',
  blob: 'bytes',
  bytea: 'bytes',
  real: 'real',
  double: 'real',
  'double precision': 'real',
};

/** The shape of the database as it is, TypeORM's own tables left out. */
export async function databaseShape(runner: QueryRunner): Promise<DatabaseShape> {
  const shape: Record<string, TableShape> = {};
  for (const table of await runner.getTables()) {
    const name = table.name.split('.').at(-1)!;
    const path = `${table.schema ?? ''}.${table.name}`;
    if (/^(migrations|typeorm_metadata|pg_.*|sqlite_.*)$/.test(name) || /information_schema|pg_catalog/.test(path))
      continue;
    shape[name] = {
      columns: table.columns
        .map((column) => `${column.name} ${FAMILIES[column.type] ?? column.type}${column.isNullable ? ' null' : ''}`)
        .sort(),
      primaryKey: table.columns
        .filter((column) => column.isPrimary)
        .map((column) => column.name)
        .sort(),
      uniques: table.uniques.map((unique) => `${unique.name} (${[...unique.columnNames].sort().join(', ')})`).sort(),
      indices: table.indices
        .map((index) => `${index.name} (${[...index.columnNames].sort().join(', ')})${index.isUnique ? ' unique' : ''}`)
        .sort(),
      foreignKeys: table.foreignKeys
        .map(
          (key) =>
            `${key.name} (${[...key.columnNames].sort().join(', ')}) -> ${key.referencedTableName.split('.').at(-1)}`,
        )
        .sort(),
    };
  }
  return shape;
}
