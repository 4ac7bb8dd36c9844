/** UTF-16 units that need two bytes each. */
const WIDE = /[^\0-\xff]/;

/** Bytes that the engine needs to hold a text: one for each character while all are of Latin-1, otherwise two. */
export function bytesInMemory(text: string): number {
  return WIDE.test(text) ? text.length * 2 : text.length;
}
