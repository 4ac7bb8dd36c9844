import { isIntegral } from './json-text.js';

/** Whether a number text is an integer between two bounds. The length is looked at first, so that a long one costs nothing. */
export function inRange(text: string, min: bigint, max: bigint): boolean {
  if (!isIntegral(text) || text.length > 20) return false;
  const value = BigInt(text);
  return value >= min && value <= max;
}

export const INT_MIN = -(2n ** 31n);
export const INT_MAX = 2n ** 31n - 1n;
export const LONG_MIN = -(2n ** 63n);
export const LONG_MAX = 2n ** 63n - 1n;
