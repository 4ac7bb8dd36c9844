import { BoundedCache, isAppError } from '#libs/core/kernel';
import {
  addressHeader,
  envelope,
  guidHeader,
  readAddress,
  type Address,
  type AvroForm,
  type DecodedPayload,
  type EngineCodec,
  type Envelope,
} from '#libs/core/schema';
import {
  MessageCodec,
  type DecodedMessage,
  type MessageHeader,
  type MessagePart,
  type MessageWriter,
  type WriterChoice,
} from './message-codec.js';
import type { StoredSchema } from './model.js';
import type { Registry } from './registry.js';
import { parseSubject, subjectText } from './subject-name.js';

/** One schema's codec with the id that is shown for it. */
interface KnownCodec {
  readonly schemaId: number;
  readonly codec: EngineCodec;
}

/** A message with what it says of its schema. */
interface Addressed extends Address {
  readonly bytes: Uint8Array;
  readonly form: AvroForm;
}

const CODEC_BYTES = 64 * 1024 * 1024;

/**
 * Messages with the schemas of a {@link Registry}. What an id or GUID stands for never changes, so codecs are kept without asking again; only the latest
 * version of a subject is asked for each time.
 */
export class RegistryMessageCodec extends MessageCodec {
  readonly #codecs = new BoundedCache<KnownCodec>(CODEC_BYTES);

  constructor(private readonly registry: Registry) {
    super();
  }

  async writerOf(subject: string, choice: WriterChoice = {}): Promise<MessageWriter | undefined> {
    const name = parseSubject(subject);
    const schema =
      choice.schemaId === undefined
        ? (await this.registry.latest(name))?.schema
        : (await this.registry.schemaById(choice.schemaId, subject)).schema;
    if (schema === undefined) return undefined;
    const { codec } = await this.#codecOf(schema, `${schema.context}/${schema.id}`, choice.form ?? 'plain');
    const encoder = await codec.encoder(choice.message);
    const about = { subject: subjectText(name), schemaId: schema.id, message: encoder.message };
    if (choice.headerFor === undefined) {
      const wrapped = (payload: Uint8Array) => envelope(schema.id, payload, encoder.indexes);
      const encode = (value: unknown) => {
        const payload = encoder.encode(value);
        return payload instanceof Promise ? payload.then(wrapped) : wrapped(payload);
      };
      return { ...about, header: null, encode };
    }
    const value = Buffer.concat([guidHeader(schema.guid), encoder.indexes]);
    return { ...about, header: { key: addressHeader(choice.headerFor), value }, encode: encoder.encode };
  }

  decode(
    bytes: Uint8Array,
    part?: MessagePart,
    headers: readonly MessageHeader[] = [],
    form: AvroForm = 'plain',
  ): DecodedMessage | undefined | Promise<DecodedMessage | undefined> {
    const address = readAddress(part, bytes, headers);
    if (address === undefined) return undefined;
    const found = { ...address, bytes, form };
    const known = this.#codecs.get(kept(keyOf(found.envelope), form));
    return known === undefined ? this.#resolved(found) : decoded(found, known);
  }

  async #resolved(found: Addressed): Promise<DecodedMessage> {
    const { envelope: named } = found;
    try {
      const { schema } =
        named.form === 'id'
          ? await this.registry.schemaById(named.schemaId)
          : await this.registry.schemaByGuid(named.guid);
      return await decoded(found, await this.#codecOf(schema, keyOf(named), found.form));
    } catch (error) {
      return failed(error, named.form === 'id' ? named.schemaId : null);
    }
  }

  async #codecOf(schema: StoredSchema, name: string, form: AvroForm): Promise<KnownCodec> {
    const key = kept(name, form);
    const known = this.#codecs.get(key);
    if (known !== undefined) return known;
    const made: KnownCodec = { schemaId: schema.id, codec: await this.registry.codec(schema, form) };
    const referenced = await this.registry.referencesOf(schema);
    const length = referenced.reduce((sum, one) => sum + one.text.length, schema.text.length);
    this.#codecs.set(key, made, 4_000 + length * 40);
    return made;
  }
}

function decoded(found: Addressed, { schemaId, codec }: KnownCodec): DecodedMessage | Promise<DecodedMessage> {
  try {
    const payload = payloadOf(found, codec);
    if (!(payload instanceof Promise)) return { kind: 'decoded', schemaId, ...payload };
    return payload.then(
      (one): DecodedMessage => ({ kind: 'decoded', schemaId, ...one }),
      (error: unknown) => failed(error, schemaId),
    );
  } catch (error) {
    return failed(error, schemaId);
  }
}

function payloadOf(
  { bytes, envelope: named, indexes }: Addressed,
  codec: EngineCodec,
): DecodedPayload | Promise<DecodedPayload> {
  return indexes === null ? codec.decode(bytes, named.payloadAt) : codec.decodeBare(bytes, indexes);
}

/** What the bytes say is wrong is an answer; that the registry cannot be reached is not. */
function failed(error: unknown, schemaId: number | null): DecodedMessage {
  if (!isAppError(error) || error.kind === 'internal' || error.kind === 'unavailable') throw error;
  return { kind: 'failed', schemaId, reason: error.message };
}

/** Under which name a codec is kept. */
function kept(schema: string, form: AvroForm): string {
  return form === 'plain' ? schema : `${form} ${schema}`;
}

/** Ids without a context are the default context's. */
function keyOf(found: Envelope): string {
  return found.form === 'id' ? `./${found.schemaId}` : found.guid;
}
