import { isJsonObject } from '#libs/core/kernel';
import { ExactNumber } from '#libs/core/schema';
import { badRequest, refusal } from './errors.js';

/**
 * Values of request bodies as the reference's parser takes them (section 1.1 of the contract): scalars are turned into one another where they can be,
 * members nobody knows are refused with 422, everything else with 400. Bodies come with numbers as they were spelled.
 */

/** The members of an object, each of which is known. @throws 422 for a member that is not; 400 for what is no object. */
export function membersOf(value: unknown, known: ReadonlySet<string>, what = 'the body'): Members {
  if (!isJsonObject(value)) throw badRequest(`${what} must be an object.`);
  for (const name of Object.keys(value)) if (!known.has(name)) throw unrecognized(name);
  return new Members(value);
}

export function unrecognized(name: string): Error {
  return refusal(422, `Unrecognized field: ${name}`);
}

/** Members by name. Absent and null are the same to every reader but {@link has}. */
export class Members {
  constructor(private readonly object: Readonly<Record<string, unknown>>) {}

  has(name: string): boolean {
    return Object.hasOwn(this.object, name);
  }

  /** As it is; undefined when absent, null for null. */
  raw(name: string): unknown {
    return this.has(name) ? this.object[name] : undefined;
  }

  text(name: string): string | undefined {
    return present(this.raw(name), (value) => textOf(value, name));
  }

  integer(name: string): number | undefined {
    return present(this.raw(name), (value) => integerOf(value, name));
  }

  flag(name: string): boolean | undefined {
    return present(this.raw(name), (value) => flagOf(value, name));
  }

  /** One of some words, spelled exactly so. */
  word<T extends string>(name: string, words: readonly T[]): T | undefined {
    return present(this.raw(name), (value) => {
      const word = words.find((one) => one === value);
      if (word === undefined) throw badRequest(`${name} must be one of ${words.join(', ')}.`);
      return word;
    });
  }

  list(name: string): readonly unknown[] | undefined {
    return present(this.raw(name), (value) => {
      if (!Array.isArray(value)) throw badRequest(`${name} must be a list.`);
      return value as readonly unknown[];
    });
  }

  required<T>(name: string, value: T | undefined): T {
    if (value === undefined) throw badRequest(`Missing required member '${name}'.`);
    return value;
  }
}

function present<T>(value: unknown, read: (value: unknown) => T | undefined): T | undefined {
  return value === undefined || value === null ? undefined : read(value);
}

/** Numbers and booleans are their text. */
export function textOf(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  if (value instanceof ExactNumber) return value.text;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw badRequest(`${name} must be text.`);
}

const INT_MAX = 2_147_483_647;

/** 32 bits: fractions are cut off, texts are read. Undefined for an empty text, which stands for null. */
export function integerOf(value: unknown, name: string, most = INT_MAX): number | undefined {
  if (typeof value === 'string' && value.trim() === '') return undefined;
  const number =
    typeof value === 'number'
      ? value
      : value instanceof ExactNumber
        ? Number(value.text)
        : typeof value === 'string' && /^\s*[+-]?[0-9]{1,19}\s*$/.test(value)
          ? Number(value)
          : NaN;
  const whole = Math.trunc(number);
  if (!(whole >= -most - 1 && whole <= most)) throw badRequest(`${name} must be an integer.`);
  return whole === 0 ? 0 : whole;
}

function flagOf(value: unknown, name: string): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isInteger(value)) return value !== 0;
  const text = typeof value === 'string' ? value.trim() : 'x';
  if (text === '') return undefined;
  if (text === 'true' || text === 'True' || text === 'TRUE') return true;
  if (text === 'false' || text === 'False' || text === 'FALSE') return false;
  throw badRequest(`${name} must be true or false.`);
}

/** A 32-bit number in a path or query; undefined for what is none. */
export function pathNumber(text: string): number | undefined {
  if (!/^[+-]?[0-9]{1,10}$/.test(text)) return undefined;
  const number = Number(text);
  return number > INT_MAX || number < -INT_MAX - 1 ? undefined : number;
}
