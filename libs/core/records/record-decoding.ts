import type { Clock, JsonObject, JsonValue } from '#libs/core/kernel';
import type { PartitionRecord } from '#libs/core/log';
import type { MessageCodec, MessagePart } from '#libs/core/registry';
import { isLong, plainText, plainTextInTurns, utf8 } from './text-in-turns.js';
import type { Turn } from './turns.js';

/** A key or value as JSON, saying what it was read as. */
export interface ReadPart {
  readonly data: JsonValue;
  /** `schema`: decoded with the schema of `schemaId`. `json`, `text`: as such. `binary`: base64. `none`: null. */
  readonly format: 'schema' | 'json' | 'text' | 'binary' | 'none';
  readonly schemaId?: number;
  /** Full name of the Protobuf message. */
  readonly message?: string;
  /** Why a schema-encoded part could not be decoded; `data` is base64 then. */
  readonly error?: string;
}

/** A record as the read routes show it. */
export interface ReadRecord {
  readonly partition: number;
  readonly offset: string;
  readonly timestamp: number;
  readonly key: JsonValue;
  readonly keyFormat: ReadPart['format'];
  readonly keySchemaId?: number;
  readonly keyMessage?: string;
  readonly value: JsonValue;
  readonly valueFormat: ReadPart['format'];
  readonly valueSchemaId?: number;
  readonly valueMessage?: string;
  readonly headers: readonly { readonly key: string; readonly value: JsonValue }[];
  readonly error?: string;
}

/** Characters of keys and values after which a page ends. A few bytes can stand for many values. */
const PAGE_CHARACTERS = 2 * 1024 * 1024;
/** How long records are decoded, wherever that is done, before the page ends. */
const PAGE_MS = 5_000;
/** What a value counts at least. */
const LEAST_CHARACTERS = 8;
/** Characters that are counted before others have their turn: a millisecond, where they are many small values. */
const COUNTED_AT_ONCE = 128 * 1024;

/** What a page of records can still show, and how long that may still take. */
export class PageRoom {
  #left: number;
  readonly #until: number;

  /** @param characters of keys and values after which it is full. */
  constructor(
    private readonly clock: Clock,
    characters = PAGE_CHARACTERS,
  ) {
    this.#left = characters;
    this.#until = clock.monotonic() + PAGE_MS;
  }

  /** Whether the page ends here: what is left comes with the next one. */
  get isFull(): boolean {
    return this.#left <= 0 || this.clock.monotonic() > this.#until;
  }

  /** Counts a value, as far as there is room for it. @returns what of a large one is to be counted by {@link takeMore}, behind a turn of others; empty when all is counted. */
  take(value: JsonValue): JsonValue[] {
    return this.takeMore([value]);
  }

  /** Goes on with what {@link take} left. */
  takeMore(waiting: JsonValue[]): JsonValue[] {
    const until = this.#left - COUNTED_AT_ONCE;
    while (this.#left > 0) {
      if (this.#left <= until) return waiting;
      const next = waiting.pop();
      if (next === undefined) return waiting;
      this.#left -= LEAST_CHARACTERS;
      if (typeof next === 'string') this.#left -= next.length;
      if (typeof next !== 'object' || next === null) continue;
      if (Array.isArray(next)) {
        for (const item of next) waiting.push(item);
        continue;
      }
      for (const name of Object.keys(next)) {
        this.#left -= name.length;
        waiting.push((next as JsonObject)[name]!);
      }
    }
    return [];
  }
}

/** Decodes records for people. What cannot be decoded is shown in place, with its bytes and the reason; nothing is left out. */
export class RecordDecoding {
  constructor(
    private readonly codec: MessageCodec,
    private readonly turn: Turn,
  ) {}

  /** @param room what is left of the page; the record is shown even where it takes more. */
  async show(record: PartitionRecord, format: 'auto' | 'binary', room: PageRoom): Promise<ReadRecord> {
    const key = format === 'binary' ? binary(record.key) : await this.part(record, 'key', room);
    const value = format === 'binary' ? binary(record.value) : await this.part(record, 'value', room);
    const error = key.error ?? value.error;
    return {
      partition: record.partition,
      offset: String(record.offset),
      timestamp: record.timestamp,
      key: key.data,
      keyFormat: key.format,
      ...(key.schemaId === undefined ? {} : { keySchemaId: key.schemaId }),
      ...(key.message === undefined ? {} : { keyMessage: key.message }),
      value: value.data,
      valueFormat: value.format,
      ...(value.schemaId === undefined ? {} : { valueSchemaId: value.schemaId }),
      ...(value.message === undefined ? {} : { valueMessage: value.message }),
      headers: record.headers.map((header) => ({ key: header.key, value: headerValue(header.value) })),
      ...(error === undefined ? {} : { error }),
    };
  }

  private async part(record: PartitionRecord, part: MessagePart, room: PageRoom): Promise<ReadPart> {
    const bytes = record[part];
    if (bytes === null) return binary(null);
    const read = await this.decoded(record, part, bytes);
    for (let rest = room.take(read.data); rest.length > 0; rest = room.takeMore(rest)) await this.turn();
    return read;
  }

  private async decoded(record: PartitionRecord, part: MessagePart, bytes: Uint8Array): Promise<ReadPart> {
    const decoded = await this.codec.decode(bytes, part, record.headers);
    if (decoded?.kind === 'decoded') {
      const { value: data, schemaId, message } = decoded;
      return { data, format: 'schema', schemaId, ...(message === null ? {} : { message }) };
    }
    if (decoded?.kind === 'failed') {
      const { schemaId, reason } = decoded;
      return { ...binary(bytes), ...(schemaId === null ? {} : { schemaId }), error: `${part}: ${reason}` };
    }
    const mayBeJson = part === 'value' ? () => true : isBracket;
    const plain = isLong(bytes) ? await plainTextInTurns(bytes, mayBeJson, this.turn) : plainText(bytes, mayBeJson);
    if (plain === undefined) return binary(bytes);
    return 'json' in plain ? { data: plain.json, format: 'json' } : { data: plain.text, format: 'text' };
  }
}

function binary(bytes: Uint8Array | null): ReadPart {
  return bytes === null ? { data: null, format: 'none' } : { data: base64(bytes), format: 'binary' };
}

function headerValue(bytes: Uint8Array | null): JsonValue {
  return bytes === null ? null : (utf8(bytes) ?? { base64: base64(bytes) });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** A key is taken for JSON only where it is a list or an object: others are names, and look like themselves. */
function isBracket(first: number | undefined): boolean {
  return first === 0x5b || first === 0x7b;
}
