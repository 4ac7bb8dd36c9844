import type { LogRecord } from '#libs/core/log';
import { keyName } from '../copy/parked-records.js';
import type { PlanContext } from '../generations/kind.js';
import type { GroupOnTopic } from '../generations/topic-facts.js';
import { keysChange, type Migrated } from './migration-router.js';
import type { MigrationParameters } from './parameters.js';
import type { Rehearsed } from './rehearsal.js';

/** What the plan says of order and places. */
export function orderOf(parameters: MigrationParameters): string {
  if (!keysChange(parameters)) return 'every record stays in its partition and in its order; keys stay as they are';
  return 'keys are written anew, and records lie where their new keys belong, as those of writers after the switch do; records of one key keep their order';
}

/** Why keys cannot get another format. */
export function keyBlockersOf(
  { topic }: PlanContext,
  parameters: MigrationParameters,
  groups: readonly GroupOnTopic[],
  rehearsed: readonly Rehearsed[],
): string[] {
  if (!keysChange(parameters)) return [];
  const { groups: mode } = parameters;
  const found: string[] = [];
  if (topic.keyExpression !== null) {
    found.push(`keys come from '${topic.keyExpression}' since a repartition; repartition by the writers' keys first`);
  }
  if (mode === 'exact' && groups.length > 0) {
    const named = groups.map((one) => `'${one.group}'`).join(', ');
    found.push(
      `groups: ${named} have no exact position among keys that lie elsewhere; choose groups.mode drain or duplicates`,
    );
  }
  const split = keysOfSeveralPartitions(rehearsed);
  if (split > 0) {
    found.push(
      `${split} keys of the sample come from several partitions, whose records have no order that could be kept; repartition the topic with orderMerge first`,
    );
  }
  return found;
}

/** The key of a record on the new side; null where it has none, or does not get there. */
export function newKeyOf(record: Pick<LogRecord, 'key'>, migrated: Migrated): Uint8Array | null {
  if (migrated.kind === 'same') return record.key;
  return migrated.kind === 'other' ? migrated.record.key : null;
}

/** New keys whose records lie in more than one partition now: keys that become one, or that were misplaced. */
function keysOfSeveralPartitions(rehearsed: readonly Rehearsed[]): number {
  const places = new Map<string, Set<number>>();
  for (const { partition, record, migrated } of rehearsed) {
    const key = newKeyOf(record, migrated);
    if (key === null) continue;
    const name = keyName(key);
    places.set(name, (places.get(name) ?? new Set()).add(partition));
  }
  return [...places.values()].filter((one) => one.size > 1).length;
}
