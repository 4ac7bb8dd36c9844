import { isJsonObject, nearest, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { FieldPath } from '../field-path.js';
import type { FieldType } from './column-type.js';
import type { DeclarationForm } from './declaration-form.js';
import { parseDuration } from './durations.js';
import type { Origin, ViewJoin } from './view-definition.js';

/** What of a record stands for itself, and its type. */
const OF_RECORD = { timestamp: 'timestamp', partition: 'integer', offset: 'integer', topic: 'text' } as const;
type OfRecord = keyof typeof OF_RECORD;

const TIMES: readonly string[] = ['timestamp', 'timestamp_us', 'date'];

/** Members that say where a value comes from, in the declaration of a column. */
export const ORIGIN_MEMBERS = ['from', 'type', 'compute', 'rest', 'window', 'on'] as const;

/** Reads where the cells of columns come from. */
export class OriginReader {
  /** CEL by the name of its column. */
  readonly computed = new Map<string, string>();
  /** What is read otherwise in a topic than in the first one, by its place and column. */
  readonly overrides: Map<string, Origin>[];
  /** Members of the value that something names. */
  readonly #named = new Set<string>();
  readonly #rest: string[] = [];

  constructor(
    private readonly form: DeclarationForm,
    /** The topics, each with what is declared of its columns otherwise. */
    private readonly sources: readonly { readonly topic: string; readonly columns: JsonObject; readonly at: string }[],
    private readonly joins: readonly ViewJoin[],
  ) {
    this.overrides = sources.map(() => new Map<string, Origin>());
    for (const join of joins) this.names(join.on);
  }

  /** Notes that a field is named. */
  names(path: FieldPath): void {
    if (path.root === 'value' && path.steps.length > 0) this.#named.add(String(path.steps[0]));
  }

  /** To be called when everything has been read: only then it is known what is left. */
  finish(): void {
    this.#rest.push(...this.#named);
  }

  /** The origin of a column, by `from`, `compute`, `rest` or `window`. */
  async read(name: string, declared: JsonObject, at: string): Promise<Origin | undefined> {
    if (declared['compute'] !== undefined) return this.#computed(name, declared, at);
    if (declared['rest'] !== undefined) {
      if (declared['rest'] !== true) return this.form.problem(`${at}/rest`, 'must be true');
      return { from: 'rest', type: 'json', without: this.#rest };
    }
    if (declared['window'] !== undefined) return this.#window(name, declared, at);
    if (typeof declared['from'] !== 'string')
      return this.form.problem(at, 'must have `from`, `compute` or `aggregate`');
    return this.field(name, declared['from'], declared['type'], at);
  }

  /** The origin that a text names: a field of key or value, of a reference row, or of the record itself. */
  async field(name: string, text: string, type: JsonValue | undefined, at: string): Promise<Origin | undefined> {
    if (Object.hasOwn(OF_RECORD, text))
      return { from: 'record', what: text as OfRecord, type: OF_RECORD[text as OfRecord] };
    const head = /^[^.[]*/.exec(text)![0];
    if (head === 'key' || head === 'value') return this.#path(name, text, type, at);
    const join = this.joins.find((one) => one.as === head);
    if (join === undefined) {
      const close = nearest(head, ['key', 'value', ...Object.keys(OF_RECORD), ...this.joins.map((one) => one.as)]);
      const hint = close === undefined ? '' : `; did you mean '${close}'?`;
      return this.form.problem(`${at}/from`, `begins with '${head}', which is neither key, value nor a join${hint}`);
    }
    const path = this.form.path(text.slice(head.length + 1), `${at}/from`);
    const found = path && (await this.form.type(type, join.topic, path, at));
    return path && found && { ...found, from: 'join', join: join.as, path };
  }

  async #path(name: string, text: string, type: JsonValue | undefined, at: string): Promise<Origin | undefined> {
    const path = this.form.path(text, at.startsWith('/key') ? at : `${at}/from`);
    if (path === undefined) return undefined;
    this.names(path);
    let first: FieldType | undefined;
    for (const [place, source] of this.sources.entries()) {
      const own = await this.#own(name, source, path);
      if (own === undefined) return undefined;
      const found = await this.form.type(type, source.topic, own, at, place === 0 ? at : `${at}@${place}`);
      if (found === undefined) return undefined;
      first ??= found;
      if (found.type !== first.type)
        return this.form.problem(
          at,
          `is ${first.type} in '${this.sources[0]!.topic}' and ${found.type} in '${source.topic}'`,
        );
      if (own !== path || found.reading !== first.reading)
        this.overrides[place]!.set(name, { ...found, from: 'path', path: own });
    }
    return first && { ...first, from: 'path', path };
  }

  /** The path of a column in a topic: its own one, or that of all. */
  async #own(
    name: string,
    source: { readonly columns: JsonObject; readonly at: string },
    path: FieldPath,
  ): Promise<FieldPath | undefined> {
    const declared = Object.hasOwn(source.columns, name) ? source.columns[name] : undefined;
    if (declared === undefined) return path;
    const own = this.form.path(declared, `${source.at}/columns/${name}`);
    if (own !== undefined) this.names(own);
    return own;
  }

  async #computed(name: string, declared: JsonObject, at: string): Promise<Origin | undefined> {
    const cel = await this.form.expression(declared['compute'], `${at}/compute`);
    const type = this.form.declaredType(declared['type'], `${at}/type`);
    if (cel === undefined || type === undefined) return undefined;
    this.computed.set(name, cel);
    return { ...type, from: 'computed', name };
  }

  async #window(name: string, declared: JsonObject, at: string): Promise<Origin | undefined> {
    const size = declared['window'];
    const sizeMs = typeof size === 'string' ? parseDuration(size) : undefined;
    if (sizeMs === undefined) return this.form.problem(`${at}/window`, 'must be a duration such as 15m, 1h or 1d');
    const on = declared['on'] ?? 'timestamp';
    if (typeof on !== 'string') return this.form.problem(`${at}/on`, 'must be a field path, or timestamp');
    const of = await this.field(name, on, declared['type'], at);
    if (of === undefined) return undefined;
    if (of.from === 'join') return this.form.problem(`${at}/on`, 'must be a time of the record itself');
    if (!TIMES.includes(of.type)) return this.form.problem(`${at}/on`, `must be a time, it is of type ${of.type}`);
    const windowed = (origin: Origin): Origin => ({ from: 'window', type: 'timestamp', sizeMs, of: origin });
    for (const origins of this.overrides) {
      const own = origins.get(name);
      if (own !== undefined) origins.set(name, windowed(own));
    }
    return windowed(of);
  }
}

/** The declaration of a column as an object. */
export function declaredObject(declared: JsonValue): JsonObject | undefined {
  if (typeof declared === 'string') return { from: declared };
  return isJsonObject(declared) ? declared : undefined;
}
