import { describe, expect, it } from 'vitest';
import { ManualClock } from '#libs/core/kernel/testing';
import { RegistryChanges } from './changes.js';
import type { SubjectState } from './model.js';
import { MAX_PLAN_BASES, RegistryPlans, type PlanDraft } from './registry-plans.js';
import { RegistryView } from './registry-view.js';
import { MemoryRegistryStore } from './testing/index.js';

/** Counts how often others would have had their turn. */
class YieldingClock extends ManualClock {
  turns = 0;
  override monotonic(): number {
    this.advance(1);
    return super.monotonic();
  }
  override sleep(): Promise<void> {
    this.turns++;
    return Promise.resolve();
  }
}

function open() {
  const [store, clock] = [new MemoryRegistryStore(), new YieldingClock()];
  const view = new RegistryView(store);
  return { clock, plans: new RegistryPlans(store, view, new RegistryChanges(store, view, clock), clock) };
}

const stateOf = (name: string, revision = 0): SubjectState => ({
  subject: { context: '.', name },
  versions: [],
  config: null,
  mode: null,
  registration: null,
  revision,
});
const draftOn =
  (states: readonly SubjectState[], decided = 'this') =>
  (): Promise<PlanDraft> =>
    Promise.resolve({ kind: 'test', outcome: {}, decided, blockers: [], facts: [], states });
const names = (count: number) => Array.from({ length: count }, (_, i) => stateOf(`s${i}`));

describe('a plan', () => {
  it('rests on so many names at most, and says how many it would', async () => {
    const { plans } = open();
    const plan = await plans.plan(draftOn(names(MAX_PLAN_BASES)), () => true);
    expect(plan.restsOn).toHaveLength(MAX_PLAN_BASES);
    await expect(plans.plan(draftOn(names(MAX_PLAN_BASES + 1)), () => true)).rejects.toMatchObject({
      code: 'plan-too-large',
      details: { limit: 'restsOn', value: MAX_PLAN_BASES, measured: MAX_PLAN_BASES + 1 },
    });
  });

  it('lets others have their turn while it is hashed', async () => {
    const { plans, clock } = open();
    await plans.plan(draftOn(names(100)), () => true);
    expect(clock.turns).toBeGreaterThan(5);
  });

  it('has a hash of what was decided and of what it rests on, whoever looks', async () => {
    const { plans } = open();
    const hash = async (draft: () => Promise<PlanDraft>, visible = true) =>
      (await plans.plan(draft, () => visible)).hash;
    const states = [stateOf('a'), stateOf('b')];
    const first = await hash(draftOn(states));
    expect(await hash(draftOn(states), false)).toBe(first);
    expect(await hash(draftOn([stateOf('a', 7), stateOf('b', 9)]))).toBe(first);
    const others = [
      draftOn(states, 'that'),
      draftOn([stateOf('a')]),
      draftOn([stateOf('b'), stateOf('a')]),
      draftOn([stateOf('a'), { ...stateOf('b'), mode: 'READONLY' }]),
    ];
    for (const other of others) expect(await hash(other)).not.toBe(first);
  });
});
