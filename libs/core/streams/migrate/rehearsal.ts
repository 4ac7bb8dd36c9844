import type { JsonValue } from '#libs/core/kernel';
import { digestRecord, type LogRecord } from '#libs/core/log';
import { parseReadable, VALUE_DEPTH } from '#libs/core/schema';
import { jsonChanges } from '../derive/json-changes.js';
import type { Migrated, MigrationRouter } from './migration-router.js';
import type { RecordValues } from './record-values.js';
import type { SampledRecord } from './sampled-records.js';

/** What becomes of a sampled record. */
export interface Rehearsed extends SampledRecord {
  readonly migrated: Migrated;
  /** Done a second time, it came to the same. */
  readonly isStable: boolean;
  /** Of what came back with `down`; undefined where there is none, or nothing to bring back. */
  readonly back: Returned | undefined;
}

/** What the way back makes of a migrated record. `lost`: places that are not as they were, see {@link placesThatDiffer}. */
export type Returned = { readonly lost: readonly string[] } | { readonly failed: string };

/** How a rehearsal is done. */
export interface RehearsalTools {
  readonly topic: string;
  readonly there: MigrationRouter;
  /** Undefined: no way back. */
  readonly back: MigrationRouter | undefined;
  readonly values: RecordValues;
  readonly signal?: AbortSignal;
}

/** Records migrated together: of one partition. */
const TOGETHER = 200;

/**
 * Migrates records twice, comparing the results, and back where there is a way (condition M3). Writes nothing.
 * @throws what keeps the work from being done at all; never for a record.
 */
export async function rehearse(samples: readonly SampledRecord[], tools: RehearsalTools): Promise<Rehearsed[]> {
  const done: Rehearsed[] = [];
  for (let at = 0; at < samples.length;) {
    tools.signal?.throwIfAborted();
    const { partition } = samples[at]!;
    let end = at + 1;
    while (end < samples.length && end - at < TOGETHER && samples[end]!.partition === partition) end++;
    done.push(...(await rehearseTogether(samples.slice(at, end), partition, tools)));
    at = end;
  }
  return done;
}

async function rehearseTogether(
  samples: readonly SampledRecord[],
  partition: number,
  { topic, there, back, values }: RehearsalTools,
): Promise<Rehearsed[]> {
  const records = samples.map((one) => one.record);
  const first = await there.migrate(records, partition);
  const second = await there.migrate(records, partition);
  const results = first.map((one, i) => after(records[i]!, one));
  const returning = results.filter((one) => one !== undefined);
  const returned = back === undefined ? [] : await back.migrate(returning, partition);
  const done: Rehearsed[] = [];
  let next = 0;
  for (const [i, sample] of samples.entries()) {
    const migrated = first[i]!;
    const isStable = isSame(migrated, second[i]!);
    const result = results[i];
    const way = back === undefined || result === undefined ? undefined : { result, migrated: returned[next++]! };
    done.push({
      ...sample,
      migrated,
      isStable,
      back: way && (await returnedOf(topic, values, sample.record, way.result, way.migrated)),
    });
  }
  return done;
}

/** The record as it would lie on the new side; undefined when it would not. */
function after<R extends LogRecord>(record: R, migrated: Migrated): R | undefined {
  if (migrated.kind === 'same') return record;
  return migrated.kind === 'other' && !migrated.isProvisional ? { ...record, ...migrated.record } : undefined;
}

async function returnedOf(
  topic: string,
  values: RecordValues,
  before: LogRecord,
  result: LogRecord,
  migrated: Migrated,
): Promise<Returned> {
  if (migrated.kind === 'poison') return { failed: migrated.poison };
  const restored = after(result, migrated);
  if (restored === undefined) return { failed: 'left-out' };
  return { lost: await placesThatDiffer(topic, values, before, restored) };
}

/**
 * Where two records differ: JSON pointers into the values, with `*` for any item of a list, `header.<name>` and `timestamp`. Equal values may be spelled, and written with schemas, in
 * different ways.
 */
