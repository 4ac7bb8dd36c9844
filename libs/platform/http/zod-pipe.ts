import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { AppError, type ErrorItem } from '#libs/core/kernel';

/** Problems listed in one refusal; the rest is counted. */
const MAX_ITEMS = 20;

/**
 * Parses a body, query or parameter with a zod schema. Unknown members are named when the schema is strict, which it is on native paths.
 * @throws `invalid-request` with an item for each problem: a JSON pointer into a body, the name of a query or path parameter.
 */
@Injectable()
export class ZodPipe<T> implements PipeTransform<unknown, T> {
  constructor(private readonly schema: z.ZodType<T>) {}

  transform(value: unknown, metadata?: Pick<ArgumentMetadata, 'type' | 'data'>): T {
    const parsed = this.schema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw invalidRequest(parsed.error.issues, metadata?.type ?? 'body', metadata?.data);
  }
}

function invalidRequest(
  issues: readonly z.core.$ZodIssue[],
  type: ArgumentMetadata['type'],
  name: string | undefined,
): AppError {
  const pointer = (path: readonly PropertyKey[]): string => {
    if (type === 'body') return path.map((part) => `/${escape(String(part))}`).join('');
    return [...(name === undefined ? [] : [name]), ...path.map(String)].join('.');
  };
  const items = issues.flatMap((issue): ErrorItem[] =>
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
