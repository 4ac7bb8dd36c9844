import type { FieldPath } from '../field-path.js';
import type { ColumnType } from './column-type.js';

/** `count` counts records; the others pass over null. `avg` is their mean, of type real. */
export const AGGREGATES = ['count', 'sum', 'min', 'max', 'avg'] as const;
export type Aggregate = (typeof AGGREGATES)[number];

/**
 * `latest`: a row for each live key of the topic, as a table is the snapshot of its stream; a tombstone removes the row. `events`: every record is
 * a fact of its own; rows are groups of records with their aggregates.
 */
export type SourceMode = 'latest' | 'events';

/** A column filled from the record itself. */
export interface FieldColumn {
  readonly kind: 'field';
  readonly name: string;
  readonly type: ColumnType;
  readonly path: FieldPath;
}

/** A column of a row of another topic, looked up at the time of the query: a change there shows in every row that refers to it. */
export interface JoinColumn {
  readonly kind: 'join';
  readonly name: string;
  readonly type: ColumnType;
  readonly join: string;
  readonly path: FieldPath;
}

export interface AggregateColumn {
  readonly kind: 'aggregate';
  readonly name: string;
  readonly type: ColumnType;
  readonly aggregate: Aggregate;
  /** Null for `count`. */
  readonly path: FieldPath | null;
}

export type ViewColumn = FieldColumn | JoinColumn | AggregateColumn;

/** A reference topic kept as a table by its key; rows without a match have nulls (left outer join). */
export interface ViewJoin {
  readonly as: string;
  readonly topic: string;
  /** Field of the main record that holds the key of the reference record. Among the stored fields by itself. */
  readonly on: FieldPath;
}

/** What a view is computed from and looks like. Names are the user's; physical names are generated. */
export interface ViewDefinition {
  readonly name: string;
  readonly cluster: string;
  readonly source: { readonly topic: string; readonly mode: SourceMode };
  readonly joins: readonly ViewJoin[];
  /** In the order they were declared. */
  readonly columns: readonly ViewColumn[];
  /** Names of the columns that identify a row, for people and for paging. All of kind `field`. */
  readonly key: readonly string[];
}

/** The topics a view reads: the main one first, then each reference topic. The place in this list is the source's number. */
export function sourcesOf(view: ViewDefinition): readonly string[] {
  return [view.source.topic, ...view.joins.map((join) => join.topic)];
}
