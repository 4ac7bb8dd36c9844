import type { JsonObject } from '#libs/core/kernel';
import type { LaneTotals } from './copy-session.js';
import { FILTER_RULE } from './router.js';

/** What became of the records a copy has read: `read` = `written` + `leftOut` + `refused`. Condition M4. */
export interface CopyTally {
  readonly read: number;
  readonly written: number;
  /** By a condition of the plan, as asked for. */
  readonly leftOut: number;
  /** Left out by any other rule; of these so many went to the dead letter topic. */
  readonly refused: number;
  readonly sent: number;
  /** Refused, or written although something was wrong with them. */
  readonly poison: number;
  /** The same by rule. */
  readonly byClass: ReadonlyMap<string, number>;
}

/** Counts over all lanes of a copy, as of their last commits. */
export function tallyOfCopy(lanes: Iterable<LaneTotals>): CopyTally {
  const counts = { read: 0, written: 0, leftOut: 0, refused: 0, sent: 0, poison: 0 };
  const byClass = new Map<string, number>();
  for (const { records, dropped, noted, sent, sum } of lanes) {
    counts.read += records;
    counts.written += sum.count;
    counts.sent += sent;
    for (const [rule, count] of dropped) {
      if (rule === FILTER_RULE) counts.leftOut += count;
      else counts.refused += count;
    }
    for (const [rule, count] of [...dropped, ...noted]) {
      if (rule === FILTER_RULE) continue;
      counts.poison += count;
      byClass.set(rule, (byClass.get(rule) ?? 0) + count);
    }
  }
  return { ...counts, byClass };
}

/** As the operation's status shows it. */
export function tallyToJson(tally: CopyTally): JsonObject {
  const { read, written, leftOut, poison, sent, byClass } = tally;
  return { read, written, leftOut, poison, parked: 0, dlq: sent, byClass: Object.fromEntries(byClass) };
}
