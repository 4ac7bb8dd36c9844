import { describe, expect, it } from 'vitest';
import { encodeBatch, readBatchHeader, RecordCursor, type StoredRecord } from '#libs/core/log';
import { JsonRecordDecoder, RecordDecoder, undecodableRecord } from '../record-decoder.js';
import { KeyExpression } from './key-expression.js';

const record = (over: Partial<StoredRecord> & { json?: unknown } = {}): StoredRecord => ({
  offset: 0,
  key: Buffer.from('old'),
  value: Buffer.from(
    JSON.stringify(over.json ?? { origin: 'JFK', n: 12.5, ok: true, legs: [{ to: 'LAX' }], 'a b': 1 }),
  ),
  headers: [
    { key: 'tenant', value: Buffer.from('first') },
    { key: 'tenant', value: Buffer.from('last') },
    { key: 'none', value: null },
  ],
  timestamp: -1,
  ...over,
});

const decoder = new JsonRecordDecoder();
const evaluate = async (text: string, over?: Parameters<typeof record>[0]): Promise<string> => {
  const answer = await KeyExpression.parse(text).evaluate('orders', record(over), decoder);
  return 'key' in answer ? Buffer.from(answer.key).toString() : `(${answer.failure})`;
};

describe('a key expression', () => {
  it.each([
    ['value.origin', 'JFK'],
    ['value.n', '12.5'],
    ['value.ok', 'true'],
    ['value.legs[0].to', 'LAX'],
    ['value["a b"]', '1'],
    ['key', 'old'],
    ['header.tenant', 'last'],
    ['header["tenant"]', 'last'],
    ['value.origin + "-" + value.legs[0].to', 'JFK-LAX'],
    ['"a\\"b"+key', 'a"bold'],
  ])('%s is %s', async (text, expected) => {
    expect(await evaluate(text)).toBe(expected);
  });

  it.each([
    ['value.nothing', '(missing-field)'],
    ['value.legs[1].to', '(missing-field)'],
    ['value.constructor', '(missing-field)'],
    ['value.__proto__', '(missing-field)'],
    ['value.legs', '(not-scalar)'],
    ['header.other', '(missing-field)'],
    ['header.none', '(missing-field)'],
    ['value.origin + header.other', '(missing-field)'],
  ])('%s has no answer: %s', async (text, expected) => {
    expect(await evaluate(text)).toBe(expected);
  });

  it('tells tombstones, missing keys and undecodable values apart', async () => {
    expect(await evaluate('value.origin', { value: null })).toBe('(tombstone)');
    expect(await evaluate('key', { key: null })).toBe('(missing-field)');
    expect(await evaluate('key', { value: null })).toBe('old');
    expect(await evaluate('value.origin', { value: Buffer.from('{') })).toBe('(undecodable)');
  });

  it('waits for a decoder that has to look a schema up, and takes its failure as an answer', async () => {
    class Slow extends RecordDecoder {
      async value(topic: string, bytes: Uint8Array) {
        if (bytes.length === 0) throw undecodableRecord(topic, 'value', 'it is empty');
        return decoder.value(topic, bytes);
      }
      async key() {
        return null;
      }
    }
    const expression = KeyExpression.parse('value.origin');
    expect(await expression.evaluate('orders', record(), new Slow())).toEqual({ key: Buffer.from('JFK') });
    expect(await expression.evaluate('orders', record({ value: Buffer.alloc(0) }), new Slow())).toEqual({
      failure: 'undecodable',
    });
  });

  it.each([
    '',
    'value',
    'origin',
    'value.',
    'value.a b',
    'value.a+',
    '+value.a',
    'value[a]',
    'value["a]',
    'header',
    'header.a.b',
    'header[0]',
    '"open',
    'keys',
    'key()',
    'value.a;drop',
    `value.${'a'.repeat(1000)}`,
    Array.from({ length: 17 }, () => 'key').join('+'),
    `value${'.a'.repeat(40)}`,
  ])('%j is refused', (text) => {
    expect(() => KeyExpression.parse(text)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^invalid-(key-expression|field-path)$/) }),
    );
  });

  it('says where it is wrong', () => {
    expect(() => KeyExpression.parse('value.a + vlaue.b')).toThrow(/at character 11/);
  });

  it('finds in a record as it lies what it answers for the record, where that is bytes of it, and leaves everything else to that', async () => {
    const headers = [{ key: 'h', value: null }];
    const records = [
      record({ headers: [] }),
      record({ headers: [], json: { origin: '' } }),
      record({ headers: [], json: { origin: 'ä' } }),
      record({ headers: [], json: { origin: 1 } }),
      record({ headers: [], json: ['origin'] }),
      record({ headers: [], value: Buffer.from('{"origin":"JFK"') }),
      record({ headers: [], value: Buffer.from('\0\0\0\0\x01{"origin":"JFK"}') }),
      record({ headers: [], value: null }),
      record({ headers: [], key: null }),
      record({ headers }),
    ];
    const found: Record<string, (string | undefined)[]> = {};
    for (const text of ['value.origin', 'key']) {
      const expression = KeyExpression.parse(text);
      const inPlace = expression.inPlace(decoder)!;
      const batch = encodeBatch(records);
      const cursor = new RecordCursor(readBatchHeader(batch), batch);
      found[text] = [];
      for (const one of records) {
        cursor.next();
        const key = inPlace.find(cursor)
          ? Buffer.from(cursor.bytes).toString('utf8', inPlace.at, inPlace.at + inPlace.length)
          : undefined;
        found[text].push(key);
        if (key === undefined) continue;
        const answer = await expression.evaluate('orders', one, decoder);
        expect('key' in answer && Buffer.from(answer.key).toString()).toBe(key);
      }
    }
    const nothing = undefined;
    expect(found).toEqual({
      'value.origin': ['JFK', '', nothing, nothing, nothing, nothing, nothing, nothing, 'JFK', nothing],
      key: ['old', 'old', 'old', 'old', 'old', 'old', 'old', 'old', nothing, 'old'],
    });
    class Unknown extends JsonRecordDecoder {
      override get readsObjectsAsText(): boolean {
        return false;
      }
    }
    const places = ['value.a + value.b', 'header.h', '"text"', 'value.a[0]', 'key.a'];
    for (const text of places) expect(KeyExpression.parse(text).inPlace(decoder)).toBeUndefined();
    expect(KeyExpression.parse('value.origin').inPlace(new Unknown())).toBeUndefined();
  });
});
