import { AppError, type Clock, type JsonObject } from '#libs/core/kernel';
import { type LogEngine, type TopicGuard, type TopicName, type TopicNames, UNKNOWN_OPENING } from '#libs/core/log';
import { type CopyRun, endsOf, type LiveCopy } from '../copy/live-copy.js';
import type { CopyVerifier, Verification } from '../verify/copy-verifier.js';
import type { GroupMode } from './parameters.js';
import type { GroupVector, TranslatedGroup } from './translation.js';

/** One side of a switch. */
export interface Side {
  readonly physical: string;
  readonly generation: number;
  /** Where the keys of new records come from while writers are on this side, null: from the writers. */
  readonly keyExpression: string | null;
}

/** Moving a logical name from one generation to another, in either direction. */
export interface Switch {
  readonly topic: string;
  readonly from: Side;
  readonly to: Side;
  /** What keeps `to` up with `from`; undefined when nothing does, and then `from` must end at `expectedEnds`. */
  readonly copy: { readonly live: LiveCopy; readonly verifier: CopyVerifier } | undefined;
  readonly expectedEnds: readonly number[];
  readonly groups: GroupMode;
  readonly maxPauseMs: number;
  readonly translate: (ends: readonly number[], groups: readonly GroupVector[]) => Promise<readonly TranslatedGroup[]>;
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
  readonly engine: LogEngine;
  readonly names: TopicNames;
  readonly clock: Clock;
  readonly failPoint: (name: string) => void | Promise<void>;
  readonly run: CopyRun;
  /** Stores the facts durably. */
  readonly keep: (facts: SwitchFacts) => Promise<void>;
}

/** A switch that cannot go on now and leaves everything as it was, with the reason for people. */
export class SwitchRefused extends Error {
  override readonly name = 'SwitchRefused';

  constructor(
    readonly reason: string,
    readonly verification?: Verification,
  ) {
    super(reason);
  }
}

/** Whether the name has moved to `to`. */
export async function hasMoved(engine: LogEngine, names: TopicNames, topic: string, to: Side): Promise<boolean> {
  return ((await names.find(engine.logId, topic))?.generation ?? 1) === to.generation;
}

/**
 * Holds the writers of `from`, carries the rest over, checks it, translates the groups and moves the name. The move of the name, by compare-and-set from a revision
 * read before anything else, is the point of no return: a worker that was replaced meanwhile cannot make it, since undoing raises the revision. Until then {@link releaseWriters}
 * undoes everything; from then on {@link completeSwitch} has to follow, however often.
 * @throws SwitchRefused when the pause would get too long, the check fails, or a group forbids it; what the log throws. Nothing has been undone then.
 */
export async function moveName(context: SwitchContext, change: Switch): Promise<SwitchFacts> {
  const { engine, names, clock, failPoint, run } = context;
  const { from, to, topic, copy } = change;
  const began = clock.monotonic();
  const demandTime = (what: string): void => {
    run.signal.throwIfAborted();
    const took = clock.monotonic() - began;
    if (took <= change.maxPauseMs) return;
    throw new SwitchRefused(`${what} took longer than the pause of ${change.maxPauseMs} ms that was allowed`);
  };
  const row = await names.find(engine.logId, topic);
  if ((row?.generation ?? 1) !== from.generation) {
    throw new SwitchRefused(`the name '${topic}' stands for generation ${row?.generation}, not ${from.generation}`);
  }
  const closed = row && closedBy(row.guard);
  if (closed) throw new SwitchRefused(`the topic was ${closed} by a user`);
  await failPoint('switch:before-fence');
  const fence = endsOf(await engine.setTopicState(from.physical, 'FENCED'));
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
    verification = await copy.verifier.advance({ signal: run.signal });
    if (verification.mismatches.length > 0) {
      throw new SwitchRefused('the copy does not agree with its source', verification);
    }
    await failPoint('switch:verified');
  }
  const ends = endsOf(await engine.describeTopic(to.physical));
  const groups = await translateAll(context, change, ends, demandTime);
  for (const { group, positions } of groups) {
    const there = positions.map((offset, partition) => ({ topic: to.physical, partition, offset }));
    await engine.commitPositions(group, there);
  }
  await failPoint('switch:translated');
  const facts = { fence, ends, groups, verification };
  await context.keep(facts);
  await failPoint('switch:kept');
  demandTime('the cutover');
  const opening = { opensAt: ends, closedAt: fence, keyExpression: to.keyExpression };
  if (!(await names.compareAndSet(engine.logId, topic, row?.revision ?? 0, to.generation, opening))) {
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
}

