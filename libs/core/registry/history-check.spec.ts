import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import {
  COMPATIBILITY_LEVELS,
  LocalSchemaEngine,
  schemaTooComplex,
  standardFormats,
  type SourceJudgement,
  type Verdict,
} from '#libs/core/schema';
import {
  parseSubject,
  Registry,
  type Assessment,
  type CheckState,
  type HistoryCheck,
  type RegistryFact,
} from './index.js';
import { contentOf, MemoryRegistryStore } from './testing/index.js';

const SUBJECT = parseSubject('s');
const AS_SENT = { normalize: false, force: false };
const LIVE = { referenced: [], normalize: false, policy: undefined, earlier: undefined } as const;

const FIELDS = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    type: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom<unknown>('int', 'int', 'long', 'string') },
      { weight: 1, arbitrary: fc.constant({ type: 'int', logicalType: 'date' }) },
      { weight: 1, arbitrary: fc.constant({ type: 'int', logicalType: 'time-millis' }) },
    ),
    optional: fc.boolean(),
  }),
  { selector: ({ name }) => name, maxLength: 4 },
);

/** Records that differ in a field or two; some are doubtful, some are no records or of another language. */
const SCHEMA = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.tuple(fc.constantFrom('R', 'R', 'R', 'Q'), FIELDS).map(([name, fields]) =>
      JSON.stringify({
        type: 'record',
        name,
        fields: fields.map(({ name: field, type, optional }) => ({
          name: field,
          type,
          ...(optional ? { default: type === 'string' ? '' : 0 } : {}),
        })),
      }),
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom('"int"', '"long"', '["null","int"]') },
);

const HISTORY = fc.record({
  history: fc.array(
    fc.record({
      schema: SCHEMA,
      deleted: fc.constantFrom(false, false, false, true),
      major: fc.constantFrom(undefined, '1', '2'),
    }),
    { maxLength: 14 },
  ),
  candidate: SCHEMA,
  major: fc.constantFrom(undefined, '1', '2'),
  group: fc.constantFrom(undefined, undefined, 'major'),
  level: fc.constantFrom(...COMPATIBILITY_LEVELS),
  levels: fc.option(fc.uniqueArray(fc.constantFrom(...COMPATIBILITY_LEVELS), { minLength: 1 }), { nil: undefined }),
});

/** Work that fails where it compares with more than so many versions at once, as a worker's deadline would end it. */
class WeakEngine extends LocalSchemaEngine {
  constructor(private readonly most: number) {
    super(standardFormats());
  }

  override async judge(judgement: SourceJudgement): Promise<Verdict> {
    if ((await countOf(judgement.earlier())) > this.most) throw schemaTooComplex(this.most);
    return super.judge(judgement);
  }
}

/** A clock by which all work takes long: others have their turn whenever it is asked whether they should. */
class ClockOfLongWork extends ManualClock {
  turns = 0;
  #asked = 0;

  override monotonic(): number {
    return ++this.#asked * 1_000;
  }

  override async sleep(): Promise<void> {
    this.turns++;
  }
}

async function countOf(values: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const value of values) if (value !== undefined) count++;
  return count;
}

const metadataOf = (major: string | undefined) => (major === undefined ? null : { properties: { major } });

/** A registry with the history, and what was asked about it. */
async function filled({ history, group, level }: Sample, engine = new LocalSchemaEngine(standardFormats())) {
  const store = new MemoryRegistryStore();
  const registry = new Registry(store, engine, new ManualClock());
  const level_ = async (compatibility: Sample['level'], compatibilityGroup?: string) =>
    registry.settings.setConfig(SUBJECT, { compatibility, ...(compatibilityGroup && { compatibilityGroup }) });
  await level_('NONE');
  for (const { schema, deleted, major } of history) {
    const { row } = await registry.register(SUBJECT, { schema, metadata: metadataOf(major) }, AS_SENT);
    if (deleted && !row.deleted) await registry.deleteVersion(SUBJECT, row.version, false);
  }
  await level_(level, group);
  return { store, registry };
}

type Sample = typeof HISTORY extends fc.Arbitrary<infer T> ? T : never;

const questionOf = ({ candidate, major, levels }: Sample) => ({
  ...LIVE,
  subject: SUBJECT,
  sent: { schema: candidate, metadata: metadataOf(major) },
  levels,
});

