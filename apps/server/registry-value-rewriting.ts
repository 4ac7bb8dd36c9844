import { AppError, BoundedCache, isAppError } from '#libs/core/kernel';
import type { RecordHeader } from '#libs/core/log';
import { DEFAULT_CONTEXT, parseSubject, subjectText, type MessageCodec, type Registry } from '#libs/core/registry';
import {
  addressHeader,
  envelope,
  guidHeader,
  parseExact,
  readAddress,
  sourceLength,
  VALUE_DEPTH,
  type Address,
  type ReadingFailure,
  type RewrittenPayload,
  type SchemaEngine,
  type SchemaSource,
} from '#libs/core/schema';
import {
  JSON_VALUES,
  undecodableRecord,
  ValueRewriting,
  type FieldPath,
  type RecordValue,
  type StreamSchema,
} from '#libs/core/streams';
import { demandField } from './registry-field-types.js';

/** A schema as it is named in records, with what it takes to read it. */
interface KnownSchema {
  readonly schemaId: number;
  readonly guid: string;
  readonly source: SchemaSource;
}

/** How a record names a schema. */
type SchemaName = { readonly form: 'id'; readonly schemaId: number } | { readonly form: 'guid'; readonly guid: string };

/** A value to be written anew, with its place among all that were asked for. */
interface Waiting {
  readonly place: number;
  readonly value: RecordValue;
  readonly address: Address;
  readonly writer: KnownSchema;
}

const KNOWN_BYTES = 16 * 1024 * 1024;
/** Characters of writers' schemas that go to a thread at once, unless a single one is longer. */
const TEXT_TOGETHER = 4 * 1024 * 1024;

/** Values written anew with the registry's schemas. The work is the engine's, many records at once. */
export class RegistryValueRewriting extends ValueRewriting {
  readonly #schemas = new BoundedCache<KnownSchema>(KNOWN_BYTES);

  constructor(
    private readonly registry: Registry,
    private readonly engine: SchemaEngine,
    private readonly codec: MessageCodec,
  ) {
    super();
  }

  async resolve(topic: string, version: number, fields: readonly FieldPath[]): Promise<StreamSchema> {
    const subject = parseSubject(`${topic}-value`);
    const found = await this.registry.version(subject, version, false);
    // A subject of another context that has the name gives its ids out in that context, and records name those of the default one.
    if (found.schema.context !== DEFAULT_CONTEXT) throw noSubject(subjectText(subject));
    const declared = await this.registry.fields(found.schema);
    for (const field of fields)
      demandField(declared, field, `Values of version ${version} of '${subjectText(subject)}'`, topic);
    return { subject: subjectText(subject), version, schemaId: found.schema.id, schemaType: found.schema.schemaType };
  }

  async rewritten(
    topic: string,
    schema: StreamSchema,
    values: readonly RecordValue[],
  ): Promise<readonly (RecordValue | AppError)[]> {
    const outcomes: (RecordValue | AppError)[] = [...values];
    const reader = await this.#found({ form: 'id', schemaId: schema.schemaId });
    let together: Waiting[] = [];
    let text = 0;
    for (const [place, value] of values.entries()) {
      const address = readAddress('value', value.value, value.headers);
      if (address === undefined) {
        outcomes[place] = await this.#written(topic, schema, value);
        continue;
      }
      const writer = await this.#writer(address);
      if (writer === undefined)
        outcomes[place] = undecodableRecord(topic, 'value', 'the schema that it names is unknown');
      if (writer === undefined || writer.schemaId === reader.schemaId) continue;
      if (!together.some((one) => one.writer === writer)) {
        text += sourceLength(writer.source);
        if (together.length > 0 && text > TEXT_TOGETHER) {
          await this.#rewrite(topic, reader, together, outcomes);
          [together, text] = [[], sourceLength(writer.source)];
        }
      }
      together.push({ place, value, address, writer });
    }
    await this.#rewrite(topic, reader, together, outcomes);
    return outcomes;
  }

