import { AppError, type Clock, type JsonObject } from '#libs/core/kernel';
import type { LogEngine, PartitionerSpec, TopicGuard, TopicName, TopicNames } from '#libs/core/log';
import { type CopyRun, endsOf, type LiveCopy } from '../copy/live-copy.js';
import type { Verification, Verifier } from '../verify/copy-verifier.js';
import { handOverGroups, HandOverSessions } from './group-hand-over.js';
import { raiseRevision, standsFor, takeOver } from './name-row.js';
import type { GroupMode } from './parameters.js';
import { SwitchRefused } from './switch-refused.js';
import type { GroupVector, TranslatedGroup } from './translation.js';

/** One side of a switch. */
export interface Side {
  readonly log: LogEngine;
  readonly physical: string;
  readonly generation: number;
  /** Where the keys of new records come from while writers are on this side, null: from the writers. */
  readonly keyExpression: string | null;
  /** How their keys are placed then, null: by the default partitioner. */
  readonly partitioner: PartitionerSpec | null;
}

/** Moving a logical name from one generation to another, of the same log or not, in either direction. */
export interface Switch {
  readonly topic: string;
  readonly from: Side;
  readonly to: Side;
  /** What keeps `to` up with `from`; undefined when nothing does, and then `from` must end at `expectedEnds`. */
  readonly copy: { readonly live: LiveCopy; readonly verifier: Verifier } | undefined;
  readonly expectedEnds: readonly number[];
  readonly groups: GroupMode;
  readonly maxPauseMs: number;
  readonly translate: (ends: readonly number[], groups: readonly GroupVector[]) => Promise<readonly TranslatedGroup[]>;
  /** Asked when nothing more comes: why the name must not move all the same. */
  readonly refusal?: () => string | undefined;
}

/** What was decided while writers were held. Kept durably before the name moves. */
export interface SwitchFacts {
  /** Ends of the side writers were on: everything below is on the other side. */
  readonly fence: readonly number[];
  /** Ends of the other side at that moment. */
  readonly ends: readonly number[];
  readonly groups: readonly TranslatedGroup[];
  readonly verification: Verification | undefined;
}

export interface SwitchContext {
  /** Log whose row of the name decides, see `name-row.ts`. */
  readonly home: LogEngine;
  readonly names: TopicNames;
  readonly clock: Clock;
  readonly failPoint: (name: string) => void | Promise<void>;
  readonly run: CopyRun;
  /** Of the sessions that hand groups and producers over, see {@link HandOverSessions}. */
  readonly writerId: string;
  /** Stores the facts durably. */
  readonly keep: (facts: SwitchFacts) => Promise<void>;
}

/** Whether the name has moved to `to`. */
export async function hasMoved(home: LogEngine, names: TopicNames, topic: string, to: Side): Promise<boolean> {
  return standsFor(await names.find(home.logId, topic), home, to);
}

/**
 * Holds the writers of `from`, carries the rest over, checks it, translates the groups and moves the name. The move of the name, by compare-and-set from a revision
 * read before anything else, is the point of no return: a worker that was replaced meanwhile cannot make it, since undoing raises the revision. Until then {@link releaseWriters}
 * undoes everything; from then on {@link completeSwitch} has to follow, however often.
 * @throws SwitchRefused when the pause would get too long, the check fails, or a group forbids it; what the log throws. Nothing has been undone then.
 */
export async function moveName(context: SwitchContext, change: Switch): Promise<SwitchFacts> {
  const sessions = await HandOverSessions.open(change, context.writerId);
  try {
    return await moveNameWith(sessions, context, change);
  } finally {
    await sessions.close();
  }
}

