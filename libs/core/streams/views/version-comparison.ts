import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { JsonValue } from '#libs/core/kernel';
import { sourcesOf, type ViewDefinition } from './view-definition.js';
import { parseViewQuery, WHOLE, type ViewQuery } from './view-query.js';
import type { ViewPositions, ViewStream } from './view-tables.js';

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

/** Columns of the same name and type in both, in the order of the first. */
export function comparableColumns(one: ViewDefinition, other: ViewDefinition): string[] {
  const types = new Map(other.columns.map((column) => [column.name, column.type]));
  return one.columns.filter((column) => types.get(column.name) === column.type).map((column) => column.name);
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
