import { describe, expect, it } from 'vitest';
import type { EarlierSource, SchemaSource, SourceJudgement } from './engine.js';
import { LocalSchemaEngine } from './local-engine.js';
import { INLINE_STEPS, OffloadingSchemaEngine } from './offloading-engine.js';
import { standardFormats } from './standard-formats.js';
import { StepBudget } from './step-budget.js';
import { schemaEngineContract } from './testing/index.js';

const local = () => new LocalSchemaEngine(standardFormats());

describe('in the calling thread', () => schemaEngineContract(() => ({ engine: local() })));
describe('here, and there when it grows large', () =>
  schemaEngineContract(() => ({ engine: new OffloadingSchemaEngine(local(), local()) })));
describe('there for nearly everything', () =>
  schemaEngineContract(() => ({ engine: new OffloadingSchemaEngine(local(), local(), { inlineSteps: 10 }) })));

const fields = (count: number, type = 'int') =>
  JSON.stringify({
    type: 'record',
    name: 'R',
    fields: Array.from({ length: count }, (_, i) => ({ name: `f${i}`, type, default: 0 })),
  });
const sent = (text: string): SchemaSource => ({ schemaType: 'AVRO', text, references: [], referencesKey: '' });

async function* history(texts: readonly string[]): AsyncGenerator<EarlierSource> {
  for (const [i, text] of texts.entries()) yield { version: i, source: { ...sent(text), storedAs: `./${i}` } };
}

const question = (candidate: string, earlier: readonly string[]): SourceJudgement => ({
  level: 'FULL_TRANSITIVE',
  candidate: sent(candidate),
  normalize: false,
  policy: 'STRICT',
  proofs: false,
  earlier: () => history(earlier),
});

describe('work that is offloaded', () => {
  function open() {
    const done: { where: string; steps: number }[] = [];
    const here = local();
    const engine = new OffloadingSchemaEngine(here, local(), { onDone: (where, steps) => done.push({ where, steps }) });
    const judge = (candidate: string, earlier: readonly string[]) => engine.judge(question(candidate, earlier));
    return { engine, here, done, judge };
  }

  it('is what takes more steps than the calling thread gives', async () => {
    const { engine, done } = open();
    await engine.read(sent(fields(50)));
    await engine.read(sent(fields(2_000)));
    expect(done.map(({ where }) => where)).toEqual(['here', 'there']);
    for (const { steps } of done) expect(steps).toBeLessThanOrEqual(INLINE_STEPS);
  });

  it('is a check against many versions the first time, and none of it once they are known here', async () => {
    const { here, done, judge } = open();
    const earlier = Array.from({ length: 200 }, (_, i) => fields(20 + i));
    expect((await judge(fields(10), earlier)).compatible).toBe(true);
    await here.judge(question(fields(12), earlier));
    expect((await judge(fields(11), earlier)).compatible).toBe(true);
    expect(done.map(({ where }) => where)).toEqual(['there', 'here']);
    expect(done[1]!.steps).toBeLessThan(INLINE_STEPS);
  });

  it('needs no text of a version that was judged before', async () => {
    const engine = local();
    const earlier = [fields(3)];
    const withoutText = async function* (): AsyncGenerator<EarlierSource> {
      for await (const one of history(earlier)) yield { ...one, source: { ...one.source, text: '' } };
    };
    expect((await engine.judge(question(fields(2), earlier))).compatible).toBe(true);
    for await (const { source } of withoutText()) expect(engine.knows(source)).toBe(true);
    const again = { ...question(fields(4), earlier), earlier: withoutText };
    expect(await engine.judge(again)).toMatchObject({
      compatible: true,
      checks: [{ earlier: { canonical: fields(3) } }, {}],
    });
    const other = { ...question(fields(3, 'string'), earlier), earlier: withoutText };
    expect(await engine.judge(other)).toMatchObject({
      compatible: false,
      checks: [{ earlier: { canonical: fields(3) } }, {}],
    });
  });

  it('is refused for the same reason wherever it is done', async () => {
    const { engine } = open();
    await expect(engine.read(sent('{"type":"record","name":"R"}'))).rejects.toMatchObject({ code: 'schema-invalid' });
    const long = `{"type":"record","name":"R","doc":"${'x'.repeat(20_000)}"}`;
    await expect(engine.read(sent(long))).rejects.toMatchObject({ code: 'schema-invalid' });
  });

  it('takes no step too many: a schema that was kept for a codec is compared there when it is large', async () => {
    const { engine, here, done } = open();
    const source = { ...sent(fields(2_000)), storedAs: './1' };
    await here.codec(source);
    const reading = await engine.read(source);
    expect(reading.equivalence).not.toBeNull();
    expect(done).toEqual([{ where: 'there', steps: INLINE_STEPS }]);
  });
});