/** As it is told: what of it anybody sees. */
const told = ({ verdicts, warnings, compatible, level, levels, policy, violations }: Assessment) => ({
  ...{ warnings, compatible, level, levels, policy, violations },
  verdicts: verdicts.map((verdict) => ({
    ...verdict,
    checks: verdict.checks.map(({ earlier, ...check }) => ({ ...check, type: earlier.type })),
  })),
});

const asJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** Takes all steps; after every so many everything but the plain state is lost. */
async function answered(
  registry: Registry,
  question: ReturnType<typeof questionOf>,
  lives: number,
): Promise<HistoryCheck> {
  const settled = asJson(await registry.settle(question));
  let state: CheckState | undefined;
  for (let life = 0; life < 10_000; life++) {
    const check = await registry.resumed(settled, state);
    for (let step = 0; step < lives && !check.isDone; step++) {
      const before = check.done;
      await check.step();
      expect(check.done).toBeGreaterThanOrEqual(before);
    }
    if (check.isDone) return check;
    state = asJson(check.state);
  }
  throw new Error('comes to no end');
}

describe('a check in steps', () => {
  it('comes to what the check at once says and to what comparing every version says, however often it is cut short', async () => {
    const samples = fc.sample(HISTORY, { numRuns: 70, seed: 5 });
    const seen = { broken: 0, warned: 0, skipped: 0 };
    for (const sample of samples) {
      const { registry } = await filled(sample);
      const question = questionOf(sample);
      const atOnce = told(await registry.assess(question));
      const inSteps = await answered(registry, question, 1);
      expect(told(await inSteps.assessment())).toEqual(atOnce);
      expect([inSteps.done, inSteps.state.warningsLeftOut]).toEqual([inSteps.total, 0]);
      if (!atOnce.compatible) seen.broken++;
      if (atOnce.warnings.some((one) => one.warnings.length > 0)) seen.warned++;
      // Nothing is known without comparing where digests are of no use.
      const without = standardFormats();
      for (const type of without.types) without.get(type).digest = () => undefined;
      const { registry: thorough } = await filled(sample, new LocalSchemaEngine(without));
      expect(told(await thorough.assess(question))).toEqual(atOnce);
    }
    expect(Math.min(seen.broken, seen.warned)).toBeGreaterThan(15);
  });

  it('compares fewer at once where many are too much, and fails where one is', async () => {
    const history = Array.from({ length: 70 }, (_, i) => ({
      schema: JSON.stringify({
        type: 'record',
        name: 'R',
        fields: [{ name: 'f', type: i === 3 ? 'string' : 'int', doc: `${i}` }],
      }),
      deleted: false,
      major: undefined,
    }));
    const sample: Sample = {
      history,
      candidate: '{"type":"record","name":"R","fields":[{"name":"f","type":"long"}]}',
      major: undefined,
      group: undefined,
      level: 'BACKWARD_TRANSITIVE',
      levels: undefined,
    };
    const { store, registry: strong } = await filled(sample);
    const registry = new Registry(store, new WeakEngine(2), new ManualClock());
    const expected = told(await strong.assess(questionOf(sample)));
    expect(expected.verdicts.find(({ level }) => level === 'BACKWARD_TRANSITIVE')).toMatchObject({ compatible: false });
    expect(told(await (await answered(registry, questionOf(sample), Infinity)).assessment())).toEqual(expected);
    const weakest = new Registry(store, new WeakEngine(0), new ManualClock());
    await expect(answered(weakest, questionOf(sample), Infinity)).rejects.toMatchObject({ code: 'schema-too-complex' });
  });

  it('is of the versions that were there when it was settled; what was deleted for good since is told', async () => {
    const field = (type: string) => `{"type":"record","name":"R","fields":[{"name":"f","type":"${type}"}]}`;
    const sample: Sample = {
      history: ['int', 'long', 'string'].map((type) => ({ schema: field(type), deleted: false, major: undefined })),
      candidate: field('int'),
      ...{ major: undefined, group: undefined, level: 'FULL_TRANSITIVE', levels: undefined },
    };
    const { registry } = await filled(sample);
    const settled = await registry.settle(questionOf(sample));
    await registry.settings.setConfig(SUBJECT, { compatibility: 'NONE' });
    await registry.register(SUBJECT, { schema: '"bytes"' }, AS_SENT);
    await registry.deleteVersion(SUBJECT, 1, false);
    await registry.deleteVersion(SUBJECT, 3, false);
    await registry.deleteVersion(SUBJECT, 3, true);
    const check = await registry.resumed(settled);
    while (!check.isDone) await check.step();
    expect(check.state.gone.map((place) => settled.versions[place])).toEqual([3]);
    const { level, verdicts } = await check.assessment();
    expect(level).toBe('FULL_TRANSITIVE');
    const backward = verdicts.find((one) => one.level === 'BACKWARD_TRANSITIVE')!;
    expect(backward.checks.map(({ version }) => version)).toEqual([2]);
    expect(backward.compatible).toBe(false);
  });
});

