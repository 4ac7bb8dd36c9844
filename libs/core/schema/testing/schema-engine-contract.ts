import { describe, expect, it } from 'vitest';
import { parseExact } from '../exact-json.js';
import type { EarlierSource, SchemaEngine, SchemaSource, SourceJudgement } from '../engine.js';

/** An engine over the standard formats, new for each test. */
export interface EngineUnderTest {
  readonly engine: SchemaEngine;
  close?(): void;
}

const record = (...fields: string[]): string =>
  JSON.stringify({ type: 'record', name: 'R', fields: fields.map((name) => ({ name, type: 'int' })) });
const optional = (...fields: string[]): string =>
  JSON.stringify({ type: 'record', name: 'R', fields: fields.map((name) => ({ name, type: 'int', default: 0 })) });

const sent = (text: string, schemaType = 'AVRO'): SchemaSource => ({
  schemaType,
  text,
  references: [],
  referencesKey: '',
});
const stored = (id: number, text: string): SchemaSource => ({ ...sent(text), storedAs: `./${id}` });

/** Versions newest first, and how many of them have been asked for. */
function versions(sources: readonly SchemaSource[]) {
  const seen = { asked: 0 };
  async function* earlier(): AsyncGenerator<EarlierSource> {
    for (const [i, source] of sources.entries()) {
      seen.asked++;
      yield { version: sources.length - i, source };
    }
  }
  return { earlier, seen };
}

const judgement = (candidate: string, earlier: SourceJudgement['earlier'], more: Partial<SourceJudgement> = {}) =>
  ({
    level: 'BACKWARD_TRANSITIVE',
    candidate: sent(candidate),
    normalize: false,
    policy: 'STRICT',
    proofs: false,
    earlier,
    ...more,
  }) as const;

