import { describe, expect, it } from 'vitest';
import { parseFrom, parseUntil } from './read-request.js';

describe('where a read begins and ends', () => {
  it.each([
    [undefined, { kind: 'start' }],
    ['end', { kind: 'end' }],
    ['120', { kind: 'offset', offset: 120 }],
    ['-10', { kind: 'last', count: 10 }],
    ['@2001-01-05T00:00:00Z', { kind: 'time', timestampMs: Date.UTC(2001, 0, 5) }],
    ['@978652800000', { kind: 'time', timestampMs: 978_652_800_000 }],
  ])('begins at %s', (text, from) => {
    expect(parseFrom(text)).toEqual(from);
  });

  it.each(['', '-0', '1.5', 'START', '@', '@tomorrow', '99999999999999999999'])(
    'does not begin at %j, and says which parameter says so',
    (text) => {
      expect(() => parseFrom(text)).toThrow(
        expect.objectContaining({ code: 'invalid-position', message: `'${text}' is not a position for 'from'.` }),
      );
    },
  );

  it.each(['start', '-10', 'x'])('does not end at %j', (text) => {
    expect(() => parseUntil(text)).toThrow(
      expect.objectContaining({
        details: { parameter: 'until' },
        hint: 'Use end, an offset such as 120, or @2001-01-05T00:00:00Z.',
      }),
    );
  });
});
