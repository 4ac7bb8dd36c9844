import { type LogEngine, type NameMove, type TopicName, type TopicNames, UNKNOWN_OPENING } from '#libs/core/log';
import type { Side } from './switch-over.js';

/*
 * The two sides of a switch may lie in one log or in two, and have one name or two. One row decides in each case and in both directions: that of the name which the topic had, in the log where it was, when the operation
 * began: its home.
 */

/** Whether a name stands for a side, by the row of its home. */
export function standsFor(row: TopicName | undefined, home: LogEngine, side: Side): boolean {
  const place = row?.place?.kind === 'moved' ? row.place : undefined;
  const at = place?.logId ?? home.logId;
  if (at !== side.log.logId || place?.topic !== side.topic) return false;
  return !isHome(side, home) || (row?.generation ?? 1) === side.generation;
}

function isHome({ log, topic }: Side, home: LogEngine): boolean {
  return log.logId === home.logId && topic === undefined;
}

/** How a side took over: ends of the side before and of its own at that moment. */
export interface TakenOver {
  readonly closedAt: readonly number[];
  readonly opensAt: readonly number[];
}

/** A name that is to stand for another side. */
export interface NameChange {
  readonly topic: string;
  /** As it was read before anything was closed. */
  readonly row: TopicName | undefined;
  readonly from: Side;
  readonly to: Side;
  readonly taken: TakenOver;
}

/** Makes names stand for other sides, all in one step, if their rows are still the ones given. @returns false when somebody else changed one: then none has moved. */
export async function takeOver(names: TopicNames, home: LogEngine, changes: readonly NameChange[]): Promise<boolean> {
  const moves = changes.map((change) => moveOf(home, change));
  const [only] = moves;
  if (only === undefined || moves.length > 1) return await names.compareAndSetAll(home.logId, moves);
  const { logical, expectedRevision, generation, opening, place } = only;
  const row = await names.compareAndSet(home.logId, logical, expectedRevision, generation, opening, place);
  return row !== undefined;
}

function moveOf(home: LogEngine, { topic: logical, row, from, to, taken }: NameChange): NameMove {
  const expectedRevision = row?.revision ?? 0;
  if (from.log.logId === to.log.logId && from.topic === to.topic) {
    const opening = { ...taken, keyExpression: to.keyExpression, partitioner: to.partitioner };
    return { logical, expectedRevision, generation: to.generation, opening };
  }
  // Who reads generations of the home goes on there as before: only the place changes.
  const { generation, ...opening } = row ?? { generation: 1, ...UNKNOWN_OPENING };
  const name = to.topic === undefined ? {} : { topic: to.topic };
  const place = isHome(to, home) ? null : ({ kind: 'moved', logId: to.log.logId, ...name, ...taken } as const);
  return { logical, expectedRevision, generation, opening, place };
}

/** Changes nothing but the revision, so that whoever saw the former one is refused. False when someone else changed the row. */
export async function raiseRevision(
  home: LogEngine,
  names: TopicNames,
  topic: string,
  row: TopicName | undefined,
): Promise<boolean> {
  const { revision, generation, ...opening } = row ?? { revision: 0, generation: 1, ...UNKNOWN_OPENING };
  return (await names.compareAndSet(home.logId, topic, revision, generation, opening)) !== undefined;
}
