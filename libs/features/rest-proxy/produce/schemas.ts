import { Injectable } from '@nestjs/common';
import { isAppError, isJsonObject, type AppError } from '#libs/core/kernel';
import {
  MessageCodec,
  parseSubject,
  Registry,
  sameSubject,
  subjectText,
  type MessagePart,
  type MessageWriter,
  type StoredSchema,
} from '#libs/core/registry';
import { SchemaEngine } from '#libs/core/schema';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { badRequest, refusal } from '../errors.js';

export const SCHEMA_TYPES = ['AVRO', 'JSONSCHEMA', 'PROTOBUF'] as const;
export type SchemaTypeWord = (typeof SCHEMA_TYPES)[number];
export const STRATEGIES = ['TOPIC_NAME', 'RECORD_NAME', 'TOPIC_RECORD_NAME'] as const;
export type Strategy = (typeof STRATEGIES)[number];

/** Which schema data is written with: one that is sent and registered, one by id or version, or the latest. */
export type SchemaChoice = { readonly subject: string | undefined; readonly strategy: Strategy } & (
  | { readonly by: 'text'; readonly type: SchemaTypeWord; readonly text: string }
  | { readonly by: 'id'; readonly id: number }
  | { readonly by: 'version'; readonly version: number }
  | { readonly by: 'latest' }
);

/** A schema that was found, ready to write with. */
export interface ChosenSchema {
  readonly type: SchemaTypeWord;
  readonly subject: string;
  readonly version: number;
  readonly writer: MessageWriter;
}

/** Codes of texts that cannot be read as a schema. */
const UNREADABLE = new Set(['schema-invalid', 'schema-empty', 'schema-too-large', 'schema-too-complex']);

/** Schemas for records that are written: looked up or registered, under the subject of topic and part or the one that is asked for. */
@Injectable()
export class ProduceSchemas {
  constructor(
    private readonly registry: Registry,
    private readonly codec: MessageCodec,
    private readonly engine: SchemaEngine,
    private readonly authorizer: Authorizer,
  ) {}

  /**
   * Registers what was sent only for a principal who may; otherwise it must be known.
   * @throws 42205 for a text that is no schema, 42207 for anything else the registry refuses, 400 for a version that is not there, `forbidden`.
   */
  async choose(topic: string, part: MessagePart, choice: SchemaChoice, principal: Principal): Promise<ChosenSchema> {
    switch (choice.by) {
      case 'text':
        return this.#registered(topic, part, choice, principal);
      case 'id': {
        const { schema, usages } = await this.registry
          .schemaById(choice.id)
          .catch((error: unknown) => notSerialized(error, `Error when fetching schema by id. schemaId = ${choice.id}`));
        const subject = await this.#subject(topic, part, choice, () => this.#recordName(schema));
        const name = parseSubject(subject);
        const version = usages.find((usage) => sameSubject(usage.subject, name))?.version;
        if (version === undefined)
          throw refusal(
            42_207,
            `Error serializing message. Schema ${choice.id} is not registered under subject ${subject}.`,
          );
        return this.#chosen(schema, subject, version);
      }
      case 'version': {
        const subject = await this.#subject(topic, part, choice);
        const { schema, row } = await this.registry
          .version(parseSubject(subject), choice.version, false)
          .catch((error: unknown) => {
            const missing = isAppError(error, 'subject-not-found') || isAppError(error, 'version-not-found');
            throw missing
              ? badRequest(`Schema does not exist for subject: ${subject}, version: ${choice.version}`)
              : error;
          });
        return this.#chosen(schema, subject, row.version);
      }
      case 'latest': {
        const subject = await this.#subject(topic, part, choice);
        const found = await this.registry.latest(parseSubject(subject));
        if (found === undefined)
          throw refusal(
            42_207,
            `Error serializing message. Error when fetching latest schema version. subject = ${subject}`,
          );
        return this.#chosen(found.schema, subject, found.row.version);
      }
    }
  }

