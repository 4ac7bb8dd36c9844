import { type LogEngine, type TopicName, type TopicNames, UNKNOWN_OPENING } from '#libs/core/log';
import type { Side } from './switch-over.js';

/*
 * The two sides of a switch may lie in one log or in two. One row decides in both cases and in both directions: that of the name in the log where the topic was when the operation began, its home.
 */

/** Whether a name stands for a side, by the row of its home. */
export function standsFor(row: TopicName | undefined, home: LogEngine, { log, generation }: Side): boolean {
  const place = row?.place;
  const at = place?.kind === 'moved' ? place.logId : home.logId;
  return at === log.logId && (at !== home.logId || (row?.generation ?? 1) === generation);
}

/** How a side took over: ends of the side before and of its own at that moment. */
export interface TakenOver {
  readonly closedAt: readonly number[];
  readonly opensAt: readonly number[];
}

/** Makes a name stand for a side, if its row is still the one given. @returns false when somebody else changed it. */
export async function takeOver(
  names: TopicNames,
  home: LogEngine,
  topic: string,
  row: TopicName | undefined,
  { from, to }: { readonly from: Side; readonly to: Side },
  taken: TakenOver,
): Promise<boolean> {
  const revision = row?.revision ?? 0;
  if (from.log.logId === to.log.logId) {
    const opening = { ...taken, keyExpression: to.keyExpression, partitioner: to.partitioner };
    return (await names.compareAndSet(home.logId, topic, revision, to.generation, opening)) !== undefined;
  }
  // Who reads generations of the home goes on there as before: only the place changes.
  const { generation, ...opening } = row ?? { generation: 1, ...UNKNOWN_OPENING };
  const place = to.log.logId === home.logId ? null : ({ kind: 'moved', logId: to.log.logId, ...taken } as const);
  return (await names.compareAndSet(home.logId, topic, revision, generation, opening, place)) !== undefined;
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
