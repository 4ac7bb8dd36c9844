import { isJsonObject, type JsonValue } from '#libs/core/kernel';
import { parseSubject, subjectText, type SubjectName, type SubjectState } from '#libs/core/registry';
import type { MemoryRegistryStore } from '#libs/core/registry/testing';
import { namedLevel } from '../export-format.js';
import { SourceRegistries, SourceRegistry, type SourceAnswer } from '../source-registry.js';

/** A registry that answers as the Confluent API does, as far as imports ask, out of a store in memory. */
export class MemorySourceRegistry extends SourceRegistry {
  readonly location = 'memory:';
  /** Paths asked for, in order. */
  readonly asked: string[] = [];
  /** Called before each answer; what it throws is the answer. */
  onRequest: (path: string) => void | Promise<void> = () => undefined;
  /** Most entries of a list in one answer, for a registry that gives lists in pieces. */
  mostListed = Infinity;
  /** Whether it is of a release that knows no pieces: each list whole, whatever is asked for. */
  ignoresPieces = false;
  /** Paths answered otherwise than by the store. */
  readonly instead = new Map<string, SourceAnswer>();

  constructor(
    readonly name: string,
    private readonly store: MemoryRegistryStore,
  ) {
    super();
  }

  async get(path: string): Promise<SourceAnswer> {
    this.asked.push(path);
    await this.onRequest(path);
    const body = await this.#answer(path);
    return this.instead.get(path) ?? (body === undefined ? { status: 'missing' } : { status: 'found', body });
  }

  async #answer(path: string): Promise<JsonValue | undefined> {
    const url = new URL(path, 'memory://source');
    const [kind, ...rest] = url.pathname.split('/').slice(1).map(decodeURIComponent);
    const { searchParams: query } = url;
    const piece = (list: JsonValue | undefined) => (Array.isArray(list) ? this.#piece(list, query) : list);
    switch (kind) {
      case 'contexts':
        return piece([...(await this.store.contexts())]);
      case 'subjects':
        if (rest[0] === undefined) return piece(await this.#subjects());
        return piece(await this.#versions(rest[0], rest[2], query.has('deleted')));
      case 'schemas':
        return rest[0] === 'ids' ? this.#id(Number(rest[1]), query.get('subject') ?? '') : this.#list(query);
      case 'config': {
        const { config } = await this.#state(rest[0] ?? '');
        return config === null ? undefined : jsonOf(namedLevel(config));
      }
      case 'mode': {
        const { mode } = await this.#state(rest[0] ?? '');
        return mode === null ? undefined : { mode };
      }
      case 'associations':
        return this.#associations(parseSubject(rest[1]!));
      default:
        return undefined;
    }
  }

  #piece(list: readonly JsonValue[], query: URLSearchParams): JsonValue[] {
    if (this.ignoresPieces) return [...list];
    const offset = Number(query.get('offset'));
    // More than may be asked for is as good as nothing asked for.
    const asked = Number(query.get('limit') ?? -1);
    const limit = asked > 0 && asked <= this.mostListed ? asked : this.mostListed;
    return list.slice(offset, offset + limit);
  }

  async #names(): Promise<readonly SubjectName[]> {
    const names: SubjectName[] = [];
    for (const context of new Set(['.', ...(await this.store.contexts())])) {
      names.push(...(await this.store.list(context, '', undefined, Infinity)).map(({ subject }) => subject));
    }
    return names;
  }

  async #subjects(): Promise<JsonValue> {
    return (await this.#names()).map(subjectText).sort();
  }

  async #versions(text: string, version: string | undefined, deleted: boolean): Promise<JsonValue | undefined> {
    const named = await this.#state(text);
    const state = named.config?.alias === undefined ? named : await this.#state(named.config.alias);
    const rows = state.versions.filter((row) => deleted || !row.deleted);
    if (version === undefined) return rows.length === 0 ? undefined : rows.map((row) => row.version);
    return (await this.#schemas(state)).find((one) => isJsonObject(one) && one['version'] === Number(version));
  }

  async #list(query: URLSearchParams): Promise<JsonValue> {
    const prefix = query.get('subjectPrefix') ?? '';
    const texts = (await this.#names()).map(subjectText).filter((text) => prefix === ':*:' || text.startsWith(prefix));
    const found: JsonValue[] = [];
    for (const text of texts.sort()) {
      const schemas = await this.#schemas(await this.#state(text));
      found.push(...(query.has('latestOnly') ? schemas.slice(-1) : schemas));
    }
    const aliases = query.has('aliases') ? await this.store.configs(undefined, '') : [];
    const listed = found.map((one) => {
      const { subject } = one as { subject: string };
      const names = aliases.filter(({ config }) => config.alias === subject).map((alias) => subjectText(alias.subject));
      return { ...(one as object), aliases: names };
    });
    return this.#piece(listed, query);
  }

  async #schemas(state: SubjectState): Promise<JsonValue[]> {
    const { context } = state.subject;
    const ids = state.versions.map((row) => row.schemaId);
    const { schemas } = await this.store.schemas(context, ids);
    return state.versions.map(({ version, schemaId: id, deleted, guid, registeredAt: ts }) => {
      const { schemaType, text: schema, references, metadata, ruleSet } = schemas.get(id)!;
      const content = { schemaType, schema, references, metadata, ruleSet };
      return jsonOf({ subject: subjectText(state.subject), version, id, guid, ...content, deleted, ts });
    });
  }

  async #id(id: number, hint: string): Promise<JsonValue | undefined> {
    const { context } = parseSubject(hint);
    const { schemas } = await this.store.schemas(context, [id]);
    return schemas.has(id) ? { maxId: await this.store.highestId(context) } : undefined;
  }

  async #associations(subject: SubjectName): Promise<JsonValue> {
    const found = await this.store.associations({ subjects: [subject] });
    return found.map(({ subject: of, createdAt: createTs, updatedAt: updateTs, ...rest }) =>
      jsonOf({ ...rest, subject: subjectText(of), createTs, updateTs }),
    );
  }

  async #state(text: string): Promise<SubjectState> {
    const subject = text === ':.:' ? { context: '.', name: '' } : parseSubject(text);
    return (await this.store.subjects([subject])).states[0]!;
  }
}

/** The registries given. */
export class FixedSourceRegistries extends SourceRegistries {
  constructor(private readonly registries: readonly SourceRegistry[]) {
    super();
  }

  list(): readonly SourceRegistry[] {
    return this.registries;
  }

  get(name: string): SourceRegistry {
    return this.registries.find((one) => one.name === name)!;
  }
}

function jsonOf(value: object): JsonValue {
  return JSON.parse(JSON.stringify(value)) as JsonValue;
}
