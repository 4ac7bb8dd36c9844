import { describe, expect, it } from 'vitest';
import { parseExact } from '../exact-json.js';
import { JsonCodec } from './codec.js';
import { JsonSchemaFormat } from './json-schema-format.js';

const codec = (schema: unknown) => new JsonCodec(new JsonSchemaFormat().parse(JSON.stringify(schema)));
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');

describe('JSON payloads', () => {
  it('stand as they were given, order and numbers included', () => {
    const given = '{"z":9007199254740993,"a":[0.12345678901234567890,1e400,"ä\\ud83d\\ude00"],"__proto__":null}';
    const bytes = codec(true).encode(parseExact(given, 10));
    expect(text(bytes)).toBe(given.replace('\\ud83d\\ude00', '😀'));
  });

  it('are refused where they do not fit, with the place', () => {
    const order = codec({ type: 'object', properties: { cents: { type: 'integer' } }, required: ['id'] });
    expect(() => order.encode({ cents: 1.5 })).toThrow(
      expect.objectContaining({
        code: 'value-does-not-fit-schema',
        items: [
          { path: '/id', message: 'is missing' },
          { path: '/cents', message: 'expected an integer, got a number with a fraction' },
        ],
      }),
    );
    let deep: unknown = 1;
    for (let i = 0; i < 501; i++) deep = [deep];
    expect(() => codec(true).encode(deep)).toThrow(/deeper than 500/);
    expect(() => codec(true).encode(undefined)).toThrow(/is no JSON value/);
  });

  it('are shown as they are, also when they would not fit; integers that a number cannot hold as text', () => {
    const read = (payload: string, start = 0) => codec({ type: 'string' }).decode(Buffer.from(payload), start);
    expect(read('xx{"a":9007199254740993,"b":1.5}', 2)).toEqual({ a: '9007199254740993', b: 1.5 });
    expect(read('null')).toBeNull();
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['no JSON', Buffer.from('{"a":')],
    ['two values', Buffer.from('1 2')],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['nested too deeply', Buffer.from('['.repeat(100_000) + ']'.repeat(100_000))],
  ])('are refused when they are %s', (_what, bytes) => {
    expect(() => codec(true).decode(bytes, 0)).toThrow(expect.objectContaining({ code: 'payload-does-not-decode' }));
  });
});