describe('messages that are offloaded', () => {
  const nulls = (count: number) => Buffer.from([...Array(count)].flatMap(() => [2, 0]));

  async function open(schemaType: string, text: string, turn?: () => Promise<void>) {
    const asked: string[] = [];
    const there = local();
    const far = new Proxy(there, {
      get: (target, name) => {
        if (name === 'codec') asked.push('codec');
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
    const engine = new OffloadingSchemaEngine(local(), far, { turn });
    return { asked, codec: await engine.codec({ ...sent(text), schemaType, storedAs: './1' }) };
  }

  it('are those of schemas too large to be compiled here, and no others', async () => {
    const large = await open('AVRO', fields(2_000));
    expect(large.asked).toEqual(['codec']);
    const small = await open('AVRO', fields(20));
    const payload = await (await small.codec.encoder()).encode({ f1: 3 });
    expect(small.codec.decode(payload, 0)).toMatchObject({ value: { f1: 3 } });
    expect(small.asked).toEqual([]);
  });

  it.each([
    ['AVRO', '{"type":"array","items":"null"}', Array(20_000).fill(null)],
    ['JSON', '{"type":"array","items":{"type":"null"}}', Array(20_000).fill(null)],
    ['JSON', '{"allOf":[{"$ref":"#"}]}', 1],
    ['JSON', '{"type":"string","pattern":"^((a{100}){99})?$"}', 'b'],
  ])('are those that take long: %s %s', async (schemaType, text, value) => {
    const { asked, codec } = await open(schemaType, text);
    const encoder = await codec.encoder();
    await Promise.resolve((async () => encoder.encode(value))()).catch(() => undefined);
    expect(asked).toEqual(['codec']);
  });

  it('are those that stand for many values in few bytes', async () => {
    const { asked, codec } = await open('AVRO', '{"type":"array","items":"null"}');
    const { value } = await codec.decode(Buffer.from([...[0xc0, 0xb8, 0x02], 0]), 0);
    expect(value).toHaveLength(20_000);
    expect(asked).toEqual(['codec']);
  });

  it('let others go on now and then, by what they took', async () => {
    let turns = 0;
    const { codec } = await open('AVRO', '{"type":"array","items":{"type":"array","items":"null"}}', async () => {
      turns++;
    });
    const payload = Buffer.concat([Uint8Array.of(0xa0, 0x1f), nulls(2_000), Uint8Array.of(0)]);
    for (let i = 0; i < 100; i++) await codec.decode(payload, 0);
    expect(turns).toBeGreaterThanOrEqual(2);
    expect(turns).toBeLessThan(10);
  });
});

describe('a budget of steps', () => {
  it('is spent by all who share it, and names its total when it ends', () => {
    const steps = new StepBudget(10);
    steps.spend();
    steps.spend(9);
    expect(steps.left).toBe(0);
    expect(() => steps.spend()).toThrow(
      expect.objectContaining({
        code: 'schema-too-complex',
        details: { limit: 'comparisonSteps', value: 10, measured: 11 },
      }),
    );
  });
});
