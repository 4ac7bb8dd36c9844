import type { IncomingHttpHeaders } from 'node:http';
import { HttpFault } from './http-fault.js';

/** A stretch of an answer: from one byte up to, and without, another. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * The stretch that a request asks for (RFC 9110, 14): one range of bytes. Undefined for all of it: no range, several, one that cannot be read, or one of another state than the entity tag in `If-Range`.
 * @throws `range-not-satisfiable` when the range begins behind the end.
 */
export function byteRangeOf(headers: IncomingHttpHeaders, bytes: number, tag: string): ByteRange | undefined {
  const { range, 'if-range': ifRange } = headers;
  if (range === undefined || (ifRange !== undefined && ifRange !== tag)) return undefined;
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(range) ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  const from = first === '' ? Math.max(0, bytes - Number(last)) : Number(first);
  const to = first === '' || last === '' ? bytes : Math.min(bytes, Number(last) + 1);
  if (first !== '' && last !== '' && Number(last) < from) return undefined;
  if (from >= bytes || (first === '' && Number(last) === 0)) throw notSatisfiable(bytes);
  return { from, to };
}

function notSatisfiable(bytes: number): HttpFault {
  return new HttpFault(416, 'range-not-satisfiable', `The range begins behind the end; there are ${bytes} bytes.`, {
    headers: { 'content-range': `bytes */${bytes}` },
  });
}
