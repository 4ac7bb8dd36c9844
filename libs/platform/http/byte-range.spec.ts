import { describe, expect, it } from 'vitest';
import { byteRangeOf } from './byte-range.js';
import { HttpFault } from './http-fault.js';

const TAG = '"t"';
const of = (range: string | undefined, ifRange?: string) =>
  byteRangeOf({ ...(range && { range }), ...(ifRange && { 'if-range': ifRange }) }, 100, TAG);

describe('a range of bytes', () => {
  it('is from a byte to a byte, to the end, or as many as are asked for from the end', () => {
    expect(of('bytes=0-0')).toEqual({ from: 0, to: 1 });
    expect(of('bytes=10-19')).toEqual({ from: 10, to: 20 });
    expect(of('bytes=99-500')).toEqual({ from: 99, to: 100 });
    expect(of('bytes=40-')).toEqual({ from: 40, to: 100 });
    expect(of('bytes=-30')).toEqual({ from: 70, to: 100 });
    expect(of('bytes=-300')).toEqual({ from: 0, to: 100 });
  });

  it('is everything where none is asked for, several are, or it cannot be read', () => {
    for (const text of [undefined, 'bytes=-', 'bytes=5-4', 'bytes=0-1,5-6', 'lines=1-2', 'bytes=a-b', 'bytes=1-2 '])
      expect(of(text), text).toBeUndefined();
  });

  it('counts only for the state that the client has a part of', () => {
    expect(of('bytes=40-', TAG)).toEqual({ from: 40, to: 100 });
    expect(of('bytes=40-', '"other"')).toBeUndefined();
  });

  it('behind the end is refused, with the length', () => {
    for (const text of ['bytes=100-', 'bytes=100-200', 'bytes=-0']) {
      let refused: unknown;
      try {
        of(text);
      } catch (error) {
        refused = error;
      }
      expect(refused, text).toBeInstanceOf(HttpFault);
      expect(refused).toMatchObject({ status: 416, more: { headers: { 'content-range': 'bytes */100' } } });
    }
  });
});
