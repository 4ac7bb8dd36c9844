import type { JsonValue } from '#libs/core/kernel';
import { HttpFault, STREAMED_TYPE } from '#libs/platform/http';

/** How rows are answered: a page of JSON, or all rows as lines of JSON or as CSV. */
export type RowsFormat = 'json' | 'lines' | 'csv';

export const LINES_TYPE = STREAMED_TYPE;
export const CSV_TYPE = 'text/csv; charset=utf-8';

const FORMATS: ReadonlyMap<string, RowsFormat> = new Map([
  ['*/*', 'json'],
  ['application/*', 'json'],
  ['application/json', 'json'],
  ['application/x-ndjson', 'lines'],
  ['application/ndjson', 'lines'],
  ['text/csv', 'csv'],
  ['text/*', 'csv'],
]);

/** The format a client likes best; of equals the first it names. @throws `not-acceptable`. */
export function formatOf(accept: string | undefined): RowsFormat {
  if (accept === undefined || accept.trim() === '') return 'json';
  let best: { readonly format: RowsFormat; readonly weight: number } | undefined;
  for (const range of accept.split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const format = FORMATS.get(type);
    const given = parameters.find((parameter) => parameter.startsWith('q='));
    const weight = given === undefined ? 1 : Number(given.slice(2));
    if (format !== undefined && weight > (best?.weight ?? 0)) best = { format, weight };
  }
  if (best !== undefined) return best.format;
  throw new HttpFault(406, 'not-acceptable', 'None of the media types in Accept can be sent.', {
    hint: 'Rows are sent as application/json, application/x-ndjson or text/csv.',
  });
}

/** A line of CSV as RFC 4180 has it. Null is nothing at all, an empty text is two quotes; lists and objects are JSON. */
export function csvLine(values: readonly JsonValue[]): string {
  return `${values.map(csvValue).join(',')}\r\n`;
}

function csvValue(value: JsonValue): string {
  if (value === null) return '';
  const text = typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text === '' || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
