import { beforeEach, describe, expect, it } from 'vitest';
import { AppError, type JsonObject } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import type { OperationRun, PlanDraft } from '#libs/core/operations';
import { parseSubject, Registry, type Assessment } from '#libs/core/registry';
import { MemoryRegistryStore } from '#libs/core/registry/testing';
import { LocalSchemaEngine, standardFormats, type SourceJudgement, type Verdict } from '#libs/core/schema';
import { ScanLifetime } from '../scan-lifetime.js';
import { MemoryScanStore } from '../testing/index.js';
import { foundIn, SchemaCheckHandler } from './check-handler.js';
import { checkRequestToJson, settledOf, type CheckRequest } from './check-parameters.js';

const SUBJECT = parseSubject(':.teams:orders/value');
const field = (type: string, doc = '') =>
  JSON.stringify({ type: 'record', name: 'R', fields: [{ name: 'f', type, doc }] });
const request: CheckRequest = {
  subject: SUBJECT,
  sent: { schema: field('long'), schemaType: 'AVRO', references: [], metadata: null },
  earlier: undefined,
  referenced: [],
  normalize: false,
  policy: undefined,
  levels: ['BACKWARD_TRANSITIVE', 'FULL'],
};

/** Counts comparisons, and fails with what a worker fails with where it is told to. */
class WatchedEngine extends LocalSchemaEngine {
  compared = 0;
  failure: AppError | undefined;

  override async judge(judgement: SourceJudgement): Promise<Verdict> {
    if (this.failure !== undefined) throw this.failure;
    this.compared += await countOf(judgement.earlier());
    return super.judge(judgement);
  }
}

async function countOf(values: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const value of values) if (value !== undefined) count++;
  return count;
}

/** A clock that moves on by so much whenever it is asked, and tells when somebody else has a turn. */
class MovingClock extends ManualClock {
  #asked = 0;

  constructor(
    private readonly byMs: number,
    private readonly turn: () => void,
  ) {
    super();
  }

  override monotonic(): number {
    return ++this.#asked * this.byMs;
  }

  override async sleep(): Promise<void> {
    this.turn();
  }
}

/** What a life ends with. */
class Killed extends Error {}

