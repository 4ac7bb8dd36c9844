import { isAppError } from '#libs/core/kernel';
import type { PhaseResult } from '#libs/core/operations';
import { endsOf } from '../copy/live-copy.js';
import { goneBack } from './arrival.js';
import { prepareBack } from './preparation.js';
import { raiseRevision } from './name-row.js';
import { standingOf } from './redrive.js';
import { completeSwitch, hasMoved, moveNames, releaseWriters, type Switch, type SwitchFacts } from './switch-over.js';
import { SwitchRefused } from './switch-refused.js';
import { translateGroupsBack } from './translation.js';
import type { Live, GenerationWork } from './work.js';
import { writtenSince } from './written-since.js';

/**
 * SWITCHED: carries stragglers over (records that reached the old side after the fence, which only writers that no fence can hold back produce), and
 * keeps the old side current with what is written to the new one. Ends with the signal.
 */
export async function stayCurrent(work: GenerationWork): Promise<PhaseResult> {
  const { engine, parameters, run, tools } = work;
  const there = await work.openThere();
  try {
    await carryStragglers(work, there);
    if (isWayBackOpen(work)) {
      const back = await openBack(work);
      try {
        await back.copy.tail({ ...work.paced(), report: () => undefined });
        run.signal.throwIfAborted();
      } catch (error) {
        // A record that has no place on the old side is no reason to stop the new one.
        if (!isAppError(error) || error.kind !== 'unprocessable') throw error;
        await run.note({ wayBack: 'closed', rollback: { dataLoss: error.message } });
        await run.event('way-back-closed', { reason: error.message });
      } finally {
        await back.copy.close();
      }
    }
    await engine.setTopicState(parameters.source.physical, 'RETIRED');
    for (;;) {
      await tools.clock.sleep(tools.tuning.stragglerMs, run.signal);
      await carryStragglers(work, there);
    }
  } finally {
    await there.copy.close();
  }
}

/** Before the old side is deleted: the last look for stragglers. */
export async function carryLast(work: GenerationWork): Promise<void> {
  const there = await work.openThere();
  try {
    await carryStragglers(work, there);
    await work.run.note(standingOf(work, there.copy));
  } finally {
    await there.copy.close();
  }
}

/**
 * Before the copy in the other log is deleted: records that reached it after its fence, which only writers that no fence can hold back produce. They come behind what was written since.
 */
export async function carryLastBack(work: GenerationWork): Promise<void> {
  if (!isWayBackOpen(work)) return;
  const back = await openBack(work);
  const copied = (): number => back.copy.sessions.reduce((sum, one) => sum + one.totals.records, 0);
  const before = copied();
  try {
    await back.copy.copyTo(await back.copy.sourceEnds(), work.hurried());
  } finally {
    await back.copy.close();
  }
  const records = copied() - before;
  if (records > 0) await work.run.event('straggler-found', { records, ends: back.copy.positions.map(String) });
}

/**
 * ROLLING_BACK: a cutover in the other direction, of one topic or of several in one step. Possible while the old sides hold everything: kept current by the copy back, or nothing written
 * since. Otherwise everything stays as it is and the reason is given.
 */
export async function rollBack(works: readonly GenerationWork[]): Promise<PhaseResult> {
  const [first] = works as readonly [GenerationWork, ...GenerationWork[]];
  const { names } = first.tools;
  const ways: WayBack[] = [];
  try {
    for (const work of works) ways.push(await openWayBack(work));
    if (!(await hasMoved(first.engine, names, first.parameters.topic, first.old))) {
      // Before any writer is held.
      for (const way of ways) await (way.back === undefined ? unchanged(way) : nearly(way.work, way.back));
      await moveNames(
        ways.map(({ work, change }) => {
          const keep = async ({ fence, ends }: SwitchFacts): Promise<void> =>
            work.run.note({ back: { closedAt: fence.map(String), opensAt: ends.map(String) } });
          return { context: { ...work.switchContext(), keep }, change };
        }),
      );
    }
    for (const { work, change } of ways) await completeWayBack(work, change);
    return { next: 'ROLLED_BACK' };
  } catch (error) {
    // A worker that was replaced, or asked to end, leaves the rest to whoever goes on.
    if (first.run.signal.aborted || isAppError(error, 'writer-fenced')) throw error;
    for (const { work, change } of ways) if (!(await releaseWriters(work.switchContext(), change))) throw error;
    if (!(error instanceof SwitchRefused)) throw error;
    return { next: 'SWITCHED', reason: `rolling back was not possible: ${error.reason}` };
  } finally {
    for (const { back, there } of ways) {
      await back?.copy.close();
      await there.copy.close();
    }
  }
}

