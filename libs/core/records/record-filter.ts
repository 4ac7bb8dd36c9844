import { AppError, isJsonObject, type JsonValue } from '#libs/core/kernel';
import type { ReadRecord } from './record-decoding.js';

/** Most filters of one read, and characters of one. */
export const MAX_FILTERS = 8;
export const MAX_FILTER_LENGTH = 1_024;
const MAX_STEPS = 32;

/**
 * What a reader looks for: `path=text`. The path is `key`, `value` or `header`, with the names of members behind it, apart by dots: `value.customer.country`, `header.trace`. A member
 * holds when it is a text, number, boolean or null that is written so. Equality and nothing else: no code, no pattern.
 */
export interface RecordFilter {
  readonly part: 'key' | 'value' | 'header';
  readonly steps: readonly string[];
  readonly text: string;
}

/** @throws `invalid-filter`, with the form there is. */
export function parseFilter(given: string): RecordFilter {
  const at = given.indexOf('=');
  const [part, ...steps] = given.slice(0, Math.max(at, 0)).split('.');
  const known = part === 'key' || part === 'value' || (part === 'header' && steps.length > 0);
  if (!known || given.length > MAX_FILTER_LENGTH || steps.length > MAX_STEPS || steps.includes('')) {
    throw new AppError({
      kind: 'invalid',
      code: 'invalid-filter',
      message: `'${given.slice(0, 100)}' is not a filter.`,
      hint: 'Use key=o1, value.country=DE or header.trace=f00d.',
      details: { limits: { characters: MAX_FILTER_LENGTH, steps: MAX_STEPS } },
    });
  }
  // A header's name may have dots itself.
  return { part, steps: part === 'header' ? [steps.join('.')] : steps, text: given.slice(at + 1) };
}

/** Whether a record, as it is shown, is what all filters look for. */
export function passes(record: ReadRecord, filters: readonly RecordFilter[]): boolean {
  return filters.every(({ part, steps, text }) => {
    if (part === 'header') return record.headers.some(({ key, value }) => key === steps[0] && saysSo(value, text));
    return saysSo(memberOf(record[part], steps), text);
  });
}

function memberOf(value: JsonValue, steps: readonly string[]): JsonValue | undefined {
  let at: JsonValue | undefined = value;
  for (const step of steps) {
    if (Array.isArray(at)) at = /^[0-9]{1,9}$/.test(step) ? (at as readonly JsonValue[])[Number(step)] : undefined;
    else at = isJsonObject(at) && Object.hasOwn(at, step) ? at[step] : undefined;
  }
  return at;
}

function saysSo(value: JsonValue | undefined, text: string): boolean {
  return value !== undefined && (typeof value !== 'object' || value === null) && String(value) === text;
}