describe('a check at once', () => {
  it('compares only what is doubtful, and counts only that', async () => {
    const registry = new Registry(
      new MemoryRegistryStore(),
      new LocalSchemaEngine(standardFormats()),
      new ManualClock(),
      {
        limits: { comparedVersions: 3 },
      },
    );
    const record = (...fields: string[]) =>
      JSON.stringify({ type: 'record', name: 'R', fields: fields.map((name) => ({ name, type: 'int', default: 0 })) });
    const fields = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const [i] of fields.entries()) {
      await registry.register(SUBJECT, { schema: record(...fields.slice(0, i + 1)) }, AS_SENT);
    }
    const ask = (schema: string) => registry.assess({ ...LIVE, subject: SUBJECT, sent: { schema }, levels: undefined });
    const found = await ask(record('a', 'f', 'g'));
    expect(found.compatible).toBe(true);
    for (const { level, checks } of found.verdicts.filter((one) => one.level.endsWith('_TRANSITIVE'))) {
      expect([level, ...new Set(checks.map(({ version }) => version))]).toEqual([level, 6, 5, 4, 3, 2, 1]);
    }
    const changed = record('a').replace('"int"', '"long"');
    await expect(ask(changed)).rejects.toMatchObject({
      code: 'too-many-versions-to-compare',
      details: { limit: 'schemas.comparedVersions', value: 3, measured: 6 },
    });
  });

  it('lets others have their turn after every thousand versions, each time it goes through them, at once and in steps', async () => {
    const versions = 4_000;
    const record = (doc: string) =>
      `{"type":"record","name":"R","doc":"${doc}","fields":[{"name":"f","type":"int"},{"name":"g","type":"int","default":0}]}`;
    const store = new MemoryRegistryStore();
    const facts = Array.from({ length: versions }, (_, i): RegistryFact => {
      const content = contentOf(record(`${i}`));
      return {
        ...{ type: 'version-registered', subject: SUBJECT, version: i + 1 },
        ...{ id: { kind: 'new' }, content, targets: [], terms: [] },
      };
    });
    await store.apply({ at: 1, expected: [], facts });
    const clock = new ClockOfLongWork();
    const registry = new Registry(store, new LocalSchemaEngine(standardFormats()), clock);
    const question = { ...LIVE, subject: SUBJECT, sent: { schema: record('new') }, levels: undefined };
    const turnsOf = async <T>(task: () => Promise<T>): Promise<{ readonly answer: T; readonly turns: number }> => {
      const before = clock.turns;
      const answer = await task();
      return { answer, turns: clock.turns - before };
    };
    // What is remembered of the versions is read with the first question.
    await registry.assess(question);
    const atOnce = await turnsOf(() => registry.assess(question));
    expect(atOnce.answer.verdicts.map(({ checks }) => checks.length)).toEqual([0, 1, versions, 1, versions, 2, 8_000]);
    // It looks for those that are doubtful, and tells of each direction.
    expect(atOnce.turns).toBeGreaterThanOrEqual((3 * versions) / 1_000);

    const settled = asJson(await registry.settle(question));
    const begun = await turnsOf(() => registry.resumed(settled));
    expect(begun.turns).toBeGreaterThanOrEqual((2 * versions) / 1_000);
    const check = begun.answer;
    while (!check.isDone) await check.step();
    const told = await turnsOf(() => registry.assessed(settled, check.state));
    expect(told.answer.verdicts.map(({ checks }) => checks.length)).toEqual([0, 1, versions, 1, versions, 2, 8_000]);
    expect(told.turns).toBeGreaterThanOrEqual((2 * versions) / 1_000);
  });
});