/** What one topic goes back by. */
interface WayBack {
  readonly work: GenerationWork;
  readonly back: Live | undefined;
  readonly there: Live;
  readonly change: Switch;
}

async function openWayBack(work: GenerationWork): Promise<WayBack> {
  const { parameters, run } = work;
  const { target, topic } = parameters;
  const back = isWayBackOpen(work) ? await openBack(work) : undefined;
  const there = await work.openThere();
  const change: Switch = {
    topic,
    from: work.new,
    to: work.old,
    copy: back && { live: back.copy, verifier: back.verifier },
    expectedEnds: work.vector('ends') ?? [],
    // Groups cannot forbid a way back that was promised; they are waited for instead.
    groups: parameters.groups === 'exact' ? 'drain' : parameters.groups,
    // Who did not come along goes on where it stood.
    carried: parameters.carried,
    maxPauseMs: parameters.maxPauseMs,
    translate: async (ends, groups) => {
      const maps = {
        there: there.copy.map,
        sources: there.copy.mapLanes,
        back: back?.copy.map,
        targets: target.partitions,
      };
      return await translateGroupsBack(maps, ends, groups, run.signal);
    },
  };
  return { work, back, there, change };
}

/** Nothing keeps the old side current: there is a way back only while nothing was written to the new one. @throws SwitchRefused */
async function unchanged({ work, change: { from, expectedEnds } }: WayBack): Promise<void> {
  const { records, isMore } = await writtenSince(from.log, from.physical, expectedEnds, work.run.signal);
  if (records === 0) return;
  throw new SwitchRefused(
    `${isMore ? 'at least ' : ''}${records} records were written to ${from.physical} since the switch and are nowhere else; finish it, and plan the way back as an operation of its own`,
  );
}

/** The name has moved back. */
async function completeWayBack(work: GenerationWork, change: Switch): Promise<void> {
  const { engine, parameters, tools } = work;
  if (work.crosses) await goneBack(work);
  await completeSwitch(work.switchContext(), change, 'RETIRED');
  // From here on the number of the generation that is given up is never used again: see `nextGeneration`.
  for (; !work.crosses;) {
    const row = await tools.names.find(engine.logId, parameters.topic);
    if ((row?.revision ?? 0) >= parameters.target.generation) break;
    await raiseRevision(engine, tools.names, parameters.topic, row);
  }
  await work.failPoint('rollback:complete');
}

/** Brings the copy back near the writers and verifies it, so that the pause is short. */
async function nearly(work: GenerationWork, back: Live): Promise<void> {
  await back.copy.copyTo(await back.copy.sourceEnds(), work.hurried());
  const verification = await back.verifier.advance({ signal: work.run.signal });
  if (verification.mismatchCount > 0) {
    throw new SwitchRefused('the old side does not agree with the new one', verification);
  }
}

async function openBack(work: GenerationWork): Promise<Live> {
  const prepared = await prepareBack(work.engine, work.operationId, work.parameters);
  let oldEnds = work.vector('oldEnds');
  if (oldEnds === undefined) {
    // Kept before the first record is copied back, so that those are told from what was there.
    oldEnds = prepared.oldEnds;
    await work.run.note({ oldEnds: oldEnds.map(String) });
  }
  return await work.openBack(work.vector('ends') ?? [], oldEnds);
}

/** Whether the old side is, or can be, kept current. Stragglers close the way back, which would bring them back a second time. */
function isWayBackOpen(work: GenerationWork): boolean {
  return work.parameters.reverseTail && work.run.notes['wayBack'] !== 'closed';
}

/**
 * Copies records of the old side beyond the fence. Not once the copy back has begun: its own records lie there, and a straggler among them is found by the
 * verification of the way back.
 */
async function carryStragglers(work: GenerationWork, there: Live): Promise<void> {
  const { engine, parameters, run } = work;
  if (run.notes['oldEnds'] !== undefined) return;
  const ends = endsOf(await engine.describeTopic(parameters.source.physical));
  const records = ends.reduce((sum, end, i) => sum + Math.max(0, end - (there.copy.positions[i] ?? end)), 0);
  if (records === 0) return;
  await run.note({ wayBack: 'closed', rollback: { dataLoss: `${records} records that missed the cutover` } });
  await there.copy.copyTo(ends, work.hurried());
  await run.event('straggler-found', { records, ends: ends.map(String) });
}
