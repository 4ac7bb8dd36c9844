import { BoundedCache } from '#libs/core/kernel';

/** Bytes of the longest body that is kept, and of all of them with what they were parsed to. */
const LONGEST = 64 * 1024;
const KEPT_BYTES = 16 * 1024 * 1024;
/** What a byte of a body weighs, with the value made of it. */
const WEIGHT = 8;

/** JSON bodies that came lately, with the values they were parsed to. The values are frozen, since everybody gets the same. */
export class RecurringBodies {
  readonly #values = new BoundedCache<{ readonly value: unknown }>(KEPT_BYTES);

  /** @param parse for a body that is not known. @throws what it throws; nothing is kept then. */
  parsed(body: Buffer, parse: (body: Buffer) => unknown): unknown {
    if (!this.mayKnow(body.length)) return parse(body);
    const bytes = bytesOf(body);
    const known = this.#values.get(bytes);
    if (known !== undefined) return known.value;
    const value = frozen(parse(body));
    this.#values.set(bytes, { value }, body.length * WEIGHT);
    return value;
  }

  /** The value of a body that came lately; undefined for one that did not. */
  known(body: Buffer): unknown {
    return this.#values.get(bytesOf(body))?.value;
  }

  /** Whether bodies of so many bytes are kept at all. */
  mayKnow(length: number): boolean {
    return length <= LONGEST;
  }
}

/** One character for each byte: equal texts are equal bytes. */
function bytesOf(body: Buffer): string {
  return body.toString('latin1');
}

/** Nesting is bounded by the parser. */
function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) frozen(member);
  return Object.freeze(value);
}