  async #registered(
    topic: string,
    part: MessagePart,
    choice: SchemaChoice & { readonly by: 'text' },
    principal: Principal,
  ): Promise<ChosenSchema> {
    const { type, text } = choice;
    const schemaType = type === 'JSONSCHEMA' ? 'JSON' : type;
    const sent = { schema: text, schemaType };
    const about = `format = ${type}, schema = ${text}`;
    try {
      const subject = await this.#subject(topic, part, choice, () => this.#recordName({ text, schemaType }));
      const name = parseSubject(subject);
      const object = { kind: 'subject', name: subjectText(name) } as const;
      this.authorizer.demand(principal, 'read', object);
      const options = { normalize: false, force: false };
      const { row, schema } = (await this.#mayRegister(principal, object))
        ? await this.registry.register(name, sent, options)
        : await this.registry.registered(name, sent, options);
      return await this.#chosen(schema, subject, row.version);
    } catch (error) {
      if (isAppError(error) && UNREADABLE.has(error.code))
        throw refusal(42_205, `Invalid schema: Error when parsing raw schema. ${about}`);
      const subject = choice.subject ?? `${topic}-${part}`;
      return notSerialized(
        error,
        `Error when registering schema. format = ${type}, subject = ${subject}, schema = ${text}\n${isAppError(error) ? error.message : ''}`,
      );
    }
  }

  /** Whoever may write under a subject, where that is enough; else whoever may alter it. */
  async #mayRegister(
    principal: Principal,
    object: { readonly kind: 'subject'; readonly name: string },
  ): Promise<boolean> {
    if (!this.authorizer.allows(principal, 'write', object)) return false;
    if (this.authorizer.allows(principal, 'alter', object)) return true;
    return (await this.registry.settings.registration(parseSubject(object.name))).policy === 'open';
  }

  async #chosen(schema: StoredSchema, subject: string, version: number): Promise<ChosenSchema> {
    const writer = await this.codec.writerOf(subject, { schemaId: schema.id, form: 'tagged' });
    if (writer === undefined) throw refusal(42_207, `Error serializing message. Schema ${schema.id} is gone.`);
    const type = schema.schemaType === 'JSON' ? 'JSONSCHEMA' : schema.schemaType;
    return { type, subject, version, writer };
  }

  async #subject(
    topic: string,
    part: MessagePart,
    { subject, strategy }: SchemaChoice,
    recordName?: () => Promise<string>,
  ): Promise<string> {
    if (subject !== undefined) return subject;
    if (strategy === 'TOPIC_NAME' || recordName === undefined) return `${topic}-${part}`;
    const name = await recordName();
    return strategy === 'RECORD_NAME' ? name : `${topic}-${name}`;
  }

  /** The name that the strategies by record take: of a record, a message, a JSON Schema's title. @throws `schema-invalid`, 42207 where it has none. */
  async #recordName({ text, schemaType }: Pick<StoredSchema, 'text' | 'schemaType'>): Promise<string> {
    const source = { schemaType, text, references: [], referencesKey: '' };
    if (schemaType === 'PROTOBUF') {
      const encoder = await (await this.engine.codec(source)).encoder();
      if (encoder.message !== null) return encoder.message;
    } else {
      const { canonical } = await this.engine.read(source);
      const schema: unknown = JSON.parse(canonical);
      const { name, namespace, title } = isJsonObject(schema) ? schema : {};
      if (schemaType === 'JSON' && typeof title === 'string') return title;
      if (schemaType === 'AVRO' && typeof name === 'string')
        return typeof namespace === 'string' && namespace !== '' && !name.includes('.') ? `${namespace}.${name}` : name;
    }
    throw refusal(42_207, 'Error serializing message. The schema has no name to make a subject of.');
  }
}

/** What the registry refuses is 42207; what nobody may, and what is not there for now, stay what they are. */
function notSerialized(error: unknown, why: string): never {
  if (!isAppError(error) || ['forbidden', 'internal', 'unavailable', 'timeout'].includes(error.kind)) throw error;
  throw refusal(42_207, `Error serializing message. ${why.trimEnd()}`);
}

/** Whether a failure to encode means that the data does not fit its schema. */
export function isMisfit(error: unknown): error is AppError {
  return (
    isAppError(error) &&
    (error.kind === 'unprocessable' || error.kind === 'invalid') &&
    error.code !== 'rest-proxy-refusal'
  );
}
