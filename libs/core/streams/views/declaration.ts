import { AppError, isJsonObject, nearest, type ErrorItem, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { parseFieldPath, type FieldPath } from '../field-path.js';
import { COLUMN_TYPES, type ColumnType } from './column-type.js';
import { AGGREGATES, type Aggregate, type ViewColumn, type ViewDefinition, type ViewJoin } from './view-definition.js';
import { QUERY_PARAMETERS } from './view-query.js';

/** Types of fields, from the registered schemas. Class and injection token in one. */
export abstract class FieldTypes {
  /** The type of a field of a topic's records; undefined when no schema tells. @throws `unknown-field` when the schema tells that there is no such field, naming near ones. */
  abstract typeOf(topic: string, path: FieldPath): Promise<ColumnType | undefined>;
}

/** Most columns, joins and characters of a name in one view. */
export const VIEW_LIMITS = { columns: 200, joins: 8, name: 63 } as const;

const NAME = /^[\p{L}_][\p{L}\p{N}_ -]*$/u;

/**
 * Reads a declaration:
 *
 *     { "source": { "topic": "flights", "mode": "events" },
 *       "joins": [ { "as": "airport", "topic": "airports", "on": "value.origin" } ],
 *       "key": { "origin": "value.origin" },
 *       "columns": { "departures": { "aggregate": "count" },
 *                    "mean_delay": { "aggregate": "avg", "of": "value.delay" },
 *                    "city":       { "from": "airport.value.city" } } }
 *
 * `from` begins with key, value or the name of a join; a type that no schema tells is given as `type`.
 * @throws `invalid-view` with an item for every problem found, by JSON pointer.
 */
export async function parseDeclaration(
  name: string,
  cluster: string,
  declaration: JsonValue,
  types: FieldTypes,
): Promise<ViewDefinition> {
  const reader = new DeclarationReader(types);
  const definition = await reader.read(name, cluster, declaration);
  if (definition === undefined || reader.items.length > 0) throw invalidView(name, reader.items);
  return definition;
}

class DeclarationReader {
  readonly items: ErrorItem[] = [];

  constructor(private readonly types: FieldTypes) {}

  async read(name: string, cluster: string, declaration: JsonValue): Promise<ViewDefinition | undefined> {
    if (!isJsonObject(declaration)) return this.#problem('', 'must be an object');
    this.#members(declaration, ['source', 'joins', 'key', 'columns'], '');
    if (name.length > VIEW_LIMITS.name || !NAME.test(name))
      this.#problem('/name', `must be 1 to ${VIEW_LIMITS.name} letters, digits, _, - or spaces`);
    const source = this.#source(declaration['source']);
    const joins = this.#joins(declaration['joins'] ?? []);
    if (source === undefined) return undefined;
    const columns: ViewColumn[] = [];
    const key = await this.#key(declaration['key'], source, columns);
    await this.#columns(declaration['columns'], source, joins, columns);
    for (const [index, join] of joins.entries()) {
      const grouped = columns.some((column) => column.kind === 'field' && column.path.text === join.on.text);
      if (source.mode === 'events' && !grouped)
        this.#problem(`/joins/${index}/on`, 'must be one of the fields in `key`, since rows are groups');
    }
    const folded = new Map<string, string>();
    for (const column of columns) {
      const twin = folded.get(column.name.toLowerCase());
      if (twin !== undefined)
        this.#problem(`/columns/${column.name}`, `differs from '${twin}' only by case or not at all`);
      folded.set(column.name.toLowerCase(), column.name);
    }
    if (columns.length > VIEW_LIMITS.columns)
      this.#problem('/columns', `${columns.length} columns are more than the limit of ${VIEW_LIMITS.columns}`);
    return { name, cluster, source, joins, columns, key };
  }

  #source(given: JsonValue | undefined): ViewDefinition['source'] | undefined {
    if (!isJsonObject(given)) return this.#problem('/source', 'must be an object with `topic`');
    this.#members(given, ['topic', 'mode'], '/source');
    const mode = given['mode'] ?? 'latest';
    if (typeof given['topic'] !== 'string' || given['topic'] === '')
      return this.#problem('/source/topic', 'must be the name of a topic');
    if (mode !== 'latest' && mode !== 'events') return this.#problem('/source/mode', 'must be latest or events');
    return { topic: given['topic'], mode };
  }

  #joins(given: JsonValue): ViewJoin[] {
    if (!Array.isArray(given) || given.length > VIEW_LIMITS.joins) {
      this.#problem('/joins', `must be a list of at most ${VIEW_LIMITS.joins} joins`);
      return [];
    }
    const joins: ViewJoin[] = [];
    given.forEach((join, index) => {
      const at = `/joins/${index}`;
      if (
        !isJsonObject(join) ||
        typeof join['as'] !== 'string' ||
        typeof join['topic'] !== 'string' ||
        typeof join['on'] !== 'string'
      ) {
        this.#problem(at, 'must be {as, topic, on}');
        return;
      }
      this.#members(join, ['as', 'topic', 'on'], at);
      if (!/^[a-zA-Z_][a-zA-Z0-9_]{0,62}$/.test(join['as']) || join['as'] === 'key' || join['as'] === 'value') {
        this.#problem(`${at}/as`, 'must be a word of letters, digits and _ other than key and value');
      }
      if (joins.some((other) => other.as === join['as'])) this.#problem(`${at}/as`, `'${join['as']}' is used twice`);
      const on = this.#path(join['on'], `${at}/on`);
      if (on !== undefined) joins.push({ as: join['as'], topic: join['topic'], on });
    });
    return joins;
  }

  async #key(given: JsonValue | undefined, source: ViewDefinition['source'], columns: ViewColumn[]): Promise<string[]> {
    if (given === undefined && source.mode === 'latest') return [];
    if (!isJsonObject(given) || Object.keys(given).length === 0) {
      this.#problem(
        '/key',
        source.mode === 'events'
          ? 'must name the fields by which records are grouped, e.g. {"origin": "value.origin"}'
          : 'must be an object of column to field',
      );
      return [];
    }
    for (const [name, from] of Object.entries(given)) {
      const at = `/key/${name}`;
      const declared = isJsonObject(from) ? from : { from };
      this.#members(declared, ['from', 'type'], at);
      const path =
        typeof declared['from'] === 'string'
          ? this.#path(declared['from'], at)
          : this.#problem(at, 'must be a field path');
      if (path === undefined) continue;
      const type = await this.#type(declared['type'], source.topic, path, at);
      if (this.#name(name, at) && type !== undefined) columns.push({ kind: 'field', name, type, path });
    }
    return Object.keys(given);
  }

  async #columns(
    given: JsonValue | undefined,
    source: ViewDefinition['source'],
    joins: readonly ViewJoin[],
    columns: ViewColumn[],
  ): Promise<void> {
    if (!isJsonObject(given)) {
      this.#problem('/columns', 'must be an object of column name to {from} or {aggregate}');
      return;
    }
    for (const [name, declared] of Object.entries(given)) {
      const at = `/columns/${name}`;
      if (!this.#name(name, at)) continue;
      const column = await this.#column(
        name,
        typeof declared === 'string' ? { from: declared } : declared,
        source,
        joins,
        at,
      );
      if (column !== undefined) columns.push(column);
    }
  }

  async #column(
    name: string,
    declared: JsonValue,
    source: ViewDefinition['source'],
    joins: readonly ViewJoin[],
    at: string,
  ): Promise<ViewColumn | undefined> {
    if (!isJsonObject(declared)) return this.#problem(at, 'must be {"from": …} or {"aggregate": …}');
    if (declared['aggregate'] !== undefined) return this.#aggregate(name, declared, source, at);
    this.#members(declared, ['from', 'type'], at);
    const from = declared['from'];
    if (typeof from !== 'string') return this.#problem(at, 'must have `from` or `aggregate`');
    const head = from.split('.', 1)[0]!;
    if (head !== 'key' && head !== 'value') {
      const join = joins.find((one) => one.as === head);
      if (join === undefined) {
        const close = nearest(head, ['key', 'value', ...joins.map((one) => one.as)]);
        return this.#problem(
          `${at}/from`,
          `begins with '${head}', which is neither key, value nor a join${close === undefined ? '' : `; did you mean '${close}'?`}`,
        );
      }
      const path = this.#path(from.slice(head.length + 1), `${at}/from`);
      const type = path && (await this.#type(declared['type'], join.topic, path, at));
      return path && type && { kind: 'join', name, type, join: join.as, path };
    }
    if (source.mode === 'events')
      return this.#problem(at, 'a view of mode events groups records: put the field into `key` or aggregate it');
    const path = this.#path(from, `${at}/from`);
    const type = path && (await this.#type(declared['type'], source.topic, path, at));
    return path && type && { kind: 'field', name, type, path };
  }

  async #aggregate(
    name: string,
    declared: JsonObject,
    source: ViewDefinition['source'],
    at: string,
  ): Promise<ViewColumn | undefined> {
    this.#members(declared, ['aggregate', 'of', 'type'], at);
    const aggregate = declared['aggregate'] as Aggregate;
    if (!AGGREGATES.includes(aggregate))
      return this.#problem(`${at}/aggregate`, `must be one of ${AGGREGATES.join(', ')}`);
    if (source.mode !== 'events') return this.#problem(at, 'aggregates need "mode": "events" in the source');
    if (aggregate === 'count') {
      if (declared['of'] !== undefined) return this.#problem(`${at}/of`, 'count counts records and takes no field');
      return { kind: 'aggregate', name, type: 'integer', aggregate, path: null };
    }
    const path =
      typeof declared['of'] === 'string'
        ? this.#path(declared['of'], `${at}/of`)
        : this.#problem(`${at}/of`, 'must be a field path');
    if (path === undefined) return undefined;
    const type = await this.#type(declared['type'], source.topic, path, at);
    if (type === undefined) return undefined;
    const summable = type === 'integer' || type === 'real';
    if ((aggregate === 'sum' || aggregate === 'avg') && !summable)
      return this.#problem(`${at}/of`, `${aggregate} needs a number, the field is of type ${type}`);
    if (type === 'json' || type === 'decimal') return this.#problem(`${at}/of`, `a field of type ${type} has no order`);
    return { kind: 'aggregate', name, type: aggregate === 'avg' ? 'real' : type, aggregate, path };
  }

  async #type(
    given: JsonValue | undefined,
    topic: string,
    path: FieldPath,
    at: string,
  ): Promise<ColumnType | undefined> {
    if (given !== undefined) {
      if ((COLUMN_TYPES as readonly JsonValue[]).includes(given)) return given as ColumnType;
      return this.#problem(`${at}/type`, `must be one of ${COLUMN_TYPES.join(', ')}`);
    }
    try {
      const type = await this.types.typeOf(topic, path);
      return type ?? this.#problem(`${at}/type`, `is missing: no schema of '${topic}' tells the type of ${path.text}`);
    } catch (error) {
      if (!(error instanceof AppError) || error.kind === 'internal' || error.kind === 'unavailable') throw error;
      return this.#problem(at, error.hint === undefined ? error.message : `${error.message} ${error.hint}`);
    }
  }

  #path(text: string, at: string): FieldPath | undefined {
    try {
      return parseFieldPath(text);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return this.#problem(at, error.message);
    }
  }

  #name(name: string, at: string): boolean {
    if (name.length <= VIEW_LIMITS.name && NAME.test(name) && !RESERVED.has(name)) return true;
    this.#problem(
      at,
      `cannot be a column name: 1 to ${VIEW_LIMITS.name} letters, digits, _, - or spaces, not one of ${[...RESERVED].join(', ')}`,
    );
    return false;
  }

  #members(object: JsonObject, known: readonly string[], at: string): void {
    for (const member of Object.keys(object)) {
      if (known.includes(member)) continue;
      const close = nearest(member, known);
      this.#problem(
        `${at}/${member}`,
        `is not known${close === undefined ? `; members are ${known.join(', ')}` : `; did you mean '${close}'?`}`,
      );
    }
  }

  #problem(path: string, message: string): undefined {
    if (this.items.length < 20) this.items.push({ path, message });
    return undefined;
  }
}

/** Names of query parameters, which a column could not be filtered by. */
const RESERVED: ReadonlySet<string> = new Set(QUERY_PARAMETERS);

function invalidView(name: string, items: readonly ErrorItem[]): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'invalid-view',
    message: `The declaration of view '${name}' has ${items.length} problem${items.length === 1 ? '' : 's'}; nothing was created.`,
    items,
  });
}
