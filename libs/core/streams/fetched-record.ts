import type { PartitionRecord, RecordCursor, RecordHeader } from '#libs/core/log';
import { isPlainJson } from '#libs/core/schema';

/** The bytes of a batch, and the same as one text with a character for each byte, which is made when it is first asked for: to cut a text is a fraction of what it takes to make one of bytes. */
export class BatchBytes {
  #characters: string | undefined;

  constructor(readonly bytes: Uint8Array) {}

  get characters(): string {
    return (this.#characters ??= bufferOf(this.bytes, 0, this.bytes.length).toString('latin1'));
  }
}

/**
 * A record of a fetch where it lies. Key and value are made when they are asked for; where they are plain text, that can be had without making bytes of them first.
 */
export class FetchedRecord implements PartitionRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly headers: readonly RecordHeader[];
  private readonly keyAt: number;
  private readonly keyLength: number;
  private readonly valueAt: number;
  private readonly valueLength: number;

  /** The present record of a cursor. */
  constructor(
    readonly partition: number,
    private readonly batch: BatchBytes,
    cursor: RecordCursor,
  ) {
    this.offset = cursor.offset;
    this.timestamp = cursor.timestamp;
    this.headers = cursor.headers();
    this.keyAt = cursor.keyAt;
    this.keyLength = cursor.keyLength;
    this.valueAt = cursor.valueAt;
    this.valueLength = cursor.valueLength;
  }

  get hasKey(): boolean {
    return this.keyLength >= 0;
  }

  get hasValue(): boolean {
    return this.valueLength >= 0;
  }

  get key(): Uint8Array | null {
    return this.hasKey ? bufferOf(this.batch.bytes, this.keyAt, this.keyLength) : null;
  }

  get value(): Uint8Array | null {
    return this.hasValue ? bufferOf(this.batch.bytes, this.valueAt, this.valueLength) : null;
  }

  /** The key where it is a word of plain characters, with which no JSON text and nothing that names a schema begins; undefined for any other. */
  get word(): string | undefined {
    const { keyAt, keyLength, batch } = this;
    if (keyLength <= 0 || this.headers.length > 0 || !isWordBegin(batch.bytes[keyAt]!)) return undefined;
    const end = keyAt + keyLength;
    for (let at = keyAt; at < end; at++) if (batch.bytes[at]! > LAST_ASCII) return undefined;
    return batch.characters.slice(keyAt, end);
  }

  /** The value where it can only be the JSON text of an object, if it is any, of which `JSON.parse` makes what is to be made of it; undefined for any other. */
  get plainObject(): string | undefined {
    const { valueAt, valueLength, batch } = this;
    if (valueLength < 2 || this.headers.length > 0 || batch.bytes[valueAt] !== OPEN_BRACE) return undefined;
    const end = valueAt + valueLength;
    return isPlainJson(batch.bytes, valueAt, end) ? batch.characters.slice(valueAt, end) : undefined;
  }
}

const OPEN_BRACE = 0x7b;
const LAST_ASCII = 0x7f;

/** Letters, but those that words of JSON begin with. */
function isWordBegin(byte: number): boolean {
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x7a && byte !== 0x74 && byte !== 0x66 && byte !== 0x6e;
}

function bufferOf(bytes: Uint8Array, at: number, length: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length);
}