export async function placesThatDiffer(
  topic: string,
  values: RecordValues,
  one: LogRecord,
  other: LogRecord,
): Promise<string[]> {
  const places = new Set<string>();
  if (!isSameBytes(one.value, other.value)) {
    const [before, now] = [await valueOf(topic, values, one), await valueOf(topic, values, other)];
    if (before === undefined || now === undefined) places.add('');
    else for (const { path } of jsonChanges(before, now)) places.add(path.replaceAll(/\/[0-9]+(?=\/|$)/g, '/*'));
  }
  for (const name of new Set([...one.headers, ...other.headers].map((header) => header.key))) {
    if (headerText(one, name) !== headerText(other, name)) places.add(`header.${name}`);
  }
  if (!isSameBytes(one.key, other.key)) places.add('key');
  if (one.timestamp !== other.timestamp) places.add('timestamp');
  return [...places];
}

/** The value as JSON, as far as it is any; null for none. */
export async function valueOf(topic: string, values: RecordValues, record: LogRecord): Promise<JsonValue | undefined> {
  if (record.value === null) return null;
  try {
    return parseReadable((await values.read(topic, record.value, record.headers)).text, VALUE_DEPTH);
  } catch {
    return undefined;
  }
}

function isSameBytes(one: Uint8Array | null, other: Uint8Array | null): boolean {
  if (one === null || other === null) return one === other;
  return Buffer.compare(one, other) === 0;
}

function headerText(record: LogRecord, name: string): string {
  const values = record.headers.filter((one) => one.key === name).map((one) => one.value);
  return JSON.stringify(values.map((one) => one && Buffer.from(one).toString('hex')));
}

function isSame(one: Migrated, other: Migrated): boolean {
  if (one.kind !== other.kind) return false;
  if (one.kind === 'other' && other.kind === 'other') {
    return digestRecord(0, 0, one.record) === digestRecord(0, 0, other.record);
  }
  return !(one.kind === 'poison' && other.kind === 'poison') || one.poison === other.poison;
}

/** What a rehearsal comes to. */
export interface RehearsalTally {
  readonly records: number;
  readonly same: number;
  readonly changed: number;
  readonly leftOut: number;
  /** By class. */
  readonly poison: ReadonlyMap<string, number>;
  /** Records that came to something else the second time. */
  readonly unstable: number;
  /** Brought back, and of those: as they were but for what may be lost. */
  readonly returned: number;
  readonly restored: number;
  /** Records that lost something there, by place; those that could not be brought back, by class. */
  readonly lost: ReadonlyMap<string, number>;
  readonly notReturned: ReadonlyMap<string, number>;
}

/** Counts. @param lossy places that need not be restored, and everything below them */
export function tallyOf(rehearsed: readonly Rehearsed[], lossy: readonly string[]): RehearsalTally {
  const counts = { same: 0, changed: 0, leftOut: 0, unstable: 0, returned: 0, restored: 0 };
  const [poison, lost, notReturned] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  for (const { migrated, isStable, back } of rehearsed) {
    if (!isStable) counts.unstable++;
    if (migrated.kind === 'same') counts.same++;
    else if (migrated.kind === 'other') counts.changed++;
    else if (migrated.kind === 'left-out') counts.leftOut++;
    else count(poison, migrated.poison);
    if (back === undefined) continue;
    counts.returned++;
    if ('failed' in back) {
      count(notReturned, back.failed);
      continue;
    }
    const undeclared = back.lost.filter((place) => !lossy.some((one) => place === one || place.startsWith(`${one}/`)));
    if (undeclared.length === 0) counts.restored++;
    for (const place of undeclared) count(lost, place);
  }
  return { records: rehearsed.length, ...counts, poison, lost, notReturned };
}

function count(map: Map<string, number>, name: string): void {
  map.set(name, (map.get(name) ?? 0) + 1);
}