  /** Halves what is too much for one go. A record that is too much by itself is one that no reader should meet. */
  async #rewrite(
    topic: string,
    reader: KnownSchema,
    waiting: readonly Waiting[],
    outcomes: (RecordValue | AppError)[],
  ): Promise<void> {
    if (waiting.length === 0) return;
    const writers = [...new Set(waiting.map(({ writer }) => writer))];
    const places = new Map(writers.map((writer, place) => [writer, place]));
    try {
      const rewritten = await this.engine.rewritten({
        reader: reader.source,
        writers: writers.map(({ source }) => source),
        records: waiting.map(({ value, address, writer }) => ({
          writer: places.get(writer)!,
          // Cloning a part of a buffer clones all of it.
          bytes: new Uint8Array(value.value),
          payloadAt: address.indexes === null ? address.envelope.payloadAt : 0,
          indexes: address.indexes && new Uint8Array(address.indexes),
        })),
      });
      for (const [at, one] of rewritten.entries()) {
        const { place, value, address, writer } = waiting[at]!;
        outcomes[place] = 'payload' in one ? addressed(reader, address, value, one) : unread(topic, writer, one);
      }
    } catch (error) {
      if (!isAppError(error, 'schema-too-complex')) throw error;
      if (waiting.length === 1) {
        outcomes[waiting[0]!.place] = undecodableRecord(topic, 'value', 'reading it takes longer than one record may');
        return;
      }
      const half = waiting.length >> 1;
      await this.#rewrite(topic, reader, waiting.slice(0, half), outcomes);
      await this.#rewrite(topic, reader, waiting.slice(half), outcomes);
    }
  }

  /** A value that names no schema, which is JSON text. */
  async #written(
    topic: string,
    { subject, schemaId }: StreamSchema,
    value: RecordValue,
  ): Promise<RecordValue | AppError> {
    const writer = await this.codec.writerOf(subject, { schemaId });
    try {
      const { text } = JSON_VALUES.read(topic, value.value, value.headers);
      return { value: await writer!.encode(parsed(topic, text)), headers: value.headers };
    } catch (error) {
      if (!isAppError(error) || error.kind !== 'unprocessable') throw error;
      return error;
    }
  }

  /** Undefined where the registry has none. That is asked again with the next record: it may be registered meanwhile. */
  async #writer({ envelope: named }: Address): Promise<KnownSchema | undefined> {
    try {
      return await this.#found(named);
    } catch (error) {
      if (isAppError(error, 'schema-not-found')) return undefined;
      throw error;
    }
  }

  /** @throws `schema-not-found`. */
  async #found(named: SchemaName): Promise<KnownSchema> {
    const key = named.form === 'id' ? `./${named.schemaId}` : named.guid;
    const known = this.#schemas.get(key);
    if (known !== undefined) return known;
    const { schema } =
      named.form === 'id'
        ? await this.registry.schemaById(named.schemaId)
        : await this.registry.schemaByGuid(named.guid);
    const found = { schemaId: schema.id, guid: schema.guid, source: await this.registry.view.source(schema) };
    this.#schemas.set(key, found, 500 + sourceLength(found.source) * 2);
    return found;
  }
}

/** The value behind the name of the reader's schema, which stands where that of the writer's stood. */
function addressed(
  reader: KnownSchema,
  { indexes: apart }: Address,
  value: RecordValue,
  made: RewrittenPayload,
): RecordValue {
  const { indexes, payload } = made;
  if (apart === null) return { value: envelope(reader.schemaId, payload, indexes), headers: value.headers };
  const name = addressHeader('value');
  const at = value.headers.findLastIndex(({ key }) => key === name);
  const header: RecordHeader = { key: name, value: Buffer.concat([guidHeader(reader.guid), indexes]) };
  return { value: payload, headers: value.headers.with(at, header) };
}

/** The reason is about the schemas and quotes no contents. */
function unread(topic: string, { schemaId }: KnownSchema, { path, reason }: ReadingFailure): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'value-not-readable',
    message: `The value of a record of '${topic}', written with schema ${schemaId}, cannot be read${path === '' ? '' : ` at ${path}`}: ${reason}.`,
    details: { topic, schemaId, path, reason },
  });
}

function parsed(topic: string, text: string): unknown {
  try {
    return parseExact(text, VALUE_DEPTH);
  } catch (cause) {
    throw undecodableRecord(topic, 'value', 'it names no schema and is no JSON text', cause);
  }
}

function noSubject(subject: string): AppError {
  return new AppError({
    kind: 'not-found',
    code: 'subject-not-found',
    message: `Subject '${subject}' has no schema in the default context.`,
    hint: 'Register the schema that values are to be read with, or leave schemaVersion out.',
    details: { subject },
  });
}
