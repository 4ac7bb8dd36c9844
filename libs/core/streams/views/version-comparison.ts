import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { JsonValue } from '#libs/core/kernel';
import { sourcesOf, type ViewDefinition } from './view-definition.js';
import { parseViewQuery, WHOLE, type ViewQuery } from './view-query.js';
import type { ViewPositions, ViewStream, ViewTables } from './view-tables.js';

/** Buckets that rows are put into by their key. */
const BUCKETS = 256;

/** How two versions of a view compare. */
export interface VersionComparison {
  /** Whether both stood at the same positions when they were compared: otherwise differences mean nothing. */
  readonly atEqualPositions: boolean;
  /** Columns that both have, which were compared. */
  readonly columns: readonly string[];
  readonly rows: readonly [number, number];
  /** Of 256 buckets of rows by key: those whose rows are not the same. */
  readonly differing: number;
}

/** What two versions are compared by. */
export interface ComparedColumns {
  /** Of the same name and type in both; those of the key first. */
  readonly columns: readonly string[];
  /** How many of them are the key. Without one there is nothing by which rows belong together but their contents. */
  readonly keys: number;
}

export function comparedColumns(one: ViewDefinition, other: ViewDefinition): ComparedColumns {
  const types = new Map(other.columns.map((column) => [column.name, column.type]));
  const shared = one.columns.filter((column) => types.get(column.name) === column.type).map((column) => column.name);
  const keyed = one.key.filter((name) => shared.includes(name));
  return { columns: [...keyed, ...shared.filter((name) => !keyed.includes(name))], keys: keyed.length };
}

/** The digests of a version's rows as of one commit, and where it stood then. */
export async function digestsOf(
  tables: ViewTables,
  { id, version, view }: { readonly id: string; readonly version: number; readonly view: ViewDefinition },
  { columns, keys }: ComparedColumns,
): Promise<{ readonly at: StandingView; readonly digests: RowDigests }> {
  const stream = await tables.stream(id, view, comparedQuery(view, { id, version }, columns));
  try {
    return { at: { view, positions: stream.positions }, digests: await digestRows(stream, keys) };
  } finally {
    await stream.close();
  }
}

/** What rows come to, bucket by bucket: their number and a sum that does not depend on their order. */
export interface RowDigests {
  readonly rows: number;
  readonly buckets: readonly bigint[];
}

/** Digests the rows of a version, reading them in chunks. */
export async function digestRows(stream: ViewStream, keys: number): Promise<RowDigests> {
  const buckets = Array.from({ length: BUCKETS }, () => 0n);
  let rows = 0;
  for await (const chunk of stream.chunks)
    for (const row of chunk) {
      rows++;
      const digest = hashed(row);
      const bucket = hashed(row.slice(0, keys)) % BigInt(BUCKETS);
      buckets[Number(bucket)] = BigInt.asUintN(128, buckets[Number(bucket)]! + digest);
    }
  return { rows, buckets };
}

function hashed(values: readonly JsonValue[]): bigint {
  const digest = createHash('sha256').update(JSON.stringify(values)).digest('hex');
  return BigInt(`0x${digest.slice(0, 32)}`);
}

/** Buckets that are not the same. */
export function differingBuckets(one: RowDigests, other: RowDigests): number {
  return one.buckets.filter((digest, bucket) => digest !== other.buckets[bucket]).length;
}

/** A version and where it stands. */
export interface StandingView {
  readonly view: ViewDefinition;
  readonly positions: ViewPositions;
}

/** Whether two versions have read the same of every topic that both read. */
export function standAlike(one: StandingView, other: StandingView): boolean {
  return sourcesOf(one.view).every((topic, source) => {
    const place = sourcesOf(other.view).indexOf(topic);
    return place < 0 || isDeepStrictEqual(one.positions.sources[source], other.positions.sources[place]);
  });
}

/** The query of all rows by these columns. */
export function comparedQuery(
  view: ViewDefinition,
  version: { readonly id: string; readonly version: number },
  columns: readonly string[],
): ViewQuery {
  return { ...parseViewQuery(view, version, new Map(), WHOLE), select: columns };
}
