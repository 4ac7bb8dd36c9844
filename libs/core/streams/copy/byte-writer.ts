import { varintSize, varlongSize, writeVarint, writeVarlong } from '#libs/core/log';

/** A growing buffer for small binary forms (offset maps, positions). */
export class ByteWriter {
  #buffer: Buffer;
  #at = 0;

  constructor(initialBytes = 256) {
    this.#buffer = Buffer.allocUnsafe(initialBytes);
  }

  byte(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#at++] = value;
    return this;
  }

  /** A signed 32-bit integer. */
  int(value: number): this {
    this.#reserve(varintSize(value));
    this.#at = writeVarint(this.#buffer, this.#at, value);
    return this;
  }

  /** A safe integer. */
  long(value: number): this {
    this.#reserve(varlongSize(value));
    this.#at = writeVarlong(this.#buffer, this.#at, value);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  /** What was written, in memory of its own. */
  finish(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#at));
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#at + bytes, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = larger;
  }
}
