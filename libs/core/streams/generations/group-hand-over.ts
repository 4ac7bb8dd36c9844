import type { AppError, Clock } from '#libs/core/kernel';
import {
  IN_HAND_NOTE,
  logErrors,
  type LogEngine,
  type LogWriter,
  NOBODY_RESTS,
  type RestingGroups,
} from '#libs/core/log';
import { comesAlong } from './group-request.js';
import { closeToLeases, reopenToLeases } from './lease-closing.js';
import type { GroupMode } from './parameters.js';
import { SwitchRefused } from './switch-refused.js';
import type { GroupVector, TranslatedGroup } from './translation.js';

/** Groups of one commit: what a journal entry holds easily. */
const GROUPS_TOGETHER = 100;
/** How much longer than the pause members rest at most: the name moves in its end. */
const REST_MS = 5_000;
/** How often is looked whether groups have moved or rest. */
const LOOK_MS = 5;

/** Two topics, of the same log or not, by physical name. */
export interface HandedOver {
  readonly from: { readonly log: LogEngine; readonly physical: string };
  readonly to: { readonly log: LogEngine; readonly physical: string };
}

/** Under which an operation opens {@link HandOverSessions}. */
export const switchWriterId = (operationId: string): string => `${operationId}-switch`;

/** The sessions that hand groups over. Whoever opens them last can, and nobody else. */
export class HandOverSessions {
  private constructor(
    private readonly change: HandedOver,
    /** In the log that groups leave; undefined where it cannot close a topic to positions. */
    private readonly leaving: LogWriter | undefined,
    /** In another log that groups come to. */
    private readonly coming: LogWriter | undefined,
  ) {}

  static async open(change: HandedOver, id: string): Promise<HandOverSessions> {
    const { from, to } = change;
    const leaving = from.log.capabilities.handsOver ? await from.log.openWriter(id) : undefined;
    const coming = from.log.logId === to.log.logId ? undefined : await to.log.openWriter(id);
    return new HandOverSessions(change, leaving, coming);
  }

  /** Whether the topic can be closed to positions, so that those that are read are the last. */
  get closes(): boolean {
    return this.leaving !== undefined;
  }

  /** Closes the topic that groups leave to positions; where the log cannot, to those of leases, see {@link closeToLeases}. Answers whether positions may have moved meanwhile. */
  async closeToPositions(work: GroupHandOver): Promise<boolean> {
    const { log, physical } = this.change.from;
    if (this.leaving !== undefined) {
      await this.leaving.commit({ positionsOpen: [{ topic: physical, open: false }] });
      return true;
    }
    const { clock, signal } = work;
    return await closeToLeases({ log, clock, signal, topic: physical, waitMs: work.leftMs() / 2 });
  }

  /** Opens it again. */
  async openToPositions(clock: Clock): Promise<void> {
    const { log, physical } = this.change.from;
    if (this.leaving === undefined) await reopenToLeases(log, clock, physical);
    else await this.leaving.commit({ positionsOpen: [{ topic: physical, open: true }] });
  }

  /**
   * Stores where groups go on. Harmless to repeat. Where the log that they come to can hand over, their members are fenced with it; elsewhere a group with live members is refused, and what was stored
   * is read back.
   * @throws `group-active`, SwitchRefused.
   */
  async store(groups: readonly TranslatedGroup[]): Promise<void> {
    const { from, to } = this.change;
    const writer = this.coming ?? this.leaving;
    if (writer === undefined || !to.log.capabilities.handsOver) return await this.#storeVacant(groups);
    // Producers are known by numbers of their log: from another one none come along, and those that are known stay.
    const source = this.coming === undefined ? from.physical : to.physical;
    for (let at = 0; at === 0 || at < groups.length; at += GROUPS_TOGETHER) {
      const some = groups.slice(at, at + GROUPS_TOGETHER);
      await writer.commit({ handOver: { from: source, to: to.physical, groups: some } });
    }
  }

  async close(): Promise<void> {
    await this.leaving?.close();
    await this.coming?.close();
  }

  async #storeVacant(groups: readonly TranslatedGroup[]): Promise<void> {
    const { log, physical } = this.change.to;
    for (const { group, positions } of groups) {
      const there = positions.map((offset, partition) => ({ topic: physical, partition, offset }));
      if (this.coming === undefined) {
        await log.commitPositions(group, there);
        continue;
      }
      // In the session, so that a worker that was replaced stores nothing.
      await this.coming.commit({ positions: there.map((one) => ({ ...one, group })), onlyVacant: true });
      const stored = (await log.describeGroup(group)).positions.filter((one) => one.topic === physical);
      const found = new Map(stored.map((one) => [one.partition, one.offset]));
      if (there.some(({ partition, offset }) => found.get(partition) !== offset))
        throw new SwitchRefused(`the positions of group '${group}' read back are not those that were stored`);
    }
  }
}

/**
 * The error that storing positions would meet, told before any writer is held: where the log that groups come to cannot hand over, it stores no positions of a group that has live members. Undefined
 * when nothing is in the way now; a member that joins later is met by the log itself. `carried`: as in {@link GroupHandOver}.
 */
