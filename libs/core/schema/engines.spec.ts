import { describe, expect, it } from 'vitest';
import type { EarlierSource, SchemaSource } from './engine.js';
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

describe('work that is offloaded', () => {
  function open() {
    const done: { where: string; steps: number }[] = [];
    const here = local();
    const engine = new OffloadingSchemaEngine(here, local(), { onDone: (where, steps) => done.push({ where, steps }) });
    const judge = (candidate: string, earlier: readonly string[]) =>
      engine.judge({
        level: 'FULL_TRANSITIVE',
        candidate: sent(candidate),
        normalize: false,
        policy: 'STRICT',
        earlier: () => history(earlier),
      });
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
    const earlier = Array.from({ length: 60 }, (_, i) => fields(20 + i));
    expect((await judge(fields(10), earlier)).compatible).toBe(true);
    for await (const { source } of history(earlier)) await here.parsed(source);
    expect((await judge(fields(11), earlier)).compatible).toBe(true);
    expect(done.map(({ where }) => where)).toEqual(['there', 'here']);
    expect(done[1]!.steps).toBeLessThan(INLINE_STEPS);
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
    await here.parsed(source);
    const reading = await engine.read(source);
    expect(reading.equivalence).not.toBeNull();
    expect(done).toEqual([{ where: 'there', steps: INLINE_STEPS }]);
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
