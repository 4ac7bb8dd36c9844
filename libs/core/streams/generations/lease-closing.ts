import { type Clock, isAppError } from '#libs/core/kernel';
import { IN_HAND_NOTE, isLeaseNoted, type LeaseRest, type LogEngine, storeLeaseRest } from '#libs/core/log';
import { SwitchRefused } from './switch-refused.js';

/** Groups that are told at the same time: each costs a session. */
const AT_ONCE = 8;
/** How often is looked whether anything is in hand. */
const LOOK_MS = 20;

/** What is closed to leases, by when. */
export interface LeaseClosing {
  readonly log: LogEngine;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** By physical name. It is FENCED. */
  readonly topic: string;
  /** Longest wait for what is in hand, in ms. */
  readonly waitMs: number;
}

/**
 * Closes a topic to the leases over it, on a log that closes none to positions itself: they hand out nothing new of it, what is in hand can be acknowledged until the wait is over, and then nothing of it
 * is stored any more. So the positions that are read afterwards are the last that leases have stored. It lasts while the topic is not ACTIVE, or until {@link reopenToLeases}. First leases of
 * groups over it that are not stored by then do not begin while it is FENCED: whoever stores one looks at the topic once more.
 * @returns whether there were any.
 * @throws SwitchRefused when leases cannot be told; what the log says. Some groups may be told then.
 */
export async function closeToLeases(closing: LeaseClosing): Promise<boolean> {
  const { log, clock, signal, topic, waitMs } = closing;
  const groups = await leasedGroups(log, topic);
  if (groups.length === 0) return false;
  await tell(closing, groups, 'resting');
  const until = clock.monotonic() + waitMs;
  let inHand = groups;
  while ((inHand = await stillInHand(log, topic, inHand)).length > 0 && clock.monotonic() < until)
    await clock.sleep(LOOK_MS, signal);
  await tell(closing, groups, 'closed');
  return true;
}

/** Gives a topic back to the leases over it. For one that is not ACTIVE, which needs no word. */
export async function reopenToLeases(log: LogEngine, clock: Clock, topic: string): Promise<void> {
  await tell({ log, clock, topic }, await leasedGroups(log, topic), null);
}

/** Groups some of whose positions in the topic were stored under a lease. */
async function leasedGroups(log: LogEngine, topic: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const { group } of await log.listGroups()) {
    const { positions } = await log.describeGroup(group);
    if (positions.some((one) => one.topic === topic && isLeaseNoted(one))) found.push(group);
  }
  return found;
}

async function stillInHand(log: LogEngine, topic: string, groups: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const group of groups) {
    const { positions } = await log.describeGroup(group);
    if (positions.some((one) => one.topic === topic && one.metadata === IN_HAND_NOTE)) found.push(group);
  }
  return found;
}

async function tell(
  { log, clock, topic }: Pick<LeaseClosing, 'log' | 'clock' | 'topic'>,
  groups: readonly string[],
  rest: LeaseRest | null,
): Promise<void> {
  for (let at = 0; at < groups.length; at += AT_ONCE) {
    const some = groups.slice(at, at + AT_ONCE);
    await Promise.all(
      some.map(async (group) => {
        try {
          await storeLeaseRest(log, clock, group, topic, rest);
        } catch (error) {
          if (!isAppError(error, 'writer-fenced')) throw error;
          throw new SwitchRefused(`leases of group '${group}' were at work whenever they were to be told of it`);
        }
      }),
    );
  }
}
