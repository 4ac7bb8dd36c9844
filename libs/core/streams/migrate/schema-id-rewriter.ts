import { AppError, BoundedCache } from '#libs/core/kernel';
import type { LogRecord, RecordHeader } from '#libs/core/log';
import { type Address, guidHeader, KEY_SCHEMA_HEADER, readAddress, VALUE_SCHEMA_HEADER } from '#libs/core/schema';
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
  /** Keys name schemas that are rewritten, too: they become other bytes, and records lie where these belong. */
  readonly keys?: boolean;
}

/** A key or a value, and the headers that may name its schema. */
interface Part {
  readonly bytes: Uint8Array | null;
  readonly headers: LogRecord['headers'];
}

/** What becomes of a record's name of its schema. `awaits`: the content would be registered, which a rehearsal does not. */
export type Rewritten =
  | { readonly kind: 'same' }
  | { readonly kind: 'awaits' }
  | { readonly kind: 'other'; readonly bytes: Uint8Array; readonly headers: readonly RecordHeader[] };

const CACHE_ENTRIES = 10_000;

/**
 * Rewrites the schema that a value, or a key, names, in front or in a header, by id or by GUID, and no other byte. A leading zero byte proves nothing: what an id stands for at the source decides.
 */
export class SchemaIdRewriter {
  readonly #known = new BoundedCache<Promise<Translated>>(CACHE_ENTRIES);

  /** @param dry registers nothing, and says where that would be done */
  constructor(
    private readonly rules: SchemaIdRules,
    private readonly ids: SchemaIds,
    private readonly topic: string,
    private readonly dry: boolean,
    private readonly part: 'key' | 'value' = 'value',
  ) {}

  /** @throws `unknown-schema-id`, `schema-not-translated` for a record to blame; what keeps the registries from being asked. */
  async rewritten({ bytes, headers }: Part): Promise<Rewritten> {
    const address = bytes === null ? undefined : readAddress(this.part, bytes, headers);
    if (bytes === null || address === undefined) return { kind: 'same' };
    const { envelope } = address;
    const name: NamedBy = envelope.form === 'id' ? { id: envelope.schemaId } : { guid: envelope.guid };
    const found = await this.#translated(name);
    if (found.kind === 'known') return this.#named({ bytes, headers }, address, found);
    if (found.kind === 'unknown-there') return { kind: 'awaits' };
    if (!this.rules.strict) return { kind: 'same' };
    throw unknownId(this.part, this.topic, 'id' in name ? `id ${name.id}` : `GUID ${name.guid}`);
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
    if (!register) throw notThere(this.part, this.topic, found.subject, to);
    if (this.dry) return found;
    return { kind: 'known', ...(await this.ids.register(from, to, name)) };
  }

  #named(
    { bytes: given, headers }: { bytes: Uint8Array; headers: readonly RecordHeader[] },
    address: Address,
    to: TranslatedSchema,
  ): Rewritten {
    const { envelope, indexes } = address;
    if (envelope.form === 'id') {
      if (envelope.schemaId === to.schemaId) return { kind: 'same' };
      const bytes = Buffer.from(given);
      bytes.writeInt32BE(to.schemaId, 1);
      return { kind: 'other', bytes, headers };
    }
    if (envelope.guid === to.guid) return { kind: 'same' };
    const guid = guidHeader(to.guid);
    if (indexes === null) return { kind: 'other', bytes: Buffer.concat([guid, given.subarray(guid.length)]), headers };
    const name = this.part === 'key' ? KEY_SCHEMA_HEADER : VALUE_SCHEMA_HEADER;
    const last = headers.findLastIndex((one) => one.key === name);
    const named = Buffer.concat([guid, indexes]);
    return {
      kind: 'other',
      bytes: given,
      headers: headers.map((one, i) => (i === last ? { key: one.key, value: named } : one)),
    };
  }
}

function unknownId(part: string, topic: string, named: string): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'unknown-schema-id',
    message: `A ${part} of '${topic}' names the schema with ${named}, which the source does not have.`,
  });
}

function notThere(part: string, topic: string, subject: string, context: string): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'schema-not-translated',
    message: `A ${part} of '${topic}' was written with a schema of subject '${subject}' that context '${context}' does not have.`,
    hint: 'Register it there and redrive or resume, or cancel and plan with schemaIds.register.',
    details: { topic, subject, context },
  });
}