/** What every {@link SchemaEngine} promises. */
export function schemaEngineContract(open: () => EngineUnderTest): void {
  const given = (test: (engine: SchemaEngine) => Promise<void>) => async () => {
    const { engine, close } = open();
    try {
      await test(engine);
    } finally {
      close?.();
    }
  };

  describe('a schema engine', () => {
    it(
      'reads text, once or often',
      given(async (engine) => {
        for (let i = 0; i < 3; i++) {
          const reading = await engine.read(sent(record('a', 'b')));
          expect({ ...plain(reading) }).toMatchObject({
            type: 'AVRO',
            canonical: record('a', 'b').replaceAll(/\s/g, ''),
            topLevelFieldNames: ['a', 'b'],
            refusal: null,
          });
        }
      }),
    );

    it(
      'tells equal schemas by their equivalence',
      given(async (engine) => {
        const spaced = JSON.stringify(JSON.parse(record('a')), null, 2);
        const [one, other, third] = await Promise.all(
          [record('a'), spaced, record('b')].map((text) => engine.read(sent(text))),
        );
        expect(one!.equivalence).not.toBeNull();
        expect(one!.equivalence).toBe(other!.equivalence);
        expect(one!.equivalence).not.toBe(third!.equivalence);
      }),
    );

    it(
      'tells apart texts that cannot be read and those that only new schemas must not be',
      given(async (engine) => {
        const rules = { validate: true, validateFields: false };
        const wrongDefault = '{"type":"record","name":"R","fields":[{"name":"a","type":"int","default":"x"}]}';
        await expect(engine.read(sent('{"type":"nonsense"}'), { rules })).rejects.toMatchObject({
          code: 'schema-invalid',
        });
        await expect(engine.read(sent('x', 'COBOL'))).rejects.toMatchObject({ code: 'schema-type-unknown' });
        expect((await engine.read(sent(wrongDefault))).refusal).toBeNull();
        expect((await engine.read(sent(wrongDefault), { rules })).refusal).toMatchObject({
          name: 'AppError',
          code: 'schema-invalid',
          details: { line: 1 },
        });
        expect((await engine.read(sent(record('a')), { rules })).refusal).toBeNull();
      }),
    );

    it(
      'normalises, formats and outlines',
      given(async (engine) => {
        const text =
          '{"type":"record","doc":"d","name":"R","fields":[{"name":"m","type":{"values":"int","type":"map"}}]}';
        const normal = await engine.read(sent(text), { normalize: true });
        expect(normal.canonical).toBe((await engine.read(sent(normal.canonical))).canonical);
        expect(await engine.formatted(sent(text), 'resolved')).toContain('"R"');
        expect((await engine.read(sent(text))).outline.fields).toEqual([['m']]);
      }),
    );

    it(
      'reads with references',
      given(async (engine) => {
        const references = [
          {
            name: 'Other',
            schemaType: 'AVRO' as const,
            text: '{"type":"fixed","name":"Other","size":2}',
            references: [],
          },
        ];
        const source = {
          ...sent('{"type":"record","name":"R","fields":[{"name":"o","type":"Other"}]}'),
          references,
          referencesKey: 'k',
        };
        expect((await engine.read(source)).topLevelFieldNames).toEqual(['o']);
        expect(await engine.formatted(source, 'resolved')).toContain('"size":2');
      }),
    );

    it(
      'judges newest first and stops at the first version that fails',
      given(async (engine) => {
        const { earlier, seen } = versions([stored(3, record('a')), stored(2, record('b')), stored(1, record('a'))]);
        const verdict = await engine.judge(judgement(record('a'), earlier));
        expect(verdict.compatible).toBe(false);
        expect(verdict.checks.map(({ version, differences }) => [version, differences.length])).toEqual([
          [3, 0],
          [2, 1],
        ]);
        const [difference] = verdict.checks[1]!.differences;
        expect(difference).toMatchObject({ ruleId: 'avro/reader-field-missing-default', breaking: true });
        expect({ ...difference!.reader }).toMatchObject({ text: expect.stringContaining('a'), position: { line: 1 } });
        expect(verdict.checks[1]!.earlier).toEqual(expect.objectContaining({ type: 'AVRO', canonical: record('b') }));
        expect(seen.asked).toBeLessThanOrEqual(6);
      }),
    );

    it(
      'loads no more than the level asks for, and nothing at all at level NONE',
      given(async (engine) => {
        const none = versions([stored(1, record('b'))]);
        expect((await engine.judge(judgement(record('a'), none.earlier, { level: 'NONE' }))).compatible).toBe(true);
        expect(none.seen.asked).toBe(0);
        const { earlier } = versions([stored(2, optional('b')), stored(1, record('a'))]);
        expect((await engine.judge(judgement(optional('a'), earlier, { level: 'BACKWARD' }))).checks).toHaveLength(1);
      }),
    );

    it(
      'judges hundreds of versions, again and again',
      given(async (engine) => {
        const sources = Array.from({ length: 230 }, (_, i) => stored(1_000 + i, optional(`f${i}`, 'common')));
        for (const extra of ['x', 'y']) {
          const { earlier } = versions(sources);
          const verdict = await engine.judge(
            judgement(optional('common', extra), earlier, { level: 'FULL_TRANSITIVE' }),
          );
          expect(verdict).toMatchObject({ compatible: true, level: 'FULL_TRANSITIVE' });
          expect(verdict.checks).toHaveLength(460);
        }
      }),
    );

    it(
      'judges against versions that were never stored, and against other languages',
      given(async (engine) => {
        const { earlier } = versions([sent(optional('a')), sent('{"type":"object"}', 'JSON')]);
        const verdict = await engine.judge(judgement(optional('b'), earlier));
        expect(verdict.checks.map((check) => [check.typesDiffer, check.earlier.type])).toEqual([
          [false, 'AVRO'],
          [true, 'JSON'],
        ]);
      }),
    );

    it(
      'passes on what goes wrong while versions are loaded',
      given(async (engine) => {
        async function* earlier(): AsyncGenerator<EarlierSource> {
          throw new Error('the store is away');
        }
        await expect(engine.judge(judgement(record('a'), earlier))).rejects.toThrow('the store is away');
        expect((await engine.read(sent(record('a')))).type).toBe('AVRO');
      }),
    );

    it.each([
      ['AVRO', record('a', 'b'), { a: 1, b: 2 }, null],
      ['JSON', '{"type":"object","properties":{"a":{"type":"string","pattern":"^x+$"}}}', { a: 'xx' }, null],
      ['PROTOBUF', 'syntax = "proto3"; package p; message A {} message M { int32 a = 1; }', { a: 3 }, 'p.M'],
    ] as const)('writes and reads messages: %s', async (schemaType, text, value, message) => {
      const { engine, close } = open();
      for (const source of [sent(text, schemaType), { ...sent(text, schemaType), storedAs: './1' }]) {
        const codec = await engine.codec(source);
        const encoder = await codec.encoder(message ?? undefined);
        expect(encoder.message).toBe(message);
        const payload = await encoder.encode(value);
        expect(await codec.decodeBare(payload, encoder.indexes)).toEqual({ message, value });
        const whole = Buffer.concat([Uint8Array.of(9), encoder.indexes, payload]);
        expect(await codec.decode(whole, 1)).toEqual({ message, value });
      }
      close?.();
    });

    it(
      'refuses values and payloads that do not fit, naming the place',
      given(async (engine) => {
        const codec = await engine.codec(sent(record('a')));
        const encoder = await codec.encoder();
        await expect((async () => encoder.encode({ a: 'x' }))()).rejects.toMatchObject({
          code: 'value-does-not-fit-schema',
          items: [{ path: '/a' }],
        });
        await expect((async () => codec.decode(Uint8Array.of(), 0))()).rejects.toMatchObject({
          code: 'payload-does-not-decode',
        });
        await expect((async () => codec.encoder('M'))()).rejects.toMatchObject({ code: 'message-unknown' });
        await expect(engine.codec(sent('{"type":"nonsense"}'))).rejects.toMatchObject({ code: 'schema-invalid' });
      }),
    );

    it(
      'keeps numbers that a double would change on their way to a payload',
      given(async (engine) => {
        const codec = await engine.codec(sent('{"type":"array","items":"long"}'));
        const payload = await (await codec.encoder()).encode(parseExact('[9007199254740993, 1]', 5));
        expect(await codec.decode(payload, 0)).toMatchObject({ value: ['9007199254740993', 1] });
      }),
    );

    it.each([
      ['AVRO', record('a', 'b'), { type: 'AVRO', fields: [{ path: ['a'] }, { path: ['b'] }] }],
      ['JSON', '{"type":"object","properties":{"a":{}}}', { type: 'JSON', shape: { fields: [{ path: ['a'] }] } }],
      ['JSON', '{"type":"string"}', { type: 'JSON', shape: null }],
      ['PROTOBUF', 'message M { optional int32 a = 1; }', { messages: new Map([['M', [expect.anything()]]]) }],
    ] as const)('tells the fields of values: %s %s', async (schemaType, text, expected) => {
      const { engine, close } = open();
      expect(await engine.fields(sent(text, schemaType))).toMatchObject(expected);
      close?.();
    });

    it(
      'proves what breaks where it is asked to and the language has documents',
      given(async (engine) => {
        const schema = (maxLength?: number) => sent(JSON.stringify({ type: 'string', maxLength }), 'JSON');
        for (const proofs of [true, false]) {
          const { earlier } = versions([schema()]);
          const { checks } = await engine.judge({ ...judgement('', earlier), candidate: schema(2), proofs });
          expect(checks[0]!.differences).toHaveLength(1);
          expect(checks[0]!.proofs).toEqual(
            proofs
              ? [
                  {
                    document: expect.stringMatching(/^"..."$/),
                    refusal: expect.stringContaining('at most 2 characters'),
                  },
                ]
              : [],
          );
        }
        const { earlier } = versions([sent(record('a'))]);
        const { checks } = await engine.judge(judgement(record('b'), earlier, { proofs: true }));
        expect(checks[0]!.proofs).toEqual([null]);
      }),
    );

    it(
      'tries a schema on what others wrote',
      given(async (engine) => {
        const records = [0, 1, 2].map((writer) => ({ writer, bytes: Uint8Array.of(2), payloadAt: 0, indexes: null }));
        const writers = [stored(1, record('a')), stored(2, record('b')), sent('{"type":"object"}', 'JSON')];
        const failures = await engine.tried({ candidate: sent(record('a')), writers, records });
        expect(failures).toEqual([
          { record: 1, by: 'candidate', path: '/a', reason: 'not written, and there is no default' },
          { record: 2, by: 'candidate', path: '', reason: expect.stringContaining('of type JSON') as string },
        ]);
        await expect(engine.tried({ candidate: sent('{"type":"x"}'), writers: [], records: [] })).rejects.toMatchObject(
          {
            code: 'schema-invalid',
          },
        );
      }),
    );

    it(
      'writes anew with a schema what others wrote, as its readers would have it',
      given(async (engine) => {
        const older = '{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}';
        const newer =
          '{"type":"record","name":"R","fields":[{"name":"b","type":"string","default":"x"},{"name":"a","type":"long"}]}';
        const other = '{"type":"record","name":"R","fields":[{"name":"c","type":"int"}]}';
        const writers = [stored(1, older), stored(2, other), sent('{"type":"object"}', 'JSON')];
        const records = [0, 1, 2].map((writer) => ({
          writer,
          bytes: Uint8Array.of(9, 4),
          payloadAt: 1,
          indexes: null,
        }));
        const rewritten = await engine.rewritten({ reader: sent(newer), writers, records });
        expect(rewritten).toEqual([
          { indexes: new Uint8Array(0), payload: expect.anything() },
          { by: 'candidate', path: '/a', reason: 'not written, and there is no default' },
          { by: 'candidate', path: '', reason: expect.stringContaining('of type JSON') as string },
        ]);
        expect([...(rewritten[0] as { payload: Uint8Array }).payload]).toEqual([2, 120, 4]);
        await expect(
          engine.rewritten({ reader: sent('{"type":"x"}'), writers: [], records: [] }),
        ).rejects.toMatchObject({
          code: 'schema-invalid',
        });
      }),
    );

    it(
      'tells where a verdict is doubtful',
      given(async (engine) => {
        const decimal = (scale: number) =>
          JSON.stringify({
            type: 'record',
            name: 'R',
            fields: [{ name: 'a', type: { type: 'bytes', logicalType: 'decimal', precision: 9, scale } }],
          });
        const { earlier } = versions([stored(1, decimal(2))]);
        const warnings = await engine.warnings(judgement(decimal(4), earlier));
        expect(warnings.map((one) => one.ruleId)).toEqual(['avro/unsound-decimal']);
      }),
    );
  });
}

/** Members that may be made when they are asked for. */
function plain<T extends object>(value: T): T {
  return Object.fromEntries(
    ['type', 'canonical', 'topLevelFieldNames', 'equivalence', 'sketch', 'refusal'].map((name) => [
      name,
      value[name as keyof T],
    ]),
  ) as T;
}
