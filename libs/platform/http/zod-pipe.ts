import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { z } from 'zod';
import { AppError, type ErrorItem } from '#libs/core/kernel';
import { LostNames } from './lost-names.js';
import { turn } from './turn.js';
import { toldIssues } from './union-issues.js';

/** Problems listed in one refusal; the rest is counted. */
const MAX_ITEMS = 20;

/**
 * Parses a body, query or parameter with a zod schema. Unknown members are named when the schema is strict, which it is on native paths.
 * @throws `invalid-request` with an item for each problem: a JSON pointer into a body, the name of a query or path parameter.
 */
@Injectable()
export class ZodPipe<T> implements PipeTransform<unknown, T> {
  readonly #lost: LostNames;

  constructor(private readonly schema: z.ZodType<T>) {
    this.#lost = new LostNames(schema);
  }

  transform(value: unknown, metadata?: Pick<ArgumentMetadata, 'type' | 'data'>): T {
    const parsed = this.schema.safeParse(value);
    const issues = parsed.success ? lostIssues(this.#lost, value) : parsed.error.issues;
    if (parsed.success && issues.length === 0) return parsed.data;
    throw invalidRequest(issues, metadata?.type ?? 'body', metadata?.data);
  }
}

/** Names that zod passed over, as if they had been members nobody knows. */
function lostIssues(names: LostNames, value: unknown): readonly z.core.$ZodIssue[] {
  return names.in(value).map((path) => {
    return { code: 'unrecognized_keys', keys: ['__proto__'], path: [...path], input: undefined, message: '' };
  });
}

/** Entries of a list that are parsed before others get their turn. */
const STEP = 200;

/**
 * A {@link ZodPipe} for bodies with long lists: their entries are parsed in turns with other requests. What else the body holds is parsed before, with
 * checks of the body as a whole, which see the entries as they were sent. Problems are those of the first entries that have any.
 * @throws `list-too-long` naming the list, its limit and its length, and what {@link ZodPipe} throws.
 */
@Injectable()
export class ZodListsPipe<T> implements PipeTransform<unknown, Promise<T>> {
  readonly #outline: z.ZodObject;
  readonly #lost: LostNames;

  constructor(
    schema: z.ZodObject & z.ZodType<T>,
    private readonly lists: Readonly<Record<string, BoundedList>>,
  ) {
    const unparsed = Object.entries(lists).map(([name, { min }]) => [name, z.array(z.unknown()).min(min)] as const);
    this.#outline = schema.safeExtend(Object.fromEntries(unparsed));
    this.#lost = new LostNames(this.#outline);
  }

  async transform(value: unknown): Promise<T> {
    const outline = this.#outline.safeParse(value);
    const issues = outline.success ? lostIssues(this.#lost, value) : outline.error.issues;
    if (!outline.success || issues.length > 0) throw invalidRequest(issues, 'body');
    const parsed = { ...outline.data };
    for (const [name, { entry, max }] of Object.entries(this.lists)) {
      const entries = parsed[name] as readonly unknown[];
      if (entries.length > max) throw listTooLong(name, max, entries.length);
      parsed[name] = await entriesOf(name, entries, entry);
    }
    return parsed as T;
  }
}

/** A list of a body: what its entries are, and how many there may be. */
export interface BoundedList {
  readonly entry: z.ZodType;
  readonly min: number;
  readonly max: number;
}

async function entriesOf(name: string, entries: readonly unknown[], entry: z.ZodType): Promise<readonly unknown[]> {
  const step = z.array(entry);
  const lost = new LostNames(step);
  const parsed: unknown[] = [];
  for (let from = 0; from < entries.length; from += STEP) {
    const given = entries.slice(from, from + STEP);
    const some = step.safeParse(given);
    const issues = some.success ? lostIssues(lost, given) : some.error.issues;
    if (!some.success || issues.length > 0) {
      const placed = issues.map(({ path: [at, ...path], ...issue }) => {
        return { ...issue, path: [name, from + Number(at), ...path] } as z.core.$ZodIssue;
      });
      throw invalidRequest(placed, 'body');
    }
    for (const one of some.data) parsed.push(one);
    await turn();
  }
  return parsed;
}

function listTooLong(name: string, max: number, measured: number): AppError {
  return new AppError({
    kind: 'too-large',
    code: 'list-too-long',
    message: `'${name}' holds ${measured} entries; this route takes ${max}.`,
    hint: 'Send them in several requests.',
    details: { limit: name, value: max, measured },
  });
}

function invalidRequest(issues: readonly z.core.$ZodIssue[], type: ArgumentMetadata['type'], name?: string): AppError {
  const pointer = (path: readonly PropertyKey[]): string => {
    if (type === 'body') return path.map((part) => `/${escape(String(part))}`).join('');
    return [...(name === undefined ? [] : [name]), ...path.map(String)].join('.');
  };
  const items = toldIssues(issues).flatMap((issue): ErrorItem[] =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: pointer([...issue.path, key.slice(0, 100)]), message: 'is not known here' }))
      : [{ path: pointer(issue.path), message: issue.message }],
  );
  const what = type === 'query' ? 'query' : type === 'param' ? 'path' : 'body';
  const first = items[0];
  return new AppError({
    kind: 'invalid',
    code: 'invalid-request',
    message:
      items.length === 1 && first !== undefined
        ? `The ${what} is not valid: ${first.path === '' ? '' : `${first.path}: `}${first.message}.`
        : `The ${what} has ${items.length} problems, listed in errors.`,
    items: items.slice(0, MAX_ITEMS),
  });
}

/** A member name as a reference token of a JSON pointer (RFC 6901). */
function escape(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
