import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { MAX_SUBJECT_BYTES, parseSubject, requireUsableSubject, subjectText } from './subject-name.js';

describe('subject names', () => {
  it.each([
    ['orders', '.', 'orders'],
    [':.dev:orders', '.dev', 'orders'],
    [':.:orders', '.', 'orders'],
    [':.dev:', '.dev', ''],
    [':.dev:a:b', '.dev', 'a:b'],
    [':dev:orders', '.', ':dev:orders'],
    [':orders', '.', ':orders'],
    ['a:.b:c', '.', 'a:.b:c'],
    [':.dev', '.', ':.dev'],
    ['', '.', ''],
  ])('reads %j as context %j and name %j', (text, context, name) => {
    expect(parseSubject(text)).toEqual({ context, name });
  });

  it('reads an unqualified name in the context given', () => {
    expect(parseSubject('a', '.x')).toEqual({ context: '.x', name: 'a' });
    expect(parseSubject(':.y:a', '.x')).toEqual({ context: '.y', name: 'a' });
  });

  it.each([
    ['orders--g2-value', 'orders-value'],
    ['orders--g17-key', 'orders-key'],
    [':.dev:orders--g2-value', ':.dev:orders-value'],
    ['orders--g1-value', 'orders--g1-value'],
    ['orders--g02-value', 'orders--g02-value'],
    ['orders--g2', 'orders--g2'],
    ['--g2-value', '--g2-value'],
  ])('takes the subject of the physical topic in %j as %j', (text, expected) => {
    expect(subjectText(parseSubject(text))).toBe(expected);
  });

  it('prints what it read: parsing the text again gives the same subject', () => {
    const anyName = fc.oneof(fc.string(), fc.constantFrom(':.a:b', ':.:x', ':*:x', '::', ':..:', 'a--g2-value'));
    fc.assert(
      fc.property(anyName, (text) => {
        const subject = parseSubject(text);
        // A name of the default context that looks qualified cannot come out of parsing.
        expect(parseSubject(subjectText(subject))).toEqual(subject);
      }),
    );
  });

  it.each([
    ['__GLOBAL'],
    ['__EMPTY'],
    [':.__GLOBAL:x'],
    [':*:x'],
    [''],
    [':.:'],
    ['a\u0001b'],
    ['a\u0085b'],
    ['a\ud800b'],
    ['x'.repeat(MAX_SUBJECT_BYTES + 1)],
  ])('refuses %j as a subject to register under', (text) => {
    expect(() => requireUsableSubject(parseSubject(text), text)).toThrowError(
      expect.objectContaining({ code: 'subject-invalid' }) as Error,
    );
  });

  it.each([['.'], [':.ctx:'], ['a b'], ['ä/ö'], ['\u{1f600}'], ['x'.repeat(MAX_SUBJECT_BYTES)]])(
    'accepts %j',
    (text) => {
      expect(() => requireUsableSubject(parseSubject(text), text)).not.toThrow();
    },
  );
});
