import { AppError } from '#libs/core/kernel';
import { DEFAULT_CONTEXT, versionInvalid, type VersionChoice } from '#libs/core/registry';

/** Query parameters as Fastify parses them: a text, or several where the name was repeated. */
export type RawQuery = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The first value; undefined when absent. */
export function text(query: RawQuery, name: string): string | undefined {
  const value = Object.hasOwn(query, name) ? query[name] : undefined;
  return typeof value === 'string' || value === undefined ? value : value[0];
}

/** `true` in any case; everything else, also nothing, is false (contract 1.3). */
export function flag(query: RawQuery, name: string): boolean {
  return text(query, name)?.toLowerCase() === 'true';
}

/** Every value of a repeated parameter. */
export function texts(query: RawQuery, name: string): readonly string[] {
  const value = Object.hasOwn(query, name) ? query[name] : undefined;
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
}

/** Every value of a repeated parameter that takes one of a few words. @throws `not-found` for another word, as the reference has it. */
export function choices<T extends string>(query: RawQuery, name: string, known: readonly T[]): readonly T[] {
  return texts(query, name).flatMap((value) => {
    if (value === '') return [];
    const choice = known.find((one) => one === value);
    if (choice === undefined) throw nothingHere();
    return [choice];
  });
}

/** A page of a list. */
export interface Page {
  readonly offset: number;
  readonly limit: number;
}

/** Entries of a list of names or numbers in one answer at most, and where nothing is asked for. */
const BARE_LIST = 100_000;

/**
 * The page asked for. A negative offset is 0: the reference fails on it.
 * @param most entries of one page; as many as that where nothing is asked for, or more.
 * @throws `not-found` for a number that cannot be read, as the contract has it (1.3).
 */
export function page(query: RawQuery, most = BARE_LIST): Page {
  const offset = integer(query, 'offset') ?? 0;
  const limit = integer(query, 'limit') ?? -1;
  return { offset: Math.max(0, offset), limit: limit <= 0 || limit > most ? most : limit };
}

export function paged<T>(items: readonly T[], { offset, limit }: Page): readonly T[] {
  return items.slice(offset, offset + limit);
}

function integer(query: RawQuery, name: string): number | undefined {
  const given = text(query, name);
  return given === undefined || given === '' ? undefined : javaInteger(given);
}

/** A 32-bit integer as Java reads it. @throws `not-found` */
export function javaInteger(given: string): number {
  const value = /^[+-]?[0-9]{1,10}$/.test(given) ? Number(given) : NaN;
  if (value >= -2_147_483_648 && value <= 2_147_483_647) return value;
  throw nothingHere();
}

/** No such path, or a number in one that is none. */
export function nothingHere(): AppError {
  return new AppError({ kind: 'not-found', code: 'not-found', message: 'HTTP 404 Not Found' });
}

/** `latest`, `-1`, or a version number (contract, endpoint 20). @throws `version-invalid` */
export function versionChoice(given: string): VersionChoice {
  const trimmed = given.trim();
  if (trimmed.toLowerCase() === 'latest' || trimmed === '-1') return 'latest';
  const value = /^\+?[0-9]{1,10}$/.test(trimmed) ? Number(trimmed) : NaN;
  if (value >= 1 && value <= 2_147_483_647) return value;
  throw versionInvalid(given);
}

/** `:*:pre` is every context, `:.ctx:pre` one, `pre` the default one. */
export function prefixOf(prefix: string): { readonly context: string | undefined; readonly prefix: string } {
  if (prefix.startsWith(':*:')) return { context: undefined, prefix: prefix.slice(3) };
  const match = /^:(\.[^:]*):([^]*)$/.exec(prefix);
  return match === null ? { context: DEFAULT_CONTEXT, prefix } : { context: match[1]!, prefix: match[2]! };
}
