import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isJsonObject, JsonScanner } from '#libs/core/kernel';
import { WrittenJson } from '#libs/core/records';
import { parseExact } from '#libs/core/schema';
import { JsonParser } from '#libs/platform/http';
import { readProduceText, readRecordText } from './produce-text.js';

const parser = new JsonParser({ jsonDepth: 32, jsonValues: 150_000 }, 'exact');
const read = (text: string) => parser.scanned(Buffer.from(text), readProduceText);
const now = async (): Promise<void> => undefined;

/** As `JSON.parse` gives it, values of records parsed from their text. */
async function valued(body: unknown): Promise<unknown> {
  const { records } = (typeof body === 'object' && body !== null ? body : {}) as { records?: unknown };
  if (!Array.isArray(records)) return body;
  for (const record of records as ({ value?: unknown } | null)[]) {
    if (record?.value instanceof WrittenJson) record.value = await record.value.value(now);
  }
  return body;
}

/** In the place of what is no record stands null: it is refused later, whatever it is. */
function onlyRecords(body: unknown): unknown {
  if (!isJsonObject(body) || !Array.isArray(body['records'])) return body;
  return { ...body, records: body['records'].map((one) => (isJsonObject(one) ? one : null)) };
}

describe('the text of a produce request', () => {
  it('is read as JSON.parse reads it, its values as they were written', async () => {
    const part = fc.jsonValue({ maxDepth: 3 });
    const record = fc.record({ key: part, value: part, headers: part, partition: part }, { requiredKeys: [] });
    const body = fc.oneof(part, fc.record({ keyFormat: part, records: fc.oneof(part, fc.array(record)) }));
    await fc.assert(
      fc.asyncProperty(body, fc.constantFrom(undefined, 2), async (given, indent) => {
        const text = JSON.stringify(given, null, indent);
        expect(await valued(await read(text))).toEqual(onlyRecords(parseExact(text, 500)));
      }),
    );
  });

  it('keeps of a value every digit, escape and member', async () => {
    const value = '{"a":1.50,"b":[1e2,-0,12345678901234567890],"7":"\\u0041\\/","a":2}';
    const body = (await read(`{"records":[{"value": ${value} }]}`)) as { records: { value: WrittenJson }[] };
    expect(Buffer.from(await body.records[0]!.value.bytes(now)).toString()).toBe(value);
  });

  it('loses the white space between the parts of a value', async () => {
    const record = (await parser.scanned(Buffer.from('{"value" : { "a" : [ 1 , " b " ] } }'), readRecordText)) as {
      value: WrittenJson;
    };
    expect(Buffer.from(await record.value.bytes(now)).toString()).toBe('{"a":[1," b "]}');
  });

  it('has null for a value that is null, and nothing for one that is not there', async () => {
    expect(await read('{"records":[{"value":null},{}]}')).toEqual({ records: [{ value: null }, {}] });
  });

  it('parses what is long in turns, wherever it stands', async () => {
    const long = Array.from({ length: 20_000 }, (_, n) => n);
    const text = JSON.stringify({ schemaIn: long, records: [{ key: long, value: long, headers: long }] });
    const body = (await read(text)) as { records: { value: WrittenJson }[] };
    expect(body.records[0]!.value.isLong).toBe(true);
    expect(await valued(body)).toEqual(JSON.parse(text));
    let turns = 0;
    const record = (await read(text)) as { records: { value: WrittenJson }[] };
    await record.records[0]!.value.value(async () => void turns++);
    expect(turns).toBeGreaterThan(0);
  });

  it.each([
    ['a value', (long: string) => `{"records":[{"value":1},{"value":${long},"key":2},{"value":3}]}`],
    ['a key', (long: string) => `{"records":[{"key":${long},"value":1}]}`],
    ['headers', (long: string) => `{"records":[{"headers":${long},"value":1}]}`],
    ['what is no record', (long: string) => `{"records":[${long}]}`],
    ['a member beside the records', (long: string) => `{"schemaIn":${long},"records":[{"value":1}]}`],
    ['what is no request', (long: string) => long],
  ])('is gone over in turns where it is long: %s', async (_what, text) => {
    const long = `[${Array.from({ length: 20_000 }, (_, n) => JSON.stringify(`item ${n}`.padEnd(100))).join()}]`;
    const given = text(long);
    const turnsOf = async (one: string): Promise<number> => {
      let turns = 0;
      const scanner = new JsonScanner(Buffer.from(one), { depth: 32 });
      expect(await valued(await readProduceText(scanner, async () => void turns++))).toEqual(
        onlyRecords(JSON.parse(one)),
      );
      scanner.end();
      return turns;
    };
    expect(await turnsOf(given)).toBeGreaterThanOrEqual(Math.floor(given.length / (256 * 1024)));
    // Negative control: what is short asks for none, so that the turns counted are those of the long part.
    expect(await turnsOf(text('[]'))).toBe(0);
  });

  it('has so many members in a record, and in the request, and not one more', async () => {
    const members = (count: number) => Array.from({ length: count }, (_, n) => `"m${n}":1`).join();
    expect(await read(`{"records":[{${members(100)}}],${members(99)}}`)).toMatchObject({ m0: 1, m98: 1 });
    const refused = { code: 'too-many-members', details: { limit: 'recordMembers', value: 100 } };
    await expect(read(`{"records":[{${members(101)}}]}`)).rejects.toMatchObject(refused);
    await expect(read(`{${members(101)}}`)).rejects.toMatchObject(refused);
    await expect(parser.scanned(Buffer.from(`{${members(101)}}`), readRecordText)).rejects.toMatchObject(refused);
    // Of what is in a value there may be as many as there are.
    const value = `{${members(5_000)}}`;
    const body = (await read(`{"records":[{"value":${value}}]}`)) as { records: { value: WrittenJson }[] };
    expect(Buffer.from(await body.records[0]!.value.bytes(now)).toString()).toBe(value);
  });

  it('has the last of two members of one name', async () => {
    expect(await read('{"records":[{"key":1,"key":2}],"schemaIn":"a","schemaIn":"b"}')).toEqual({
      records: [{ key: 2 }],
      schemaIn: 'b',
    });
    const long = JSON.stringify('x'.repeat(100_000));
    expect(await read(`{"schemaIn":${long},"schemaIn":"b"}`)).toEqual({ schemaIn: 'b' });
  });

  it.each([
    ['{"records":[{"value":1}', 'body-not-json'],
    ['{"records":[{"value":1}]} x', 'body-not-json'],
    ['{"records":[{"value":01}]}', 'body-not-json'],
    [`{"records":[{"value":${'['.repeat(40)}${']'.repeat(40)}}]}`, 'json-too-deep'],
    [`{"records":[{"value":[${'1,'.repeat(150_000)}1]}]}`, 'json-too-many-values'],
    [`{"records":[{"value":${'1'.repeat(70_000)}}]}`, 'json-number-too-long'],
  ])('is refused where it is no JSON within limits: %.40s', async (text, code) => {
    await expect(read(text)).rejects.toMatchObject({ code });
  });
});
