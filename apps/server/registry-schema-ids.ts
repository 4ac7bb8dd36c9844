import { AppError, isAppError, isJsonObject, type JsonObject } from '#libs/core/kernel';
import type { SourceRegistries } from '#libs/core/moving';
import { parseSubject, type Registry, type StoredSchema, type SubjectName, subjectText } from '#libs/core/registry';
import { type IdSpace, type NamedBy, SchemaIds, type Translated, type TranslatedSchema } from '#libs/core/streams';

/** A reference as the source writes it: the subject by the name it has in its context. */
interface SourceReference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

/** A schema at its source. */
interface SourceSchema {
  readonly type: string;
  readonly text: string;
  readonly references: readonly SourceReference[];
  /** Where it is a version, without context. */
  readonly subject: string;
  readonly guid: string | undefined;
}

/** Where schemas are read from. */
interface Source {
  named(name: NamedBy): Promise<SourceSchema | undefined>;
  version(subject: string, version: number): Promise<SourceSchema>;
}

/** A schema in the target context. */
interface Found extends TranslatedSchema {
  readonly version: number;
}

/** References that lead on from one schema to the next: deeper ones are no honest schema's. */
const DEEPEST = 100;

/**
 * Schemas of a context of this registry, or of another one that the configuration names, found by content in a context of this registry: by GUID, or as a version of the subject of the same name, with references that
 * were found likewise. Numbers of versions may differ.
 */
export class RegistrySchemaIds extends SchemaIds {
  constructor(
    private readonly registry: Registry,
    private readonly sources: SourceRegistries,
  ) {
    super();
  }

  async translate(from: IdSpace, to: string, name: NamedBy): Promise<Translated> {
    const source = this.#source(from);
    const schema = await source.named(name);
    if (schema === undefined) return { kind: 'unknown-here' };
    const found = await this.#found(source, schema, to, false, DEEPEST);
    if (found === undefined) return { kind: 'unknown-there', subject: schema.subject };
    return { kind: 'known', schemaId: found.schemaId, guid: found.guid };
  }

  async register(from: IdSpace, to: string, name: NamedBy): Promise<TranslatedSchema> {
    const source = this.#source(from);
    const schema = await source.named(name);
    const found = schema && (await this.#found(source, schema, to, true, DEEPEST));
    if (found === undefined) throw notThere(name);
    return { schemaId: found.schemaId, guid: found.guid };
  }

  #source({ registry, context }: IdSpace): Source {
    if (registry === null) return new OwnContext(this.registry, context);
    const remote = this.sources.get(registry);
    return new RemoteContext((path) => remote.get(path), context);
  }

  /** The schema in the target context; undefined where it is not there and nothing is to be registered. */
  async #found(
    source: Source,
    schema: SourceSchema,
    to: string,
    registers: boolean,
    left: number,
  ): Promise<Found | undefined> {
    if (left === 0) throw tooDeep(schema.subject);
    const subject: SubjectName = { context: to, name: schema.subject };
    const references: SourceReference[] = [];
    for (const one of schema.references) {
      const referred = await this.#found(
        source,
        await source.version(one.subject, one.version),
        to,
        registers,
        left - 1,
      );
      if (referred === undefined) return undefined;
      // By the name within its context: it is to be found in the other one.
      references.push({ name: one.name, subject: parseSubject(one.subject).name, version: referred.version });
    }
    const sent = { schema: schema.text, schemaType: schema.type, references };
    if (registers) return foundOf(await this.registry.register(subject, sent, { normalize: false, force: false }));
    const version = await this.#lookup(subject, sent);
    if (version !== undefined || schema.guid === undefined) return version;
    // Under another subject: the id is the content's all the same, but nothing can refer to it by this name.
    const id = (await this.registry.idsOfGuid(schema.guid)).find((one) => one.context === to)?.id;
    return id === undefined ? undefined : { schemaId: id, guid: schema.guid, version: -1 };
  }

  async #lookup(subject: SubjectName, sent: Parameters<Registry['lookup']>[1]): Promise<Found | undefined> {
    try {
      return foundOf(await this.registry.lookup(subject, sent, { normalize: false, deleted: true }));
    } catch (error) {
      const isAbsent = isAppError(error, 'subject-not-found') || isAppError(error, 'schema-not-found');
      if (isAbsent || isAppError(error, 'schema-invalid')) return undefined;
      throw error;
    }
  }
}

