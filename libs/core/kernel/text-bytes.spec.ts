import { describe, expect, it } from 'vitest';
import { bytesInMemory } from './text-bytes.js';

describe('the bytes of a text in memory', () => {
  it.each([
    ['', 0],
    ['{"type":"long"}', 15],
    ['Größe ÿ', 7],
    ['Ā', 2],
    ['a€', 4],
    ['😀', 4],
  ])('%j takes %i', (text, bytes) => {
    expect(bytesInMemory(text)).toBe(bytes);
  });
});
