import { AppError, isJsonObject, type ErrorItem, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { DeclarationForm, isName, VIEW_LIMITS, type DeclarationTools } from './declaration-form.js';
import { readChildren, readColumns, readFlattened, readKey } from './declared-columns.js';
import { parseDuration } from './durations.js';
import { OriginReader } from './origins.js';
import { readIndexes, readTarget } from './storage-members.js';
import {
  isGrouped,
  takesBack,
  UNCHANGED,
  type SourceMode,
  type SystemColumn,
  type ViewColumn,
  type ViewDefinition,
  type ViewDeletes,
  type ViewEvolution,
  type ViewJoin,
  type ViewRetention,
} from './view-definition.js';

/** A declaration that was read, and the types that were found in the schemas, by the place they belong to. */
export interface DeclaredView {
  readonly definition: ViewDefinition;
  readonly types: Readonly<Record<string, string>>;
}

const MEMBERS = [
  'source',
  'sources',
  'joins',
  'key',
  'columns',
  'flatten',
  'explode',
  'filter',
  'deletes',
  'history',
  'retention',
  'target',
  'indexes',
] as const;

/**
 * Reads a declaration:
 *
 *     { "source": { "topic": "flights", "mode": "latest" },
 *       "joins": [ { "as": "airport", "topic": "airports", "on": "value.origin" } ],
 *       "key": { "city": "airport.value.city", "day": { "window": "1d", "on": "value.departure" } },
 *       "columns": { "departures": { "aggregate": "count" },
 *                    "mean_delay": { "aggregate": "avg", "of": "value.delay" } } }
 *
 * `from` begins with key, value or the name of a join; a type that no schema tells is given as `type`.
 * @throws `invalid-view` with an item for every problem found, by JSON pointer.
 */
export async function parseDeclaration(
  name: string,
  cluster: string,
  declaration: JsonValue,
  tools: DeclarationTools,
): Promise<DeclaredView> {
  const form = new DeclarationForm(tools);
  const definition = await read(form, name, cluster, declaration);
  if (definition === undefined || form.items.length > 0) throw invalidView(name, form.items);
  return { definition, types: form.types };
}

/** Reads a declaration that was accepted before, with the types of then, and what was added since its tables were made. */
export async function knownDeclaration(
  name: string,
  cluster: string,
  declaration: JsonObject,
  types: Readonly<Record<string, string>>,
  evolution: ViewEvolution = UNCHANGED,
): Promise<ViewDefinition> {
  const form = new DeclarationForm(undefined, types);
  const definition = await read(form, name, cluster, declaration);
  if (definition === undefined || form.items.length > 0) throw invalidView(name, form.items);
  return evolved(definition, evolution);
}

/** The definition with what was added behind what was there. */
function evolved(view: ViewDefinition, evolution: ViewEvolution): ViewDefinition {
  const children = view.children.map((child) => {
    const added = Object.hasOwn(evolution.children, child.name) ? evolution.children[child.name]! : [];
    return { ...child, columns: addedLast(child.columns, added, (column) => column.name) };
  });
  const indexes = evolution.indexes.map((index) => JSON.stringify(index));
  return {
    ...view,
    columns: addedLast(view.columns, evolution.columns, (column) => column.name),
    children,
    indexes: addedLast(view.indexes, indexes, (index) => JSON.stringify(index)),
    evolution,
  };
}

/** @param added names of some, in the order in which they were added */
function addedLast<T>(all: readonly T[], added: readonly string[], nameOf: (one: T) => string): readonly T[] {
  const place = (one: T): number => added.indexOf(nameOf(one));
  return [...all].sort((a, b) => place(a) - place(b));
}

async function read(
  form: DeclarationForm,
  name: string,
  cluster: string,
  given: JsonValue,
): Promise<ViewDefinition | undefined> {
  const declaration = form.object(given, MEMBERS, '', 'must be an object');
  if (declaration === undefined) return undefined;
  if (!isName(name)) form.problem('/name', `must be 1 to ${VIEW_LIMITS.name} letters, digits, _, - or spaces`);
  const declared = readSources(form, declaration);
  const joins = readJoins(form, declaration['joins'] ?? []);
  if (declared === undefined) return undefined;
  const { mode, sources } = declared;
  const origins = new OriginReader(form, sources, joins);
  const context = { form, origins, mode, topic: sources[0]!.topic };
  const columns: ViewColumn[] = [];
  const key = await readKey(context, declaration, columns);
  await readColumns(context, declaration['columns'], columns);
  const flattened = await readFlattened(context, declaration['flatten'], columns);
  const children = await readChildren(context, declaration['explode']);
  const filter = declaration['filter'] === undefined ? null : await form.expression(declaration['filter'], '/filter');
  const deletes = await readDeletes(form, declaration['deletes']);
  const history = declaration['history'] ?? false;
  if (typeof history !== 'boolean') form.problem('/history', 'must be true or false');
  columns.push(...systemColumns(deletes, history === true));
  origins.finish();
  const definition: ViewDefinition = {
    name,
    cluster,
    target: readTarget(form, declaration['target']),
    indexes: [],
    mode,
    sources: sources.map(({ topic }, place) => ({ topic, origins: origins.overrides[place]! })),
    joins,
    columns,
    children,
    flattened,
    key,
    filter: filter ?? null,
    computed: origins.computed,
    deletes,
    history: history === true,
    retention: null,
    evolution: UNCHANGED,
  };
  const retention = readRetention(form, declaration['retention'], definition);
  const indexes = readIndexes(form, declaration['indexes'], definition);
  checkNames(form, definition);
  checkTogether(form, definition, joins);
  return { ...definition, retention, indexes };
}

interface DeclaredSource {
  readonly topic: string;
  readonly columns: JsonObject;
  readonly at: string;
}

function readSources(
  form: DeclarationForm,
  declaration: JsonObject,
): { readonly mode: SourceMode; readonly sources: readonly DeclaredSource[] } | undefined {
  const { source, sources } = declaration;
  if (source !== undefined && sources !== undefined) return form.problem('/sources', 'cannot stand beside `source`');
  if (sources === undefined) {
    const one = readSource(form, source, '/source', ['topic', 'mode']);
    const mode = isJsonObject(source) ? readMode(form, source, '/source') : undefined;
    return one && mode && { mode, sources: [one] };
  }
  if (!Array.isArray(sources) || sources.length === 0 || sources.length > VIEW_LIMITS.sources)
    return form.problem('/sources', `must be a list of 1 to ${VIEW_LIMITS.sources} topics`);
  const read = sources.map((one, place) => readSource(form, one, `/sources/${place}`, ['topic', 'mode', 'columns']));
  const modes = sources.map((one, place) => (isJsonObject(one) ? readMode(form, one, `/sources/${place}`) : undefined));
  const found = read.flatMap((one) => (one === undefined ? [] : [one]));
  const [mode] = modes;
  if (found.length < sources.length || mode === undefined) return undefined;
  modes.forEach((one, place) => {
    if (one !== undefined && one !== mode)
      form.problem(`/sources/${place}/mode`, `must be ${mode}, as that of the first topic`);
  });
  found.forEach(({ topic }, place) => {
    if (found.findIndex((other) => other.topic === topic) < place)
      form.problem(`/sources/${place}/topic`, `'${topic}' is there twice`);
  });
  return { mode, sources: found };
}

function readSource(
  form: DeclarationForm,
  given: JsonValue | undefined,
  at: string,
  members: readonly string[],
): DeclaredSource | undefined {
  const source = form.object(given, members, at, 'must be an object with `topic`');
  if (source === undefined) return undefined;
  const { topic, columns } = source;
  if (typeof topic !== 'string' || topic === '') return form.problem(`${at}/topic`, 'must be the name of a topic');
  if (columns !== undefined && !isJsonObject(columns))
    return form.problem(`${at}/columns`, 'must be an object of column to field path');
  return { topic, columns: columns ?? {}, at };
}

function readMode(form: DeclarationForm, source: JsonObject, at: string): SourceMode | undefined {
  const mode = source['mode'] ?? 'latest';
  return mode === 'latest' || mode === 'events' ? mode : form.problem(`${at}/mode`, 'must be latest or events');
}

function readJoins(form: DeclarationForm, given: JsonValue): ViewJoin[] {
  if (!Array.isArray(given) || given.length > VIEW_LIMITS.joins) {
    form.problem('/joins', `must be a list of at most ${VIEW_LIMITS.joins} joins`);
    return [];
  }
  const joins: ViewJoin[] = [];
  given.forEach((declared, index) => {
    const at = `/joins/${index}`;
    const join = form.object(declared, ['as', 'topic', 'on'], at, 'must be {as, topic, on}');
    if (join === undefined) return;
    const { as, topic, on } = join;
    if (typeof as !== 'string' || typeof topic !== 'string' || typeof on !== 'string') {
      form.problem(at, 'must be {as, topic, on}');
      return;
    }
    if (!/^[a-zA-Z_][a-zA-Z0-9_]{0,62}$/.test(as) || ROOTS.includes(as))
      form.problem(`${at}/as`, `must be a word of letters, digits and _ other than ${ROOTS.join(', ')}`);
    if (joins.some((other) => other.as === as)) form.problem(`${at}/as`, `'${as}' is used twice`);
    const path = form.path(on, `${at}/on`);
    if (path !== undefined) joins.push({ as, topic, on: path });
  });
  return joins;
}

const ROOTS: readonly string[] = ['key', 'value', 'item', 'timestamp', 'partition', 'offset', 'topic'];

async function readDeletes(form: DeclarationForm, given: JsonValue | undefined): Promise<ViewDeletes> {
  const none: ViewDeletes = { when: null, mode: 'hard' };
  if (given === undefined) return none;
  const deletes = form.object(given, ['when', 'mode'], '/deletes', 'must be {when, mode}');
  if (deletes === undefined) return none;
  const when = deletes['when'] === undefined ? null : await form.expression(deletes['when'], '/deletes/when');
  const mode = deletes['mode'] ?? 'hard';
  if (mode !== 'hard' && mode !== 'soft') form.problem('/deletes/mode', 'must be hard or soft');
  return { when: when ?? null, mode: mode === 'soft' ? 'soft' : 'hard' };
}

function systemColumns(deletes: ViewDeletes, history: boolean): SystemColumn[] {
  const names: SystemColumn['name'][] = history
    ? ['valid_from', 'valid_to']
    : deletes.mode === 'soft'
      ? ['deleted_at']
      : [];
  return names.map((name) => ({ kind: 'system', name, type: 'timestamp' }));
}

function readRetention(
  form: DeclarationForm,
  given: JsonValue | undefined,
  view: ViewDefinition,
): ViewRetention | null {
  if (given === undefined) return null;
  const retention = form.object(given, ['after', 'by'], '/retention', 'must be {after, by}');
  if (retention === undefined) return null;
  const { after, by } = retention;
  const afterMs = typeof after === 'string' ? parseDuration(after) : undefined;
  if (afterMs === undefined) form.problem('/retention/after', 'must be a duration such as 12h or 30d');
  if (takesBack(view))
    form.problem('/retention', 'cannot be had with aggregates of mode latest: they are those of the present rows');
  const column = view.columns.find((one) => one.name === by);
  const stays = isGrouped(view) ? view.key.includes(String(by)) : column?.kind !== 'join';
  if (by === undefined ? isGrouped(view) : column?.type !== 'timestamp' || !stays)
    form.problem(
      '/retention/by',
      `must be a column of type timestamp${isGrouped(view) ? ' of the key' : ' of the row itself'}`,
    );
  return afterMs === undefined ? null : { afterMs, by: typeof by === 'string' ? by : null };
}

function checkNames(form: DeclarationForm, view: ViewDefinition): void {
  const folded = new Map<string, string>();
  for (const name of [...view.columns, ...view.children].map((one) => one.name)) {
    const twin = folded.get(name.toLowerCase());
    if (twin !== undefined) form.problem(`/columns/${name}`, `differs from '${twin}' only by case or not at all`);
    folded.set(name.toLowerCase(), name);
  }
  if (view.columns.length > VIEW_LIMITS.columns)
    form.problem('/columns', `${view.columns.length} columns are more than the limit of ${VIEW_LIMITS.columns}`);
}

/** What each part allows by itself, but not together. */
function checkTogether(form: DeclarationForm, view: ViewDefinition, joins: readonly ViewJoin[]): void {
  const grouped = isGrouped(view);
  for (const [index, join] of joins.entries()) {
    const shown = view.columns.some((column) => column.kind === 'join' && column.origin.join === join.as);
    const inKey = view.columns.some(
      (column) => column.kind === 'field' && column.origin.from === 'path' && column.origin.path.text === join.on.text,
    );
    if (grouped && (shown || view.mode === 'events') && !inKey)
      form.problem(`/joins/${index}/on`, 'must be one of the fields in `key`, since rows are groups');
  }
  if (grouped && view.children.length > 0)
    form.problem('/explode', 'needs a row for each record; rows are groups here');
  if (view.mode === 'events' && (view.deletes.when !== null || view.deletes.mode === 'soft'))
    form.problem('/deletes', 'needs "mode": "latest": events do not end');
  if (grouped && view.deletes.mode === 'soft') form.problem('/deletes/mode', 'must be hard: rows are groups here');
  if (!view.history) return;
  if (grouped) form.problem('/history', 'needs a row for each record; rows are groups here');
  if (view.children.length > 0) form.problem('/history', 'cannot be had with `explode`');
  if (view.deletes.mode === 'soft') form.problem('/deletes/mode', 'must be hard: `valid_to` tells when a state ended');
}

function invalidView(name: string, items: readonly ErrorItem[]): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'invalid-view',
    message: `The declaration of view '${name}' has ${items.length} problem${items.length === 1 ? '' : 's'}; nothing was created.`,
    items,
  });
}
