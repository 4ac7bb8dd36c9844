import { createHash } from 'node:crypto';
import {
  cellKind,
  childTables,
  joinedTables,
  placeOf,
  scaleOf,
  tableShapes,
  type AddedCell,
  type CellKind,
  type ColumnType,
  type TableIndex,
  type ViewColumn,
  type ViewDefinition,
} from '#libs/core/streams';
import { literal } from './literal.js';
import { cell, tableName } from './physical-names.js';
import type { PostgresSchema } from './postgres-schema.js';

/** PostgreSQL's type for a cell. Texts compare by their bytes, as everywhere in the service. */
export const CELL_TYPES: Readonly<Record<CellKind, string>> = {
  integer: 'bigint',
  real: 'double precision',
  text: 'text collate "C"',
};

/** Longest name of anything in PostgreSQL, in bytes. */
const MAX_NAME = 63;

/** A name that may hold anything, as part of a statement. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The name itself, or its beginning with a digest where PostgreSQL would cut it. */
export function readableName(name: string): string {
  if (Buffer.byteLength(name) <= MAX_NAME) return name;
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 8);
  let begin = name;
  while (Buffer.byteLength(begin) > MAX_NAME - 9) begin = [...begin].slice(0, -1).join('');
  return `${begin}_${digest}`;
}

/** The statements that make the tables of a view; each may be repeated. */
export function postgresTablesOf({ data }: PostgresSchema, id: string, view: ViewDefinition): string[] {
  return tableShapes(view).map(({ table, columns }) => {
    const cells = columns.map((type, index) => `${cell(index)} ${CELL_TYPES[cellKind(type)]}`);
    return `create table if not exists ${data}.${tableName(id, table)} (${['identity text collate "C" primary key', ...cells].join(', ')})`;
  });
}

/** The statements that add cells to the tables of a view. @param next the view with them */
export function postgresCellsOf(
  { data }: PostgresSchema,
  id: string,
  next: ViewDefinition,
  cells: readonly AddedCell[],
): string[] {
  const shapes = new Map(tableShapes(next).map((shape) => [shape.table, shape]));
  return cells.map(({ table, cell: place, value }) => {
    const type = CELL_TYPES[cellKind(shapes.get(table)!.columns[place]!)];
    return `alter table ${data}.${tableName(id, table)} add column ${cell(place)} ${type} default ${literal(value)}`;
  });
}

/** The statements that make its indexes of one use; each may be repeated. */
export function postgresIndexesOf(
  { data }: PostgresSchema,
  id: string,
  view: ViewDefinition,
  use: TableIndex['use'],
): string[] {
  return tableShapes(view).flatMap(({ table, indexes }) =>
    indexes.flatMap((index, number) =>
      index.use === use
        ? `create index if not exists ${tableName(id, table)}_i${number} on ${data}.${tableName(id, table)} (${[...index.cells.map(cell), 'identity'].join(', ')})`
        : [],
    ),
  );
}

/** What SQL clients see: by name, what makes it, behind `create`. The rows under the names and with the types their users know, and the lists in them beside the key of the row. */
export function readableViews(schema: PostgresSchema, id: string, view: ViewDefinition): ReadonlyMap<string, string> {
  const selects = new Map([[view.name, rowsOf(schema.data, id, view)]]);
  for (const child of childTables(view)) {
    const key = view.columns.filter((column) => view.key.includes(column.name)).map((column) => named(view, column));
    const columns = child.columns.map(
      ({ name, type, cell: place }) => `${typed(type, `i.${cell(place)}`)} as ${quoted(readableName(name))}`,
    );
    const [items, rows] = [child.table, 0].map((table) => `${schema.data}.${tableName(id, table)}`);
    selects.set(
      `${view.name}_${child.name}`,
      `select ${[...key, `i.${cell(1)} as place`, ...columns].join(', ')} from ${items} i join ${rows} t0 on t0.identity = i.${cell(0)}`,
    );
  }
  return new Map(
    [...selects].map(([name, select]) => {
      const readable = readableName(name);
      return [readable, `view ${schema.views}.${quoted(readable)} as ${select}`];
    }),
  );
}

function rowsOf(data: string, id: string, view: ViewDefinition): string {
  const joins = joinedTables(view).map(
    ({ table, on }) => ` left join ${data}.${tableName(id, table)} t${table} on t${table}.identity = t0.${cell(on)}`,
  );
  const columns = view.columns.map((column) => named(view, column));
  return `select ${columns.join(', ')} from ${data}.${tableName(id, 0)} t0${joins.join('')}`;
}

function named(view: ViewDefinition, column: ViewColumn): string {
  const place = placeOf(view, column);
  return `${typed(column.type, `t${place.table}.${cell(place.cell)}`)} as ${quoted(readableName(column.name))}`;
}

/** From and to which cells of a time PostgreSQL and the calendar of answers have a day for. */
const TIME_LIMITS = {
  timestamp: ['-210866803200000', '8640000000000000'],
  timestamp_us: ['-210866803200000000', '8640000000000000000'],
  date: ['-2440588', '100000000'],
  time: ['0', '86399999999'],
} as const;

/** A time that is none for PostgreSQL is null: one that a record has is not to keep clients from all other rows. */
function within(type: keyof typeof TIME_LIMITS, expression: string, made: string): string {
  const [from, to] = TIME_LIMITS[type];
  return `case when ${expression} between ${from} and ${to} then ${made} end`;
}

/** A cell as the type it stands for. */
function typed(type: ColumnType, expression: string): string {
  const scaled = scaleOf(type);
  if (scaled !== undefined)
    return `(${expression}::numeric / ${10n ** BigInt(scaled.scale)})::numeric(${scaled.precision},${scaled.scale})`;
  switch (type) {
    case 'boolean':
      return `(${expression} <> 0)`;
    case 'timestamp':
      return within('timestamp', expression, `timestamptz 'epoch' + ${expression} * interval '1 millisecond'`);
    case 'timestamp_us':
      return within('timestamp_us', expression, `timestamptz 'epoch' + ${expression} * interval '1 microsecond'`);
    case 'date':
      return within('date', expression, `date '1970-01-01' + ${expression}::int`);
    case 'time':
      return within('time', expression, `time '00:00' + ${expression} * interval '1 microsecond'`);
    case 'uuid':
      return `${expression}::uuid`;
    case 'bytes':
      return `decode(${expression}, 'base64')`;
    case 'decimal':
      return `${expression}::numeric`;
    case 'json':
      // Not jsonb, which cannot hold every text of JSON.
      return `${expression}::json`;
    default:
      return expression;
  }
}
