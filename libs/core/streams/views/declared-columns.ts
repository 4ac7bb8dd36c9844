import { isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { parseFieldPath } from '../field-path.js';
import { hasOrder, isNumber, scaleOf, type ColumnType } from './column-type.js';
import { isName, VIEW_LIMITS, type DeclarationForm } from './declaration-form.js';
import { declaredObject, ORIGIN_MEMBERS, type OriginReader } from './origins.js';
import {
  AGGREGATES,
  type Aggregate,
  type ChildColumn,
  type FlattenedObject,
  type Origin,
  type SourceMode,
  type ViewChild,
  type ViewColumn,
} from './view-definition.js';

/** What the parts of a declaration are read with. */
export interface ColumnContext {
  readonly form: DeclarationForm;
  readonly origins: OriginReader;
  readonly mode: SourceMode;
  /** The first topic. */
  readonly topic: string;
}

/** Reads `key`, whose columns come first; answers their names. */
export async function readKey(
  context: ColumnContext,
  declaration: JsonObject,
  columns: ViewColumn[],
): Promise<string[]> {
  const { form, origins, mode } = context;
  const given = declaration['key'];
  const grouped = mode === 'events' || hasAggregates(declaration['columns']);
  if (given === undefined && !grouped) return [];
  if (!isJsonObject(given) || Object.keys(given).length === 0) {
    form.problem(
      '/key',
      grouped
        ? 'must name the fields by which records are grouped, e.g. {"origin": "value.origin"}'
        : 'must be an object of column to field',
    );
    return [];
  }
  for (const [name, from] of Object.entries(given)) {
    const at = `/key/${name}`;
    const declared = declaredObject(from);
    if (declared === undefined) {
      form.problem(at, 'must be a field path');
      continue;
    }
    form.members(declared, ORIGIN_MEMBERS, at);
    const origin = await origins.read(name, declared, at);
    if (!form.name(name, at) || origin === undefined) continue;
    if (origin.from === 'rest') form.problem(`${at}/rest`, 'cannot be part of the key');
    if (origin.from === 'join' && !(grouped && mode === 'latest'))
      form.problem(
        at,
        mode === 'events'
          ? 'a reference row can change: groups by one need "mode": "latest"'
          : 'the key of a row is of the record itself',
      );
    columns.push({ kind: 'field', name, type: origin.type, origin });
  }
  return Object.keys(given);
}

function hasAggregates(columns: JsonValue | undefined): boolean {
  return (
    isJsonObject(columns) && Object.values(columns).some((one) => isJsonObject(one) && one['aggregate'] !== undefined)
  );
}

/** Reads `columns`. */
export async function readColumns(
  context: ColumnContext,
  given: JsonValue | undefined,
  columns: ViewColumn[],
): Promise<void> {
  const { form, mode } = context;
  if (!isJsonObject(given)) {
    form.problem('/columns', 'must be an object of column name to {from} or {aggregate}');
    return;
  }
  const grouped = mode === 'events' || hasAggregates(given);
  for (const [name, value] of Object.entries(given)) {
    const at = `/columns/${name}`;
    if (!form.name(name, at)) continue;
    const declared = declaredObject(value);
    if (declared === undefined) {
      form.problem(at, 'must be {"from": …} or {"aggregate": …}');
      continue;
    }
    const column =
      declared['aggregate'] === undefined
        ? await readField(context, name, declared, grouped, at)
        : await readAggregate(context, name, declared, at);
    if (column !== undefined) columns.push(column);
  }
}

async function readField(
  { form, origins }: ColumnContext,
  name: string,
  declared: JsonObject,
  grouped: boolean,
  at: string,
): Promise<ViewColumn | undefined> {
  form.members(declared, ORIGIN_MEMBERS, at);
  const origin = await origins.read(name, declared, at);
  if (origin === undefined) return undefined;
  if (origin.from === 'join') return { kind: 'join', name, type: origin.type, origin };
  if (grouped) return form.problem(at, 'rows are groups of records: put the field into `key` or aggregate it');
  return { kind: 'field', name, type: origin.type, origin };
}

async function readAggregate(
  { form, origins, mode }: ColumnContext,
  name: string,
  declared: JsonObject,
  at: string,
): Promise<ViewColumn | undefined> {
  form.members(declared, ['aggregate', 'of', 'type', 'compute'], at);
  const aggregate = AGGREGATES.find((one) => one === declared['aggregate']);
  if (aggregate === undefined) return form.problem(`${at}/aggregate`, `must be one of ${AGGREGATES.join(', ')}`);
  if (aggregate === 'count') {
    if (declared['of'] !== undefined) return form.problem(`${at}/of`, 'count counts records and takes no field');
    return { kind: 'aggregate', name, type: 'integer', aggregate, of: null };
  }
  const { of: field, type, compute } = declared;
  const origin =
    compute === undefined
      ? typeof field === 'string'
        ? await origins.field(name, field, type, at)
        : form.problem(`${at}/of`, 'must be a field path')
      : await origins.read(name, { compute, ...(type === undefined ? {} : { type }) }, at);
  if (origin === undefined) return undefined;
  if (origin.from === 'join' && mode === 'events')
    return form.problem(`${at}/of`, 'a reference row can change: aggregates over one need "mode": "latest"');
  const result = resultOf(aggregate, origin);
  if (result !== undefined) return { kind: 'aggregate', name, type: result, aggregate, of: origin };
  return form.problem(
    `${at}/of`,
    aggregate === 'sum' || aggregate === 'avg'
      ? `${aggregate} needs a number, the field is of type ${origin.type}`
      : `a field of type ${origin.type} has no order`,
  );
}

/** The type of an aggregate; undefined when its field has none of the right sort. */
function resultOf(aggregate: Aggregate, { type }: Origin): ColumnType | undefined {
  switch (aggregate) {
    case 'count':
      return 'integer';
    case 'sum': {
      const scaled = scaleOf(type);
      return scaled === undefined ? (isNumber(type) ? type : undefined) : `decimal(18,${scaled.scale})`;
    }
    case 'avg':
      return isNumber(type) ? 'real' : undefined;
    case 'min':
    case 'max':
      return hasOrder(type) ? type : undefined;
    case 'latest':
      return type;
  }
}

/** Reads `flatten`: each member of an object as a column; answers the objects. */
export async function readFlattened(
  { form, origins, topic, mode }: ColumnContext,
  given: JsonValue | undefined,
  columns: ViewColumn[],
): Promise<FlattenedObject[]> {
  const flattened: FlattenedObject[] = [];
  if (given === undefined) return flattened;
  if (mode === 'events' || columns.some((column) => column.kind === 'aggregate')) {
    form.problem('/flatten', 'needs a row for each record; rows are groups here');
    return flattened;
  }
  if (!Array.isArray(given)) {
    form.problem('/flatten', 'must be a list of {from, prefix}');
    return flattened;
  }
  for (const [place, one] of given.entries()) {
    const at = `/flatten/${place}`;
    const declared = form.object(one, ['from', 'prefix', 'members'], at, 'must be {from, prefix}');
    const path = declared && form.path(declared['from'], `${at}/from`);
    if (declared === undefined || path === undefined) continue;
    const prefix = declared['prefix'] ?? '';
    if (typeof prefix !== 'string') {
      form.problem(`${at}/prefix`, 'must be text');
      continue;
    }
    origins.names(path);
    flattened.push({ path, bySchema: declared['members'] === undefined });
    const members = await form.memberTypes(declared['members'], topic, path, at);
    for (const [member, type] of members ?? []) {
      const name = `${prefix}${member}`;
      const text = `${path.text}[${JSON.stringify(member)}]`;
      if (form.name(name, at))
        columns.push({
          kind: 'field',
          name,
          type: type.type,
          origin: { ...type, from: 'path', path: parseFieldPath(text) },
        });
    }
  }
  return flattened;
}

/** Reads `explode`: each item of a list as a row of a child table. */
export async function readChildren(context: ColumnContext, given: JsonValue | undefined): Promise<ViewChild[]> {
  const { form, origins } = context;
  if (given === undefined) return [];
  if (!isJsonObject(given) || Object.keys(given).length > VIEW_LIMITS.children) {
    form.problem('/explode', `must be an object of up to ${VIEW_LIMITS.children} tables, each {from, columns}`);
    return [];
  }
  const children: ViewChild[] = [];
  for (const [name, value] of Object.entries(given)) {
    const at = `/explode/${name}`;
    const declared = form.object(value, ['from', 'columns'], at, 'must be {from, columns}');
    if (declared === undefined || !form.name(name, at)) continue;
    const list = form.path(declared['from'], `${at}/from`);
    if (list !== undefined) origins.names(list);
    const columns = readChildColumns(form, declared['columns'], at);
    if (list !== undefined && columns.length > 0) children.push({ name, list, columns });
  }
  return children;
}

function readChildColumns(form: DeclarationForm, given: JsonValue | undefined, at: string): ChildColumn[] {
  if (!isJsonObject(given) || Object.keys(given).length === 0 || Object.keys(given).length > VIEW_LIMITS.columns) {
    form.problem(`${at}/columns`, `must be an object of 1 to ${VIEW_LIMITS.columns} columns`);
    return [];
  }
  const columns: ChildColumn[] = [];
  for (const [name, value] of Object.entries(given)) {
    const here = `${at}/columns/${name}`;
    if (!isName(name)) form.problem(here, 'cannot be a column name');
    const declared = form.object(value, ['from', 'type'], here, 'must be {"from": "item.…", "type": …}');
    if (declared === undefined) continue;
    const from = declared['from'];
    if (typeof from !== 'string' || !/^item(?=[.[]|$)/.test(from)) {
      form.problem(`${here}/from`, 'must begin with item, which stands for one item of the list');
      continue;
    }
    const path = form.path(from.replace(/^item/, 'value'), `${here}/from`);
    const field = form.declaredType(declared['type'], `${here}/type`);
    if (path !== undefined && field !== undefined) columns.push({ name, path, field });
  }
  return columns;
}
