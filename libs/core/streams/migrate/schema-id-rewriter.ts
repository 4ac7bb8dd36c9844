import { AppError, BoundedCache } from '#libs/core/kernel';
import type { LogRecord, RecordHeader } from '#libs/core/log';
import { type Address, guidHeader, readAddress, VALUE_SCHEMA_HEADER } from '#libs/core/schema';
import type { IdSpace, NamedBy, SchemaIds, Translated, TranslatedSchema } from './schema-ids.js';

/** How ids of schemas are rewritten. Plain data. */
export interface SchemaIdRules {
  readonly from: IdSpace;
  /** Context of this service. */
  readonly to: string;
  /** What the target does not have is registered there. */
  readonly register: boolean;
  /** A value that begins like one of a schema, of an id that the source does not have, is poison; otherwise it goes on as it is. */
  readonly strict: boolean;
}

/** The part of a record that names schemas. */
type Part = Pick<LogRecord, 'value' | 'headers'>;

/** What becomes of a record's name of its schema. `awaits`: the content would be registered, which a rehearsal does not. */
export type Rewritten =
  | { readonly kind: 'same' }
  | { readonly kind: 'awaits' }
  | { readonly kind: 'other'; readonly value: Uint8Array; readonly headers: readonly RecordHeader[] };

const CACHE_ENTRIES = 10_000;

/**
 * Rewrites the schema that a value names, in front or in a header, by id or by GUID, and no other byte. A leading zero byte proves nothing: what an id stands for at the source decides.
 */
export class SchemaIdRewriter {
  readonly #known = new BoundedCache<Promise<Translated>>(CACHE_ENTRIES);

  /** @param dry registers nothing, and says where that would be done */
  constructor(
    private readonly rules: SchemaIdRules,
    private readonly ids: SchemaIds,
    private readonly topic: string,
    private readonly dry: boolean,
  ) {}

  /** @throws `unknown-schema-id`, `schema-not-translated` for a record to blame; what keeps the registries from being asked. */
  async rewritten({ value, headers }: Part): Promise<Rewritten> {
    const address = value === null ? undefined : readAddress('value', value, headers);
    if (value === null || address === undefined) return { kind: 'same' };
    const { envelope } = address;
    const name: NamedBy = envelope.form === 'id' ? { id: envelope.schemaId } : { guid: envelope.guid };
    const found = await this.#translated(name);
    if (found.kind === 'known') return this.#named({ value, headers }, address, found);
    if (found.kind === 'unknown-there') return { kind: 'awaits' };
    if (!this.rules.strict) return { kind: 'same' };
    throw unknownId(this.topic, 'id' in name ? `id ${name.id}` : `GUID ${name.guid}`);
  }

  #translated(name: NamedBy): Promise<Translated> {
    const key = 'id' in name ? String(name.id) : name.guid;
    let found = this.#known.get(key);
    if (found === undefined) {
      found = this.#ask(name);
      this.#known.set(key, found, 1);
      // What could not be asked is asked again, and what is not there may be registered meanwhile.
      found.then(
        (one) => {
          if (one.kind !== 'known') this.#known.delete(key);
        },
        () => this.#known.delete(key),
      );
    }
    return found;
  }

  async #ask(name: NamedBy): Promise<Translated> {
    const { from, to, register } = this.rules;
    const found = await this.ids.translate(from, to, name);
    if (found.kind !== 'unknown-there') return found;
    if (!register) throw notThere(this.topic, found.subject, to);
    if (this.dry) return found;
    return { kind: 'known', ...(await this.ids.register(from, to, name)) };
  }

  #named(
    { value, headers }: { value: Uint8Array; headers: readonly RecordHeader[] },
    address: Address,
    to: TranslatedSchema,
  ): Rewritten {
    const { envelope, indexes } = address;
    if (envelope.form === 'id') {
      if (envelope.schemaId === to.schemaId) return { kind: 'same' };
      const bytes = Buffer.from(value);
      bytes.writeInt32BE(to.schemaId, 1);
      return { kind: 'other', value: bytes, headers };
    }
    if (envelope.guid === to.guid) return { kind: 'same' };
    const guid = guidHeader(to.guid);
    if (indexes === null) return { kind: 'other', value: Buffer.concat([guid, value.subarray(guid.length)]), headers };
    const last = headers.findLastIndex((one) => one.key === VALUE_SCHEMA_HEADER);
    const named = Buffer.concat([guid, indexes]);
    return {
      kind: 'other',
      value,
      headers: headers.map((one, i) => (i === last ? { key: one.key, value: named } : one)),
    };
  }
}

function unknownId(topic: string, named: string): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'unknown-schema-id',
    message: `A value of '${topic}' names the schema with ${named}, which the source does not have.`,
  });
}

function notThere(topic: string, subject: string, context: string): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'schema-not-translated',
    message: `A value of '${topic}' was written with a schema of subject '${subject}' that context '${context}' does not have.`,
    hint: 'Register it there and redrive or resume, or cancel and plan with schemaIds.register.',
    details: { topic, subject, context },
  });
}
