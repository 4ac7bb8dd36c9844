import { BoundedCache, isAppError, type JsonValue } from '#libs/core/kernel';
import { AvroCodec, envelope, readEnvelope, unknownSchemaType, type Envelope } from '#libs/core/schema';
import { MessageCodec, type DecodedMessage, type MessageWriter } from './message-codec.js';
import type { StoredSchema } from './model.js';
import type { Registry } from './registry.js';
import { parseSubject, subjectText } from './subject-name.js';

/** One schema's codec with the id that messages name. */
interface SchemaCodec {
  readonly schemaId: number;
  readonly codec: AvroCodec;
}

const CODEC_BYTES = 64 * 1024 * 1024;

/**
 * Messages with the schemas of a {@link Registry}. What an id or GUID stands for never changes, so codecs are kept without asking again; only the latest
 * version of a subject is asked for each time.
 */
export class RegistryMessageCodec extends MessageCodec {
  readonly #codecs = new BoundedCache<SchemaCodec>(CODEC_BYTES);

  constructor(private readonly registry: Registry) {
    super();
  }

  async writerOf(subject: string, schemaId?: number): Promise<MessageWriter | undefined> {
    const name = parseSubject(subject);
    const schema =
      schemaId === undefined
        ? (await this.registry.latest(name))?.schema
        : (await this.registry.schemaById(schemaId, subject)).schema;
    if (schema === undefined) return undefined;
    const { codec } = await this.#codecOf(schema);
    const id = schema.id;
    return { subject: subjectText(name), schemaId: id, encode: (value) => envelope(id, codec.encode(value)) };
  }

  async decode(bytes: Uint8Array): Promise<DecodedMessage | undefined> {
    const found = readEnvelope(bytes);
    if (found === undefined) return undefined;
    let schemaId = found.form === 'id' ? found.schemaId : 0;
    try {
      const known = this.#codecs.get(keyOf(found)) ?? (await this.#resolve(found));
      schemaId = known.schemaId;
      const value: JsonValue = known.codec.decode(bytes, found.payloadAt);
      return { kind: 'decoded', schemaId, value };
    } catch (error) {
      // What the bytes say is wrong is an answer; that the registry cannot be reached is not.
      if (!isAppError(error) || error.kind === 'internal' || error.kind === 'unavailable') throw error;
      return { kind: 'failed', schemaId, reason: error.message };
    }
  }

  async #resolve(found: Envelope): Promise<SchemaCodec> {
    const { schema } =
      found.form === 'id'
        ? await this.registry.schemaById(found.schemaId)
        : await this.registry.schemaByGuid(found.guid);
    return this.#codecOf(schema, keyOf(found));
  }

  async #codecOf(schema: StoredSchema, key = `${schema.context}/${schema.id}`): Promise<SchemaCodec> {
    const known = this.#codecs.get(key);
    if (known !== undefined) return known;
    if (schema.schemaType !== 'AVRO') throw unknownSchemaType(schema.schemaType, ['AVRO']);
    const made: SchemaCodec = { schemaId: schema.id, codec: new AvroCodec(await this.registry.parsed(schema)) };
    this.#codecs.set(key, made, 4_000 + schema.text.length * 30);
    return made;
  }
}

/** Ids without a context are the default context's. */
function keyOf(found: Envelope): string {
  return found.form === 'id' ? `./${found.schemaId}` : found.guid;
}
