import type { Clock } from '#libs/core/kernel';
import { IN_HAND_NOTE, type LogEngine, type LogWriter } from '#libs/core/log';
import type { GroupMode } from './parameters.js';
import { SwitchRefused } from './switch-refused.js';
import type { GroupVector, TranslatedGroup } from './translation.js';

/** Groups of one commit: what a journal entry holds easily. */
const GROUPS_TOGETHER = 100;
/** How much longer than the pause members rest at most: the name moves in its end. */
const REST_MS = 5_000;
/** How often is looked whether groups have moved or rest. */
const LOOK_MS = 5;

/** What is handed over, and by when. */
export interface GroupHandOver {
  readonly engine: LogEngine;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Physical names. */
  readonly from: string;
  readonly to: string;
  readonly mode: GroupMode;
  readonly translate: (groups: readonly GroupVector[]) => Promise<readonly TranslatedGroup[]>;
  /** @throws SwitchRefused when the pause is over. */
  readonly demandTime: (what: string) => void;
  /** Ms of the pause that are left. */
  readonly leftMs: () => number;
  readonly failPoint: (name: string) => void | Promise<void>;
}

/** The session that hands over; undefined where the log cannot. Whoever opens it last can, and nobody else. */
export async function openHandOver(engine: LogEngine, id: string): Promise<LogWriter | undefined> {
  return engine.capabilities.handsOver ? await engine.openWriter(id) : undefined;
}

/**
 * Carries the groups of one generation to the other and moves the name with `move`. Where the log can do it (`capabilities.handsOver`), live members and workers under leases are first asked
 * to store how far they came; then the old generation is closed to positions, so that those which are translated are the last; then groups go on in the new one, and members are fenced, in one
 * commit of a fenced session. Members rest until the name has moved or will not: none begins anew where it is not to read any more. Whoever did not store how far it came
 * gets those records again, like after every rebalance.
 *
 * Elsewhere positions are stored from outside, which a group with live members refuses.
 * @throws SwitchRefused, `group-active`; the topic may stay closed to positions then, until it is ACTIVE.
 */
export async function handOverGroups<T>(
  work: GroupHandOver,
  writer: LogWriter | undefined,
  move: (groups: readonly TranslatedGroup[]) => Promise<T>,
): Promise<T> {
  const { engine, from, to, failPoint } = work;
  if (writer === undefined) {
    const groups = await translatedGroups(work);
    for (const { group, positions } of groups) {
      const there = positions.map((offset, partition) => ({ topic: to, partition, offset }));
      await engine.commitPositions(group, there);
    }
    await failPoint('switch:translated');
    return await move(groups);
  }
  for (;;) {
    await translatedGroups(work);
    work.signal.throwIfAborted();
    const rest = engine.restGroups(from, work.leftMs() + REST_MS);
    try {
      await untilAtRest(work, () => rest.waiting());
      await writer.commit({ positionsOpen: [{ topic: from, open: false }] });
      await failPoint('switch:closed');
      const groups = await work.translate(await vectorsOf(work));
      if (mayBe(groups, work.mode)) {
        for (let at = 0; at === 0 || at < groups.length; at += GROUPS_TOGETHER) {
          await writer.commit({ handOver: { from, to, groups: groups.slice(at, at + GROUPS_TOGETHER) } });
        }
        await failPoint('switch:translated');
        return await move(groups);
      }
      // Somebody has moved a group meanwhile: it is waited for again.
      await writer.commit({ positionsOpen: [{ topic: from, open: true }] });
    } finally {
      rest.end();
    }
    work.demandTime('waiting for groups to read everything');
  }
}

/** Waits, as the mode says, until every group has positions that may be translated, and answers the translation. */
async function translatedGroups(work: GroupHandOver): Promise<readonly TranslatedGroup[]> {
  for (;;) {
    const groups = await vectorsOf(work);
    const translated = await work.translate(groups);
    if (mayBe(translated, work.mode)) return translated;
    const inexact = translated.filter((one) => !one.exact);
    const names = inexact.map((one) => `'${one.group}'`).join(', ');
    if (work.mode === 'exact') {
      throw new SwitchRefused(`the positions of group ${names} have no exact translation where it is now`);
    }
    await untilMoved(work, groups, () => work.demandTime(`waiting for group ${names} to read everything`));
  }
}

function mayBe(translated: readonly TranslatedGroup[], mode: GroupMode): boolean {
  return mode === 'duplicates' || translated.every((one) => one.exact);
}

/** Where the groups stand in the old generation. */
async function vectorsOf({ engine, from }: GroupHandOver): Promise<GroupVector[]> {
  const found: GroupVector[] = [];
  for (const { group } of await engine.listGroups()) {
    const here = (await engine.describeGroup(group)).positions.filter((one) => one.topic === from);
    if (here.length === 0) continue;
    found.push({ group, positions: new Map(here.map((one) => [one.partition, one.offset])) });
  }
  return found;
}

/** Waits until a group has moved. Translating is work, looking at positions is not. */
async function untilMoved(work: GroupHandOver, before: readonly GroupVector[], demandTime: () => void): Promise<void> {
  const text = (groups: readonly GroupVector[]): string =>
    JSON.stringify(groups.map(({ group, positions }) => [group, [...positions]]));
  for (;;) {
    await work.clock.sleep(LOOK_MS, work.signal);
    demandTime();
    if (text(await vectorsOf(work)) !== text(before)) return;
  }
}

/** Waits until members have given up what they read and workers under leases have acknowledged what they have in hand, for half of the time that is left. */
async function untilAtRest(work: GroupHandOver, waiting: () => number): Promise<void> {
  const { engine, clock, signal, from } = work;
  const until = clock.monotonic() + work.leftMs() / 2;
  for (;;) {
    const inHand = async (): Promise<boolean> => {
      for (const { group } of await engine.listGroups()) {
        const { positions } = await engine.describeGroup(group);
        if (positions.some((one) => one.topic === from && one.metadata === IN_HAND_NOTE)) return true;
      }
      return false;
    };
    if ((waiting() === 0 && !(await inHand())) || clock.monotonic() >= until) return;
    await clock.sleep(LOOK_MS, signal);
  }
}
