import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPositionToken, parsePositionToken } from './position-token.js';

describe('position token', () => {
  it('says after parsing what it said when it was made', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        fc.nat(),
        fc.array(fc.tuple(fc.nat(255), fc.maxSafeNat())),
        (logId, topic, generation, entries) => {
          const token = { logId, topic, generation, positions: new Map(entries) };
          expect(parsePositionToken(formatPositionToken(token))).toEqual(token);
        },
      ),
    );
  });

  it.each([
    '',
    'nonsense',
    Buffer.from('[2,"a","b",1,[]]').toString('base64url'),
    Buffer.from('[1,"a","b",1,[["x","1"]]]').toString('base64url'),
  ])('refuses %j', (text) => {
    expect(() => parsePositionToken(text)).toThrow(expect.objectContaining({ code: 'invalid-position-token' }));
  });
});