function foundOf({ row, schema }: { row: { version: number }; schema: StoredSchema }): Found {
  return { schemaId: schema.id, guid: schema.guid, version: row.version };
}

/** A context of this registry. */
class OwnContext implements Source {
  constructor(
    private readonly registry: Registry,
    private readonly context: string,
  ) {}

  async named(name: NamedBy): Promise<SourceSchema | undefined> {
    try {
      const hint = subjectText({ context: this.context, name: '' });
      const { schema, usage } =
        'id' in name ? await this.registry.schemaById(name.id, hint) : await this.registry.schemaByGuid(name.guid);
      return this.#schema(schema, usage.subject.name);
    } catch (error) {
      if (isAppError(error, 'schema-not-found')) return undefined;
      throw error;
    }
  }

  async version(subject: string, version: number): Promise<SourceSchema> {
    const name = parseSubject(subject, this.context);
    const found = await this.registry.version(name, version, true);
    return this.#schema(found.schema, name.name);
  }

  #schema({ schemaType: type, text, references, guid }: StoredSchema, subject: string): SourceSchema {
    return { type, text, references, subject, guid };
  }
}

/** A context of another registry, by the Confluent API. Nothing it says is trusted beyond being a schema, which registering and looking up judge. */
class RemoteContext implements Source {
  constructor(
    private readonly get: (path: string) => Promise<{ status: 'found'; body: unknown } | { status: 'missing' }>,
    private readonly context: string,
  ) {}

  async named(name: NamedBy): Promise<SourceSchema | undefined> {
    const subject = encodeURIComponent(subjectText({ context: this.context, name: '' }));
    const path = 'id' in name ? `/schemas/ids/${name.id}` : `/schemas/guids/${name.guid}`;
    const query = this.context === '.' ? '' : `?subject=${subject}`;
    const json = await this.#object(`${path}${query}`);
    if (json === undefined) return undefined;
    const id = 'id' in name ? name.id : json['id'];
    const versions = await this.get(`/schemas/ids/${String(id)}/versions${query}`);
    const [first] = versions.status === 'found' && Array.isArray(versions.body) ? (versions.body as unknown[]) : [];
    const found = (first as { subject?: unknown } | undefined)?.subject;
    return typeof found === 'string' ? schemaFrom(json, parseSubject(found).name) : undefined;
  }

  async version(subject: string, version: number): Promise<SourceSchema> {
    const name = parseSubject(subject, this.context);
    const path = `/subjects/${encodeURIComponent(subjectText(name))}/versions/${version}?deleted=true`;
    const json = await this.#object(path);
    if (json === undefined) throw notThere({ guid: `${subjectText(name)} version ${version}` });
    return schemaFrom(json, name.name);
  }

  async #object(path: string): Promise<JsonObject | undefined> {
    const answer = await this.get(path);
    return answer.status === 'found' && isJsonObject(answer.body as JsonObject)
      ? (answer.body as JsonObject)
      : undefined;
  }
}

function schemaFrom(json: JsonObject, subject: string): SourceSchema {
  const { schema, schemaType, references, guid } = json;
  const listed = Array.isArray(references) ? references : [];
  return {
    type: typeof schemaType === 'string' ? schemaType : 'AVRO',
    text: typeof schema === 'string' ? schema : '',
    references: listed.flatMap((one) => {
      const { name, subject: of, version } = (one ?? {}) as Partial<SourceReference>;
      const isWhole = typeof name === 'string' && typeof of === 'string' && typeof version === 'number';
      return isWhole ? [{ name, subject: of, version }] : [];
    }),
    subject,
    guid: typeof guid === 'string' ? guid : undefined,
  };
}

function notThere(name: NamedBy): AppError {
  return new AppError({
    kind: 'not-found',
    code: 'schema-not-found',
    message: `The source has no schema ${'id' in name ? name.id : name.guid} any more.`,
  });
}

function tooDeep(subject: string): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'schema-too-complex',
    message: `The references of '${subject}' lead more than ${DEEPEST} schemas deep.`,
  });
}
