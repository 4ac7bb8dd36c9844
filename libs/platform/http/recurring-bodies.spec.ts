import { describe, expect, it } from 'vitest';
import { RecurringBodies } from './recurring-bodies.js';

describe('recurring bodies', () => {
  const counting = () => {
    const parsed: string[] = [];
    const parse = (body: Buffer): unknown => {
      parsed.push(body.toString('utf8'));
      return JSON.parse(body.toString('utf8')) as unknown;
    };
    return { parsed, parse };
  };

  it('are parsed once, and frozen to their last member', () => {
    const { parsed, parse } = counting();
    const bodies = new RecurringBodies();
    const first = bodies.parsed(Buffer.from('{"a":{"b":[{"c":1}]}}'), parse) as { a: { b: { c: number }[] } };
    expect(bodies.parsed(Buffer.from('{"a":{"b":[{"c":1}]}}'), parse)).toBe(first);
    expect(parsed).toHaveLength(1);
    expect(() => (first.a.b[0]!.c = 2)).toThrow(TypeError);
    expect(() => first.a.b.push({ c: 3 })).toThrow(TypeError);
  });

  it('are told apart by every byte, of any script', () => {
    const { parse } = counting();
    const bodies = new RecurringBodies();
    const texts = ['"a"', '"ä"', '"Ã¤"', '"€"', ' "a"', '"\u0000a"'.replace('\u0000', '\\u0000')];
    expect(texts.map((text) => bodies.parsed(Buffer.from(text), parse))).toEqual(['a', 'ä', 'Ã¤', '€', 'a', '\u0000a']);
    expect(bodies.parsed(Buffer.from('"ä"'), parse)).toBe('ä');
  });

  it('are not kept where they cannot be parsed, nor where they are long', () => {
    const { parsed, parse } = counting();
    const bodies = new RecurringBodies();
    for (const round of [1, 2]) {
      expect(() => bodies.parsed(Buffer.from('{'), parse)).toThrow(SyntaxError);
      expect(parsed).toHaveLength(round);
    }
    const long = Buffer.from(JSON.stringify('x'.repeat(70_000)));
    bodies.parsed(long, parse);
    bodies.parsed(long, parse);
    expect(parsed).toHaveLength(4);
  });
});
