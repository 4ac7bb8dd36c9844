import type { JsonObject } from '#libs/core/kernel';
import { newKeyOf } from './key-findings.js';
import type { KeyPlaces } from './key-places.js';
import type { Rehearsed } from './rehearsal.js';
import { tallyOf } from './rehearsal.js';

/** Places shown for each thing that was found. */
const EXAMPLES = 10;
/** Things told apart: classes of poison and places that get lost. More are counted together. */
const MAX_NAMES = 200;
const OTHERS = 'others';

/** What a rehearsal of many records has found so far. Plain data of bounded size, so that it can be kept with how far it has come. */
export interface RehearsalReport {
  readonly records: number;
  readonly same: number;
  readonly changed: number;
  readonly leftOut: number;
  /** By class. */
  readonly poison: Readonly<Record<string, number>>;
  /** Records that came to something else the second time. */
  readonly unstable: number;
  readonly returned: number;
  readonly restored: number;
  /** Records that lost something on the way back that nobody declared, by place. */
  readonly lost: Readonly<Record<string, number>>;
  readonly notReturned: Readonly<Record<string, number>>;
  /** New keys whose records come from several partitions: told where keys become others. */
  readonly splitKeys: number;
  /** There were more keys than are told apart. */
  readonly keysBeyond: boolean;
  /** The first places of each: `<partition>/<offset>`, by `poison:<class>`, `unstable`, `lost:<place>`, `notReturned:<class>`, `several-partitions`. */
  readonly examples: Readonly<Record<string, readonly string[]>>;
}

export const NOTHING_REHEARSED: RehearsalReport = {
  records: 0,
  same: 0,
  changed: 0,
  leftOut: 0,
  poison: {},
  unstable: 0,
  returned: 0,
  restored: 0,
  lost: {},
  notReturned: {},
  splitKeys: 0,
  keysBeyond: false,
  examples: {},
};

/** The report with these records added. @param lossy places that need not be restored @param places of keys, where these become others */
export function withRehearsed(
  report: RehearsalReport,
  rehearsed: readonly Rehearsed[],
  lossy: readonly string[],
  places?: KeyPlaces,
): RehearsalReport {
  const tally = tallyOf(rehearsed, lossy);
  const examples = new Map(Object.entries(report.examples).map(([name, places]) => [name, [...places]]));
  let splitKeys = report.splitKeys;
  for (const one of rehearsed) {
    const key = places === undefined ? null : newKeyOf(one.record, one.migrated);
    const isSplit = key !== null && places!.add(key, one.partition);
    if (isSplit) splitKeys++;
    for (const name of [...findingsOf(one, lossy), ...(isSplit ? ['several-partitions'] : [])]) {
      const places = examples.get(name) ?? [];
      if (places.length >= EXAMPLES || (places.length === 0 && examples.size >= MAX_NAMES)) continue;
      examples.set(name, [...places, `${one.partition}/${one.record.offset}`]);
    }
  }
  return {
    records: report.records + tally.records,
    same: report.same + tally.same,
    changed: report.changed + tally.changed,
    leftOut: report.leftOut + tally.leftOut,
    poison: added(report.poison, tally.poison),
    unstable: report.unstable + tally.unstable,
    returned: report.returned + tally.returned,
    restored: report.restored + tally.restored,
    lost: added(report.lost, tally.lost),
    notReturned: added(report.notReturned, tally.notReturned),
    splitKeys,
    keysBeyond: report.keysBeyond || places?.isFull === true,
    examples: Object.fromEntries(examples),
  };
}

/** What stands against the migration, in words. None: it would go through as it was planned. */
export function findingsOfReport(report: RehearsalReport, policy: string): readonly string[] {
  const { unstable, lost, notReturned, poison, records, splitKeys } = report;
  const found: string[] = [];
  if (unstable > 0) found.push(`${unstable} of ${records} records came to something else the second time`);
  for (const [place, count] of Object.entries(lost)) found.push(`down does not restore '${place}' in ${count} records`);
  for (const [why, count] of Object.entries(notReturned)) found.push(`down has no answer for ${count} records: ${why}`);
  if (splitKeys > 0) {
    found.push(
      `${splitKeys} new keys come from several partitions, whose records have no order that could be kept; repartition the topic with orderMerge first`,
    );
  }
  if (policy === 'fail') {
    for (const [why, count] of Object.entries(poison)) found.push(`${count} records cannot be migrated: ${why}`);
  }
  return found;
}

/** A stored report. */
export function reportFromJson(json: JsonObject): RehearsalReport {
  return { ...NOTHING_REHEARSED, ...(json as unknown as RehearsalReport) };
}

/** A report to be stored and shown. */
export function reportToJson(report: RehearsalReport): JsonObject {
  return JSON.parse(JSON.stringify(report)) as JsonObject;
}

function findingsOf(one: Rehearsed, lossy: readonly string[]): string[] {
  const single = tallyOf([one], lossy);
  return [
    ...[...single.poison.keys()].map((name) => `poison:${name}`),
    ...(single.unstable > 0 ? ['unstable'] : []),
    ...[...single.lost.keys()].map((place) => `lost:${place}`),
    ...[...single.notReturned.keys()].map((name) => `notReturned:${name}`),
  ];
}

function added(
  counts: Readonly<Record<string, number>>,
  more: ReadonlyMap<string, number>,
): Readonly<Record<string, number>> {
  const sum = new Map(Object.entries(counts));
  for (const [name, count] of more) {
    const key = sum.has(name) || sum.size < MAX_NAMES ? name : OTHERS;
    sum.set(key, (sum.get(key) ?? 0) + count);
  }
  return Object.fromEntries(sum);
}