describe('a check as an operation', () => {
  let scans: MemoryScanStore;
  let engine: WatchedEngine;
  let registry: Registry;
  let plan: PlanDraft;
  let expected: Assessment;
  beforeEach(async () => {
    scans = new MemoryScanStore();
    engine = new WatchedEngine(standardFormats());
    registry = new Registry(new MemoryRegistryStore(), engine, new ManualClock());
    await registry.settings.setConfig(SUBJECT, { compatibility: 'NONE' });
    for (let i = 0; i < 130; i++) {
      await registry.register(
        SUBJECT,
        { schema: field(i === 4 ? 'string' : 'int', `${i}`) },
        { normalize: false, force: false },
      );
    }
    expected = await registry.assess(request);
    engine.compared = 0;
    plan = await handler().plan(checkRequestToJson(request));
  });

  const handler = (failPoint?: (name: string) => void, clock = new ManualClock()) =>
    new SchemaCheckHandler({
      ...{ registry, scans, clock, saveEveryMs: 0 },
      lifetime: new ScanLifetime(new ManualClock(), 0),
      ...(failPoint && { failPoint }),
    });
  const run = (more: Partial<OperationRun> = {}): OperationRun => ({
    operationId: 'op',
    parameters: JSON.parse(JSON.stringify(plan.parameters)) as JsonObject,
    notes: {},
    signal: new AbortController().signal,
    stepShare: 1,
    report: () => undefined,
    pace: async () => undefined,
    event: async () => undefined,
    note: async () => undefined,
    cutoverRequested: async () => undefined,
    ...more,
  });
  const verify = (one: SchemaCheckHandler, more?: Partial<OperationRun>) => one.phases.VERIFYING!(run(more));
  const found = async () => foundIn((await scans.parts('op', -1, 1))[0]!.summary);

  it('has a plan that names the subject, and is the same for the same question about the same versions', async () => {
    expect(plan.subject).toMatch(/^check:[0-9a-f]{16}\/:\.teams:orders\/value$/);
    expect(plan.impact).toEqual({ versions: 130 });
    expect(await handler().plan(checkRequestToJson(request))).toEqual(plan);
    await registry.register(SUBJECT, { schema: '"int"' }, { normalize: false, force: false });
    expect((await handler().plan(checkRequestToJson(request))).subject).not.toBe(plan.subject);
  });

  it('comes to the same answer whatever steps it dies at, and does little of it again', async () => {
    let deaths = 0;
    for (;;) {
      let steps = 0;
      const mortal = handler((name) => {
        if (name === 'check:step' && ++steps === 2) throw new Killed();
      });
      try {
        expect(await verify(mortal)).toEqual({ next: 'FINISHED' });
        break;
      } catch (error) {
        expect(error).toBeInstanceOf(Killed);
        deaths++;
      }
    }
    expect(deaths).toBeGreaterThan(2);
    const { state, failure } = await found();
    expect(failure).toBeUndefined();
    const assessment = await registry.assessed(settledOf(plan.parameters), state!);
    expect(
      JSON.stringify(assessment.verdicts.map(({ level, compatible, checks }) => [level, compatible, checks.length])),
    ).toBe(
      JSON.stringify(expected.verdicts.map(({ level, compatible, checks }) => [level, compatible, checks.length])),
    );
    expect(assessment.warnings).toEqual(expected.warnings);
    expect(assessment.compatible).toBe(false);
    const unbroken = engine.compared;
    engine.compared = 0;
    await scans.drop('op');
    await verify(handler());
    expect(unbroken).toBeLessThan(engine.compared + 10);
  });

  it('compares fifty versions at most before others have their turn', async () => {
    const mostBetweenTurns = async (byMs: number): Promise<number> => {
      let [most, at] = [0, engine.compared];
      const turn = () => {
        most = Math.max(most, engine.compared - at);
        at = engine.compared;
      };
      await scans.drop('op');
      await verify(handler(undefined, new MovingClock(byMs, turn)));
      turn();
      return most;
    };
    expect(await mostBetweenTurns(1_000)).toBe(50);
    // While no time passes nobody needs a turn, and it would be seen that nobody has one.
    expect(await mostBetweenTurns(0)).toBeGreaterThan(100);
  });

  it('tells how far it is, and never less than before', async () => {
    const told: (readonly [number, number | null])[] = [];
    await verify(handler(), { report: (one) => void told.push([one.recordsDone, one.recordsTotal]) });
    expect(told.map(([done]) => done)).toEqual(told.map(([done]) => done).sort((a, b) => a - b));
    expect(told.at(-1)![0]).toBe(told[0]![1]);
  });

  it('ends when it is asked to, and goes on where it was', async () => {
    const stop = new AbortController();
    const stopped = verify(
      handler((name) => name === 'check:step' && stop.abort()),
      { signal: stop.signal },
    );
    await expect(stopped).rejects.toMatchObject({ name: 'AbortError' });
    const [part] = await scans.parts('op', -1, 1);
    expect(part!.position).toBeGreaterThan(0);
    expect(await verify(handler())).toEqual({ next: 'FINISHED' });
  });

  it('has ended, and says why, where a schema is too much; and is tried again where that may pass', async () => {
    engine.failure = new AppError({ kind: 'unprocessable', code: 'schema-too-complex', message: 'too much' });
    expect(await verify(handler())).toEqual({ next: 'FINISHED' });
    expect((await found()).failure).toEqual({ code: 'schema-too-complex', message: 'too much' });
    await scans.drop('op');
    engine.failure = new AppError({ kind: 'unavailable', code: 'schema-workers-busy', message: 'b', retryable: true });
    await expect(verify(handler())).rejects.toMatchObject({ code: 'schema-workers-busy' });
  });

  it('forgets what it found when it is cancelled', async () => {
    await verify(handler());
    await handler().cancel(run());
    expect(await scans.parts('op', -1, 1)).toEqual([]);
  });
});
