import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import type { GroupMember } from '#libs/core/log';
import { SkippingClock } from '#libs/core/log/testing';
import { type EmbeddedLog, openEmbeddedLog } from './index.js';
import { LogState } from './log-state.js';
import { SeededRandom, SimulatedFileSystem, SimulatedLock } from './testing/index.js';

const DAY_MS = 86_400_000;
const JOIN = { topics: ['t'], strategies: ['range'], clientId: 'c', startAt: 'earliest' } as const;

/** A log of small files, so that a life takes milliseconds. */
function openOn(files: SimulatedFileSystem): Promise<EmbeddedLog> {
  const settings = { segmentBytes: 8_000, checkpointBytes: 30_000, journalStepBytes: 8_192, checkpointIntervalMs: 0 };
  return openEmbeddedLog({ directory: '/log', clock: new SkippingClock(), files, lock: new SimulatedLock(), settings });
}

/** Joins and answers the generation. */
async function agreed(member: GroupMember): Promise<number> {
  for (;;) {
    const { phase, generation } = await member.poll(100);
    if (phase === 'stable') return generation;
  }
}

/** Power cuts between and during what a member does. Answers what was promised and is not so after it. */
async function simulate(seed: number, honest: boolean): Promise<string[]> {
  const random = new SeededRandom(seed);
  const faults: string[] = [];
  let files = new SimulatedFileSystem();
  let log = await openOn(files);
  await log.createTopic({ name: 't', partitions: 1 });
  await log.close();
  let told = 0;
  let acknowledged = 0;
  let attempted = 0;
  for (let life = 0; life < 4; life++) {
    files = files.afterPowerCut(random);
    log = await openOn(files);
    files.honest = honest;
    const { positions, members } = await log.describeGroup('g');
    const stored = positions[0]?.offset ?? 0;
    if (stored < acknowledged || stored > attempted) faults.push(`position ${stored}, acknowledged ${acknowledged}`);
    if (members.length > 0) faults.push('a member outlived the process');
    const member = await log.joinGroup('g', JOIN);
    const generation = await agreed(member);
    if (generation <= told) faults.push(`generation ${generation} after ${told}`);
    told = generation;
    if (member.assignment[0]?.offset !== stored) faults.push('it goes on elsewhere');
    acknowledged = attempted = stored;
    for (let commits = random.below(4); commits > 0; commits--) {
      attempted++;
      await member.commit([{ topic: 't', partition: 0, offset: attempted }]);
      acknowledged = attempted;
    }
    if (random.chance(0.5)) continue;
    attempted++;
    const cut = member.commit([{ topic: 't', partition: 0, offset: attempted }]).then(
      () => void (acknowledged = attempted),
      (error: unknown) => {
        if (!isAppError(error)) throw error;
      },
    );
    for (let turns = random.below(6); turns > 0; turns--) await new Promise((resolve) => setImmediate(resolve));
    files.stop();
    await cut;
  }
  return faults;
}

describe('groups of the embedded log', () => {
  it('keep the generations and positions that members were told, whenever the power is cut (30 seeds)', async () => {
    for (let seed = 1; seed <= 30; seed++) expect(await simulate(seed, true), `seed ${seed}`).toEqual([]);
  }, 60_000);

  it('negative control: with flushes that do nothing a generation is given out twice and positions are lost', async () => {
    const faults: string[] = [];
    for (let seed = 1; seed <= 12; seed++) {
      faults.push(...(await simulate(seed, false).catch((error: unknown) => [String(error)])));
    }
    expect(faults.some((one) => one.startsWith('generation'))).toBe(true);
    expect(faults.some((one) => one.startsWith('position'))).toBe(true);
  }, 60_000);

  it('are forgotten with their last member unless they have positions', async () => {
    const log = await openOn(new SimulatedFileSystem());
    await log.createTopic({ name: 't', partitions: 1 });
    const [one, other] = [await log.joinGroup('kept', JOIN), await log.joinGroup('forgotten', JOIN)];
    await Promise.all([agreed(one), agreed(other)]);
    await one.commit([{ topic: 't', partition: 0, offset: 1 }]);
    await Promise.all([one.leave(), other.leave()]);
    await log.checkpoint();
    expect(await log.listGroups()).toEqual([{ group: 'kept', state: 'EMPTY' }]);
    expect(await log.describeGroup('kept')).toMatchObject({ state: 'EMPTY', generation: 1 });
    expect(await log.describeGroup('forgotten')).toMatchObject({ state: 'DEAD', generation: 0 });
    await log.close();
  });

  it('do not let a position through that has its turn after the member was replaced', async () => {
    const log = await openOn(new SimulatedFileSystem());
    await log.createTopic({ name: 't', partitions: 1 });
    const static1 = { ...JOIN, instanceId: 'i' };
    const one = await log.joinGroup('g', static1);
    await agreed(one);
    const other = await log.joinGroup('g', static1);
    // In the line behind a write that is under way; who the member is, is asked when it comes out.
    const slow = log.createTopic({ name: 'slow', partitions: 1 });
    const late = one.commit([{ topic: 't', partition: 0, offset: 9 }]);
    const joined = agreed(other);
    await expect(late).rejects.toMatchObject({ code: 'member-fenced' });
    await Promise.all([slow, joined]);
    expect((await log.describeGroup('g')).positions).toEqual([]);
    await log.close();
  });

  it('are read from a snapshot made before groups had members', () => {
    const state = new LogState('log', DAY_MS);
    state.apply({ kind: 'generation-raised', group: 'g', generation: 3 });
    const { generations, ...older } = state.image();
    expect(generations).toEqual([['g', 3]]);
    expect(LogState.restore('log', DAY_MS, older).generations.size).toBe(0);
    expect(LogState.restore('log', DAY_MS, state.image()).generations.get('g')).toBe(3);
  });
});