async function moveNameWith(sessions: HandOverSessions, context: SwitchContext, change: Switch): Promise<SwitchFacts> {
  const { home, names, clock, failPoint, run } = context;
  const { from, to, topic, copy } = change;
  const began = clock.monotonic();
  const demandTime = (what: string): void => {
    run.signal.throwIfAborted();
    const took = clock.monotonic() - began;
    if (took <= change.maxPauseMs) return;
    throw new SwitchRefused(`${what} took longer than the pause of ${change.maxPauseMs} ms that was allowed`);
  };
  const row = await names.find(home.logId, topic);
  if (!standsFor(row, home, from)) {
    throw new SwitchRefused(`the name '${topic}' stands for generation ${row?.generation}, not ${from.generation}`);
  }
  const closed = row && closedBy(row.guard);
  if (closed) throw new SwitchRefused(`the topic was ${closed} by a user`);
  await failPoint('switch:before-fence');
  const fence = endsOf(await from.log.setTopicState(from.physical, 'FENCED'));
  await failPoint('switch:fenced');
  let verification: Verification | undefined;
  if (copy === undefined) {
    if (fence.some((end, i) => end !== change.expectedEnds[i])) {
      throw new SwitchRefused(`records were written to ${from.physical} since the switch and are nowhere else`);
    }
  } else {
    await copy.live.copyTo(fence, run);
    await failPoint('switch:drained');
    demandTime('copying the rest');
    const refusal = change.refusal?.();
    if (refusal !== undefined) throw new SwitchRefused(refusal);
    verification = await copy.verifier.advance({ signal: run.signal });
    if (verification.mismatches.length > 0) {
      throw new SwitchRefused('the copy does not agree with its source', verification);
    }
    await failPoint('switch:verified');
  }
  const ends = endsOf(await to.log.describeTopic(to.physical));
  const leftMs = (): number => change.maxPauseMs - (clock.monotonic() - began);
  const handOver = {
    ...{ log: from.log, clock, failPoint, demandTime, leftMs, signal: run.signal },
    ...{ from: from.physical, mode: change.groups, sessions },
    translate: (groups: readonly GroupVector[]) => change.translate(ends, groups),
  };
  return await handOverGroups(handOver, async (groups) => {
    const facts = { fence, ends, groups, verification };
    await context.keep(facts);
    await failPoint('switch:kept');
    demandTime('the cutover');
    if (!(await takeOver(names, home, topic, row, change, { closedAt: fence, opensAt: ends }))) {
      throw new AppError({
        kind: 'conflict',
        code: 'name-moved',
        message: `The name '${topic}' was changed by someone else during the cutover.`,
        details: { topic },
        retryable: true,
      });
    }
    await failPoint('switch:name-moved');
    return facts;
  });
}

/** What users did that a switch would undo; undefined for nothing. */
export function closedBy(guard: TopicGuard): 'frozen' | 'deleted' | undefined {
  if (guard.deletion !== null) return 'deleted';
  return guard.frozen ? 'frozen' : undefined;
}

/** Opens the new side and closes the old one: `RETIRED`, or `FENCED` when an operation goes on writing to it. Harmless to repeat. */
export async function completeSwitch(
  context: Pick<SwitchContext, 'failPoint'>,
  change: Pick<Switch, 'from' | 'to'>,
  old: 'FENCED' | 'RETIRED',
): Promise<void> {
  await change.to.log.setTopicState(change.to.physical, 'ACTIVE');
  await context.failPoint('switch:activated');
  await change.from.log.setTopicState(change.from.physical, old);
  await context.failPoint('switch:retired');
}

/**
 * Undoes a switch whose name has not moved: raises the name's revision, so that a worker that still believes it switches cannot move the name any more, then lets
 * the writers go on where they were. False when the name has moved after all: then the switch has to be completed.
 */
export async function releaseWriters(
  context: Pick<SwitchContext, 'home' | 'names' | 'failPoint' | 'writerId'>,
  change: Pick<Switch, 'topic' | 'from' | 'to'>,
): Promise<boolean> {
  const { home, names, failPoint } = context;
  let row: TopicName | undefined;
  do {
    row = await names.find(home.logId, change.topic);
    if (standsFor(row, home, change.to)) return false;
  } while (!(await raiseRevision(home, names, change.topic, row)));
  await failPoint('switch:undoing');
  // From here on nobody who still believes it switches can close anything to groups.
  const sessions = await HandOverSessions.open(change, context.writerId);
  // What users closed stays closed; groups go on there all the same.
  if (row === undefined || closedBy(row.guard) === undefined) {
    await change.from.log.setTopicState(change.from.physical, 'ACTIVE');
  } else {
    await sessions.open(true);
  }
  await sessions.close();
  await failPoint('switch:undone');
  return true;
}

/** The facts as notes of an operation; offsets as text. */
export function factsToJson(facts: SwitchFacts): JsonObject {
  return { fence: facts.fence.map(String), ends: facts.ends.map(String) };
}
