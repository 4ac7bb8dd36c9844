import type { JsonObject } from '#libs/core/kernel';
import type { LaneTotals } from './copy-session.js';
import { WAITS_FOR_KEY } from './parked-records.js';
import { parkedNow } from './parked-state.js';
import { FILTER_RULE } from './router.js';

/**
 * What became of the records a copy has read: `read` = `written` + `leftOut` + `refused` + `parked`, or, with dead letters that can be redriven, + `sent` − `redriven`. Condition M4. Where a record may become several,
 * `written` counts each.
 */
export interface CopyTally {
  readonly read: number;
  readonly written: number;
  /** By a condition of the plan, as asked for. */
  readonly leftOut: number;
  /** Left out by any other rule; of these so many went to the dead letter topic. */
  readonly refused: number;
  readonly sent: number;
  /** Parked now: they failed, or wait for one of their key. */
  readonly parked: number;
  /** Keys that have parked records. */
  readonly parkedKeys: number;
  /** Parked once, and written or left out since. */
  readonly redriven: number;
  /** Refused, parked because they failed, or written although something was wrong with them. */
  readonly poison: number;
  /** The same by rule. */
  readonly byClass: ReadonlyMap<string, number>;
}

/** Counts over all lanes of a copy, as of their last commits. */
export function tallyOfCopy(lanes: Iterable<LaneTotals>): CopyTally {
  const counts = { read: 0, written: 0, leftOut: 0, refused: 0, sent: 0, poison: 0 };
  const set = { parked: 0, parkedKeys: 0, redriven: 0 };
  const byClass = new Map<string, number>();
  for (const { records, dropped, noted, sent, sum, parked } of lanes) {
    counts.read += records;
    counts.written += sum.count;
    counts.sent += sent;
    for (const [rule, count] of dropped) {
      if (rule === FILTER_RULE) counts.leftOut += count;
      else counts.refused += count;
    }
    if (parked !== undefined) {
      const done = parked.sum.count + parked.leftOut;
      counts.written += parked.sum.count;
      counts.leftOut += parked.leftOut;
      if (!parked.alone) {
        set.parked += parkedNow(parked);
        set.parkedKeys += parked.keys;
      }
      set.redriven += done;
    }
    for (const [rule, count] of [...dropped, ...noted, ...(parked?.by ?? [])]) {
      if (rule === FILTER_RULE || rule === WAITS_FOR_KEY) continue;
      counts.poison += count;
      byClass.set(rule, (byClass.get(rule) ?? 0) + count);
    }
  }
  return { ...counts, ...set, byClass };
}

/** As the operation's status shows it. */
export function tallyToJson(tally: CopyTally): JsonObject {
  const { read, written, leftOut, poison, parked, parkedKeys, redriven, sent, byClass } = tally;
  return {
    ...{ read, written, leftOut, poison, parked, parkedKeys, redriven },
    dlq: sent,
    byClass: Object.fromEntries(byClass),
  };
}
