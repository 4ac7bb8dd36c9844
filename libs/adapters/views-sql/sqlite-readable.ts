import {
  childTables,
  joinedTables,
  placeOf,
  scaleOf,
  type ColumnType,
  type ViewColumn,
  type ViewDefinition,
} from '#libs/core/streams';
import { cell, tableName } from './physical-names.js';

/** A name that may hold anything, as part of a statement. */
const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** Statements that let views, and the lists in them, be named as their users name them, for one connection. Of names that differ by case only, which SQLite takes for the same, the first. */
export function readableSqliteViews(
  views: readonly { readonly id: string; readonly view: ViewDefinition }[],
): string[] {
  const named = new Map<string, string>();
  const name = (given: string, select: string): void => {
    if (!named.has(given.toLowerCase()))
      named.set(given.toLowerCase(), `create temp view ${quoted(given)} as ${select}`);
  };
  for (const { id, view } of views) name(view.name, rowsOf(id, view));
  for (const { id, view } of views)
    for (const child of childTables(view)) name(`${view.name}_${child.name}`, childrenOf(id, view, child));
  return [...named.values()];
}

function rowsOf(id: string, view: ViewDefinition): string {
  const columns = view.columns.map((column) => named(view, column));
  const joins = joinedTables(view).map(
    ({ table, on }) => ` left join ${tableName(id, table)} t${table} on t${table}.identity = t0.${cell(on)}`,
  );
  return `select ${columns.join(', ')} from ${tableName(id, 0)} t0${joins.join('')}`;
}

/** The items of a list, beside the key of the row they belong to, and their place. */
function childrenOf(id: string, view: ViewDefinition, child: ReturnType<typeof childTables>[number]): string {
  const key = view.columns.filter((column) => view.key.includes(column.name)).map((column) => named(view, column));
  const columns = child.columns.map(
    ({ name, type, cell: place }) => `${readable(type, `i.${cell(place)}`)} as ${quoted(name)}`,
  );
  const all = [...key, `i.${cell(1)} as place`, ...columns];
  return `select ${all.join(', ')} from ${tableName(id, child.table)} i join ${tableName(id, 0)} t0 on t0.identity = i.${cell(0)}`;
}

function named(view: ViewDefinition, column: ViewColumn): string {
  const place = placeOf(view, column);
  return `${readable(column.type, `t${place.table}.${cell(place.cell)}`)} as ${quoted(column.name)}`;
}

/** A cell as answers show it: times as ISO 8601 text. Decimals are numbers here, so that they can be computed with. */
function readable(type: ColumnType, expression: string): string {
  const scaled = scaleOf(type);
  if (scaled !== undefined) return `(${expression} / 1e${scaled.scale})`;
  switch (type) {
    case 'timestamp':
      return `strftime('%Y-%m-%dT%H:%M:%fZ', ${expression} / 1000.0, 'unixepoch')`;
    case 'timestamp_us': {
      // Counted up from the second before, as it is before 1970, too.
      const below = `((${expression} % 1000000 + 1000000) % 1000000)`;
      return `strftime('%Y-%m-%dT%H:%M:%S', (${expression} - ${below}) / 1000000, 'unixepoch') || printf('.%06dZ', ${below})`;
    }
    case 'date':
      return `date(${expression} * 86400, 'unixepoch')`;
    case 'time':
      return `time(${expression} / 1000000, 'unixepoch') || iif(${expression} % 1000000 = 0, '', printf('.%06d', ${expression} % 1000000))`;
    default:
      return expression;
  }
}
