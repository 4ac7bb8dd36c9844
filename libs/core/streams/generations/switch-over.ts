import { AppError, type Clock, type JsonObject } from '#libs/core/kernel';
import type { LogEngine, PartitionerSpec, TopicGuard, TopicName, TopicNames } from '#libs/core/log';
import { type CopyRun, endsOf, type LiveCopy } from '../copy/live-copy.js';
import type { Verification, Verifier } from '../verify/verification.js';
import { handOverAll, HandOverSessions } from './group-hand-over.js';
import { raiseRevision, standsFor, takeOver } from './name-row.js';
import type { GroupMode } from './parameters.js';
import { SwitchRefused } from './switch-refused.js';
import type { GroupVector, TranslatedGroup } from './translation.js';

/** One side of a switch. */
export interface Side {
  readonly log: LogEngine;
  readonly physical: string;
  readonly generation: number;
  /** The name of the topic while it is on this side, where that is another than the one it has at home. */
  readonly topic?: string | undefined;
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
  /** Names of the groups that are carried over; null or undefined: all. */
  readonly carried?: readonly string[] | null | undefined;
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

/** One of the topics that are switched in one step. */
export interface SwitchPart {
  readonly context: SwitchContext;
  readonly change: Switch;
}

/**
 * Holds the writers of `from`, carries the rest over, checks it, translates the groups and moves the name: of one topic, or of several that have one home. The move of the names in one step, by compare-and-set
 * from revisions read before anything else, is the point of no return: a worker that was replaced meanwhile cannot make it, since undoing raises the revisions. Until then {@link releaseWriters}
 * undoes everything; from then on {@link completeSwitch} has to follow for each, however often. So no name has moved while another has not.
 * @throws SwitchRefused when the pause would get too long, a check fails, or a group forbids it; what the log throws. Nothing has been undone then.
 */
export async function moveNames(parts: readonly SwitchPart[]): Promise<void> {
  const sessions: HandOverSessions[] = [];
  try {
    for (const { change, context } of parts) sessions.push(await HandOverSessions.open(change, context.writerId));
    await moveNamesWith(sessions, parts);
  } finally {
    for (const one of sessions) await one.close();
  }
}

/** What was found of a part when its rest had been copied. */
interface Drained {
  readonly part: SwitchPart;
  readonly row: TopicName | undefined;
  readonly fence: readonly number[];
  readonly ends: readonly number[];
  readonly verification: Verification | undefined;
}

async function moveNamesWith(sessions: readonly HandOverSessions[], parts: readonly SwitchPart[]): Promise<void> {
  const { home, names, clock, failPoint, run } = parts[0]!.context;
  const maxPauseMs = Math.min(...parts.map(({ change }) => change.maxPauseMs));
  const began = clock.monotonic();
  const leftMs = (): number => maxPauseMs - (clock.monotonic() - began);
  const demandTime = (what: string): void => {
    run.signal.throwIfAborted();
    if (leftMs() >= 0) return;
    throw new SwitchRefused(`${what} took longer than the pause of ${maxPauseMs} ms that was allowed`);
  };
  const rows: (TopicName | undefined)[] = [];
  for (const { change } of parts) rows.push(await switchable(home, names, change));
  await failPoint('switch:before-fence');
  // All are closed before the first is drained, so that what is read together ends together.
  const fences: (readonly number[])[] = [];
  for (const { change } of parts)
    fences.push(endsOf(await change.from.log.setTopicState(change.from.physical, 'FENCED')));
  await failPoint('switch:fenced');
  const drained: Drained[] = [];
  for (const [i, part] of parts.entries()) {
    const verification = await drain(part, fences[i]!, demandTime);
    const { to } = part.change;
    const ends = endsOf(await to.log.describeTopic(to.physical));
    drained.push({ part, row: rows[i], fence: fences[i]!, ends, verification });
  }
  const handOvers = drained.map(({ part: { change, context }, ends }, i) => ({
    ...{ log: change.from.log, clock, failPoint: context.failPoint, demandTime, leftMs, signal: context.run.signal },
    ...{ from: change.from.physical, mode: change.groups, carried: change.carried, sessions: sessions[i]! },
    translate: (groups: readonly GroupVector[]) => change.translate(ends, groups),
  }));
  const decide = async (groups: readonly (readonly TranslatedGroup[])[]): Promise<void> => {
    for (const [i, { part, fence, ends, verification }] of drained.entries()) {
      await part.context.keep({ fence, ends, groups: groups[i]!, verification });
    }
    await failPoint('switch:kept');
    demandTime('the cutover');
    const changes = drained.map(({ part: { change }, row, fence: closedAt, ends: opensAt }) => {
      return { topic: change.topic, from: change.from, to: change.to, row, taken: { closedAt, opensAt } };
    });
    if (!(await takeOver(names, home, changes))) throw nameMoved(changes.map((one) => one.topic));
    await failPoint('switch:name-moved');
  };
  await handOverAll(handOvers, decide);
}

/** The row of a name that can be switched. */
async function switchable(home: LogEngine, names: TopicNames, { topic, from }: Switch): Promise<TopicName | undefined> {
  const row = await names.find(home.logId, topic);
  if (!standsFor(row, home, from)) {
    throw new SwitchRefused(`the name '${topic}' stands for generation ${row?.generation}, not ${from.generation}`);
  }
  const closed = row && closedBy(row.guard);
  if (closed) throw new SwitchRefused(`the topic was ${closed} by a user`);
  return row;
}

/** Copies and checks what lies before the fence. */
async function drain(
  { context: { failPoint, run }, change }: SwitchPart,
  fence: readonly number[],
  demandTime: (what: string) => void,
): Promise<Verification | undefined> {
  const { copy, from } = change;
  if (copy === undefined) {
    if (fence.every((end, i) => end === change.expectedEnds[i])) return undefined;
    throw new SwitchRefused(`records were written to ${from.physical} since the switch and are nowhere else`);
  }
  await copy.live.copyTo(fence, run);
  await failPoint('switch:drained');
  demandTime('copying the rest');
  const refusal = change.refusal?.();
  if (refusal !== undefined) throw new SwitchRefused(refusal);
  const verification = await copy.verifier.advance({ signal: run.signal });
  if (verification.mismatchCount > 0) {
    throw new SwitchRefused('the copy does not agree with its source', verification);
  }
  await failPoint('switch:verified');
  return verification;
}

function nameMoved(topics: readonly string[]): AppError {
  const named = topics.map((topic) => `'${topic}'`).join(', ');
  return new AppError({
    kind: 'conflict',
    code: 'name-moved',
    message: `The name ${named} was changed by someone else during the cutover.`,
    hint: 'Look at the topic and at the operation again: what was begun is undone, unless another worker of the operation has completed it.',
    details: { topic: topics[0]! },
    retryable: true,
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
  context: Pick<SwitchContext, 'home' | 'names' | 'clock' | 'failPoint' | 'writerId'>,
  change: Pick<Switch, 'topic' | 'from' | 'to'>,
): Promise<boolean> {
  const { home, names, clock, failPoint } = context;
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
    await sessions.openToPositions(clock);
  }
  await sessions.close();
  await failPoint('switch:undone');
  return true;
}

/** The facts as notes of an operation; offsets as text. */
export function factsToJson(facts: SwitchFacts): JsonObject {
  return { fence: facts.fence.map(String), ends: facts.ends.map(String) };
}
