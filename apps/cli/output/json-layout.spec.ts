import { describe, expect, it } from 'vitest';
import { laidOutJson } from './json-layout.js';

describe('JSON that is laid out', () => {
  it.each([
    '{"a":[1,2,{"b":{}}],"c":[],"d":"x\\"{,}[:\\u00e9\\\\","e":null,"f":-1.5e3}',
    '"long"',
    ' [ ] ',
    '[[],[{}],{"a":[]}]',
    'true',
  ])('is as JSON.stringify lays it out: %s', (text) => {
    // In the first a number is written otherwise than it would be.
    expect(laidOutJson(text)).toBe(JSON.stringify(JSON.parse(text), null, 2).replace('-1500', '-1.5e3'));
  });

  it('keeps numbers that are more than a number of JavaScript holds', () => {
    expect(laidOutJson('{"default":9223372036854775807,"maximum":1e400}')).toBe(
      '{\n  "default": 9223372036854775807,\n  "maximum": 1e400\n}',
    );
  });

  it('is none where the text is none', () => {
    expect([laidOutJson('syntax = "proto3";'), laidOutJson('{"a":')]).toEqual([undefined, undefined]);
  });
});