/** What users did that a switch would undo; undefined for nothing. */
export function closedBy(guard: TopicGuard): 'frozen' | 'deleted' | undefined {
  if (guard.deletion !== null) return 'deleted';
  return guard.frozen ? 'frozen' : undefined;
}

/** Opens the new side and closes the old one: `RETIRED`, or `FENCED` when an operation goes on writing to it. Harmless to repeat. */
export async function completeSwitch(
  context: Pick<SwitchContext, 'engine' | 'failPoint'>,
  change: Pick<Switch, 'from' | 'to'>,
  old: 'FENCED' | 'RETIRED',
): Promise<void> {
  await context.engine.setTopicState(change.to.physical, 'ACTIVE');
  await context.failPoint('switch:activated');
  await context.engine.setTopicState(change.from.physical, old);
  await context.failPoint('switch:retired');
}

/**
 * Undoes a switch whose name has not moved: raises the name's revision, so that a worker that still believes it switches cannot move the name any more, then lets
 * the writers go on where they were. False when the name has moved after all: then the switch has to be completed.
 */
export async function releaseWriters(
  context: Pick<SwitchContext, 'engine' | 'names' | 'failPoint'>,
  change: Pick<Switch, 'topic' | 'from' | 'to'>,
): Promise<boolean> {
  const { engine, names, failPoint } = context;
  let row: TopicName | undefined;
  do {
    row = await names.find(engine.logId, change.topic);
    if ((row?.generation ?? 1) === change.to.generation) return false;
  } while (!(await raiseRevision(engine, names, change.topic, row)));
  await failPoint('switch:undoing');
  // What users closed stays closed.
  if (row === undefined || closedBy(row.guard) === undefined) {
    await engine.setTopicState(change.from.physical, 'ACTIVE');
  }
  await failPoint('switch:undone');
  return true;
}

/** Changes nothing but the revision, so that whoever saw the former one is refused. False when someone else changed the row. */
export async function raiseRevision(
  engine: LogEngine,
  names: TopicNames,
  topic: string,
  row: TopicName | undefined,
): Promise<boolean> {
  const { revision, generation, ...opening } = row ?? { revision: 0, generation: 1, ...UNKNOWN_OPENING };
  return (await names.compareAndSet(engine.logId, topic, revision, generation, opening)) !== undefined;
}

async function translateAll(
  context: SwitchContext,
  change: Switch,
  ends: readonly number[],
  demandTime: (what: string) => void,
): Promise<readonly TranslatedGroup[]> {
  const { engine, clock, run } = context;
  const vectors = async (): Promise<GroupVector[]> => {
    const found: GroupVector[] = [];
    for (const { group } of await engine.listGroups()) {
      const here = (await engine.describeGroup(group)).positions.filter((one) => one.topic === change.from.physical);
      if (here.length === 0) continue;
      found.push({ group, positions: new Map(here.map((one) => [one.partition, one.offset])) });
    }
    return found;
  };
  for (;;) {
    const groups = await vectors();
    const translated = await change.translate(ends, groups);
    const inexact = translated.filter((one) => !one.exact);
    if (inexact.length === 0 || change.groups === 'duplicates') return translated;
    const names = inexact.map((one) => `'${one.group}'`).join(', ');
    if (change.groups === 'exact') {
      throw new SwitchRefused(`the positions of group ${names} have no exact translation where it is now`);
    }
    await untilMoved(groups, vectors, clock, run.signal, () =>
      demandTime(`waiting for group ${names} to read everything`),
    );
  }
}

/** Waits until a group has moved. Translating is work, looking at positions is not. */
async function untilMoved(
  before: readonly GroupVector[],
  vectors: () => Promise<GroupVector[]>,
  clock: Clock,
  signal: AbortSignal,
  demandTime: () => void,
): Promise<void> {
  const text = (groups: readonly GroupVector[]): string =>
    JSON.stringify(groups.map(({ group, positions }) => [group, [...positions]]));
  for (;;) {
    await clock.sleep(10, signal);
    demandTime();
    if (text(await vectors()) !== text(before)) return;
  }
}

/** The facts as notes of an operation; offsets as text. */
export function factsToJson(facts: SwitchFacts): JsonObject {
  return { fence: facts.fence.map(String), ends: facts.ends.map(String) };
}
