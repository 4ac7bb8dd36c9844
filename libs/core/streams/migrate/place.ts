import { AppError } from '#libs/core/kernel';
import { parseFieldPath } from '../field-path.js';

/** A part of a record that a step of a transform writes: the value or a field in it, a header, or the timestamp. */
export type Place =
  | { readonly kind: 'value'; readonly path: readonly (string | number)[] }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'timestamp' };

/**
 * Reads `value`, `value.address.zip`, `value["a b"]`, `header.trace`, `header["x-y"]` or `timestamp`. Keys are not places: another key would be another partition, which is what a
 * repartition is for.
 * @throws `invalid-field-path`.
 */
export function parsePlace(text: string): Place {
  if (text === 'timestamp') return { kind: 'timestamp' };
  const header = /^header(?=[.[])/.test(text);
  const { root, steps } = parseFieldPath(header ? `value${text.slice('header'.length)}` : text);
  if (root === 'key') throw invalid(text, 'a migration leaves keys as they are');
  if (!header) return { kind: 'value', path: steps };
  const [name, more] = steps;
  if (typeof name !== 'string' || more !== undefined) throw invalid(text, 'a header has a name and nothing below it');
  return { kind: 'header', name };
}

function invalid(text: string, why: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-field-path',
    message: `'${text.slice(0, 100)}' is not a place a transform can write: ${why}.`,
    hint: 'Write a place such as value, value.address.zip, header.trace or timestamp.',
  });
}