export async function groupInTheWay(
  { from, to }: HandedOver,
  carried: readonly string[] | null | undefined,
): Promise<AppError | undefined> {
  if (to.log.capabilities.handsOver) return undefined;
  for (const { group } of await vectorsOf({ log: from.log, from: from.physical, carried })) {
    const { members } = await to.log.describeGroup(group);
    if (members.length > 0) return logErrors.groupActive(group, members.length);
  }
  return undefined;
}

/** What is handed over, and by when. */
export interface GroupHandOver {
  /** The log that groups leave. */
  readonly log: LogEngine;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The topic that groups leave, by physical name. */
  readonly from: string;
  readonly sessions: HandOverSessions;
  readonly mode: GroupMode;
  /** Names of the groups that are handed over; null or undefined: all. */
  readonly carried?: readonly string[] | null | undefined;
  readonly translate: (groups: readonly GroupVector[]) => Promise<readonly TranslatedGroup[]>;
  /** @throws SwitchRefused when the pause is over. */
  readonly demandTime: (what: string) => void;
  /** Ms of the pause that are left. */
  readonly leftMs: () => number;
  readonly failPoint: (name: string) => void | Promise<void>;
}

/**
 * Hands over the groups of several topics and makes one move then. A group may read several of them, and its members are fenced with the first: so all rest, and have stored how far they came in each, before any is
 * handed over.
 */
export async function handOverAll(
  works: readonly GroupHandOver[],
  move: (groups: readonly (readonly TranslatedGroup[])[]) => Promise<void>,
): Promise<void> {
  const through = async (done: readonly (readonly TranslatedGroup[])[]): Promise<void> => {
    const next = works[done.length];
    if (next === undefined) return await move(done);
    await handOverGroups(next, (groups) => through([...done, groups]));
  };
  const rests: { readonly work: GroupHandOver; readonly rest: RestingGroups }[] = [];
  try {
    if (works.length > 1) {
      for (const work of works) await translatedGroups(work);
      for (const work of works) {
        if (work.sessions.closes) rests.push({ work, rest: work.log.restGroups(work.from, work.leftMs() + REST_MS) });
      }
      for (const { work, rest } of rests) await untilAtRest(work, () => rest.waiting());
    }
    await through([]);
  } finally {
    for (const { rest } of rests) rest.end();
  }
}

/**
 * Carries the groups of one generation to the other and moves the name with `move`. Where the log can do it (`capabilities.handsOver`), live members and workers under leases are first asked
 * to store how far they came; then the old generation is closed to positions, so that those which are translated are the last; then groups go on in the new one, and members are fenced, in one
 * commit of a fenced session. Members rest until the name has moved or will not: none begins anew where it is not to read any more. Whoever did not store how far it came
 * gets those records again, like after every rebalance.
 *
 * Elsewhere positions are stored from outside, which a group with live members refuses, and workers under leases alone are asked and held to it.
 * @throws SwitchRefused, `group-active`; the topic may stay closed to positions then, until it is ACTIVE.
 */
async function handOverGroups<T>(
  work: GroupHandOver,
  move: (groups: readonly TranslatedGroup[]) => Promise<T>,
): Promise<T> {
  const { log, from, sessions, failPoint } = work;
  for (;;) {
    const before = await translatedGroups(work);
    work.signal.throwIfAborted();
    const rest = sessions.closes ? log.restGroups(from, work.leftMs() + REST_MS) : NOBODY_RESTS;
    try {
      if (sessions.closes) await untilAtRest(work, () => rest.waiting());
      const moved = await sessions.closeToPositions(work);
      await failPoint('switch:closed');
      const groups = moved ? await work.translate(await vectorsOf(work)) : before;
      if (mayBe(groups, work.mode)) {
        await sessions.store(groups);
        await failPoint('switch:translated');
        return await move(groups);
      }
      // Somebody has moved a group meanwhile: it is waited for again.
      await sessions.openToPositions(work.clock);
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

/** Where the groups that come along stand in the old generation. */
async function vectorsOf({
  log,
  from,
  carried,
}: Pick<GroupHandOver, 'log' | 'from' | 'carried'>): Promise<GroupVector[]> {
  const found: GroupVector[] = [];
  for (const { group } of await log.listGroups()) {
    if (!comesAlong(carried, group)) continue;
    const here = (await log.describeGroup(group)).positions.filter((one) => one.topic === from);
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
  const { log, clock, signal, from } = work;
  const until = clock.monotonic() + work.leftMs() / 2;
  for (;;) {
    const inHand = async (): Promise<boolean> => {
      for (const { group } of await log.listGroups()) {
        const { positions } = await log.describeGroup(group);
        if (positions.some((one) => one.topic === from && one.metadata === IN_HAND_NOTE)) return true;
      }
      return false;
    };
    if ((waiting() === 0 && !(await inHand())) || clock.monotonic() >= until) return;
    await clock.sleep(LOOK_MS, signal);
  }
}
