import type { FieldPath } from '../field-path.js';
import type { ColumnType, FieldType } from './column-type.js';

/** `count` counts records; the others pass over null. `avg` is the mean, of type real; `latest` the value of the latest record by its time. */
export const AGGREGATES = ['count', 'sum', 'min', 'max', 'avg', 'latest'] as const;
export type Aggregate = (typeof AGGREGATES)[number];

/**
 * `latest`: the topic is a table: each live key is a row, which a later record of the key replaces and a tombstone removes. Aggregates over it follow: what a row had added is taken
 * back when it changes. `events`: every record is a fact of its own; rows are groups of records with their aggregates.
 */
export type SourceMode = 'latest' | 'events';

/** Where the value of a cell comes from. */
export type Origin = FieldType &
  (
    | { readonly from: 'path'; readonly path: FieldPath }
    /** Of the record itself. */
    | { readonly from: 'record'; readonly what: 'timestamp' | 'partition' | 'offset' | 'topic' }
    /** The answer of the view's expression with this name. */
    | { readonly from: 'computed'; readonly name: string }
    /** The members of the value that nothing else names. */
    | { readonly from: 'rest'; readonly without: readonly string[] }
    /** Begin of the window of this size that a time falls into. */
    | { readonly from: 'window'; readonly sizeMs: number; readonly of: Origin }
    /** A field of the reference row that a record refers to now. */
    | { readonly from: 'join'; readonly join: string; readonly path: FieldPath }
  );

/** A column filled from the record itself; in groups, one of their key, which may come from a reference row. */
export interface FieldColumn {
  readonly kind: 'field';
  readonly name: string;
  readonly type: ColumnType;
  readonly origin: Origin;
}

/** A column of a row of another topic, looked up at the time of the query: a change there shows in every row that refers to it. */
export interface JoinColumn {
  readonly kind: 'join';
  readonly name: string;
  readonly type: ColumnType;
  readonly origin: Origin & { readonly from: 'join' };
}

export interface AggregateColumn {
  readonly kind: 'aggregate';
  readonly name: string;
  readonly type: ColumnType;
  readonly aggregate: Aggregate;
  /** Null for `count`. */
  readonly of: Origin | null;
}

/** A column that tells what became of the row. All are timestamps. */
export interface SystemColumn {
  readonly kind: 'system';
  readonly name: 'deleted_at' | 'valid_from' | 'valid_to';
  readonly type: 'timestamp';
}

export type ViewColumn = FieldColumn | JoinColumn | AggregateColumn | SystemColumn;

/** A topic that rows are made of. */
export interface ViewSource {
  readonly topic: string;
  /** What is read otherwise in this topic, by column. */
  readonly origins: ReadonlyMap<string, Origin>;
}

/** A reference topic kept as a table by its key; rows without a match have nulls (left outer join). */
export interface ViewJoin {
  readonly as: string;
  readonly topic: string;
  /** Field of the main record that holds the key of the reference record. */
  readonly on: FieldPath;
}

/** A list in each record as rows of their own. They come and go with the row of the record. */
export interface ViewChild {
  readonly name: string;
  /** The list. */
  readonly list: FieldPath;
  readonly columns: readonly ChildColumn[];
}

export interface ChildColumn {
  readonly name: string;
  /** Within one item of the list: `value` stands for the item. */
  readonly path: FieldPath;
  readonly field: FieldType;
}

/** An object in each record whose members are columns. */
export interface FlattenedObject {
  readonly path: FieldPath;
  /** Whether the members are those of the schema, also those that it gets later. */
  readonly bySchema: boolean;
}

/** What ends a row beside a record without a value, and what becomes of it. */
export interface ViewDeletes {
  /** CEL that is true for records that end their row; null for none. */
  readonly when: string | null;
  /** `soft` keeps the row, with the time of its end in `deleted_at`. */
  readonly mode: 'hard' | 'soft';
}

/** How long rows stay. */
export interface ViewRetention {
  readonly afterMs: number;
  /** A column of time of the view, or the time of the record for null. */
  readonly by: string | null;
}

/** The target of views that name none. */
export const DEFAULT_TARGET = 'default';

/**
 * What was added to a view while it was running, in the order in which it was: its cells lie behind those that were there.
 */
export interface ViewEvolution {
  /** Rises by one with each change in place. */
  readonly revision: number;
  /** Names of columns. */
  readonly columns: readonly string[];
  /** Columns of lists, by the name of the list. */
  readonly children: Readonly<Record<string, readonly string[]>>;
  readonly indexes: readonly (readonly string[])[];
}

/** The evolution of a view as it was declared. */
export const UNCHANGED: ViewEvolution = { revision: 0, columns: [], children: {}, indexes: [] };

/** What a view is computed from and looks like. Names are the user's; physical names are generated. */
export interface ViewDefinition {
  readonly name: string;
  readonly cluster: string;
  /** Name of the database that the rows are kept in. */
  readonly target: string;
  /** Lists of columns that rows are to be found by, beside the key. Those that were added are the last ones. */
  readonly indexes: readonly (readonly string[])[];
  readonly mode: SourceMode;
  /** At least one. Rows of several stand side by side: each belongs to one topic. */
  readonly sources: readonly ViewSource[];
  readonly joins: readonly ViewJoin[];
  /** In the order they were declared; those that were added to the running view are the last ones, in the order in which they were. */
  readonly columns: readonly ViewColumn[];
  readonly children: readonly ViewChild[];
  /** Objects whose members are columns. */
  readonly flattened: readonly FlattenedObject[];
  /** Names of the columns that identify a row, for people and for paging. All of kind `field`. */
  readonly key: readonly string[];
  /** CEL; records for which it is not true have no row. Null for all. */
  readonly filter: string | null;
  /** CEL by name, for origins that are computed. */
  readonly computed: ReadonlyMap<string, string>;
  readonly deletes: ViewDeletes;
  /** Every change of a key is a row of its own. */
  readonly history: boolean;
  readonly retention: ViewRetention | null;
  /** What was added since its tables were made. */
  readonly evolution: ViewEvolution;
}

/** The topics a view reads: the main ones first, then each reference topic. The place in this list is the source's number. */
export function sourcesOf(view: ViewDefinition): readonly string[] {
  return [...view.sources.map((source) => source.topic), ...view.joins.map((join) => join.topic)];
}

/** Whether rows are groups of records. */
export function isGrouped(view: ViewDefinition): boolean {
  return view.mode === 'events' || view.columns.some((column) => column.kind === 'aggregate');
}

/** Whether what was counted is taken back when a record changes: then each record's share is kept beside its group. */
export function takesBack(view: ViewDefinition): boolean {
  return view.mode === 'latest' && isGrouped(view);
}

/** The aggregate columns of a view, in column order. */
export function aggregatesOf(view: ViewDefinition): readonly AggregateColumn[] {
  return view.columns.filter((column): column is AggregateColumn => column.kind === 'aggregate');
}

/** The columns that are filled from the record, or in groups from what they share. */
export function fieldsOf(view: ViewDefinition): readonly FieldColumn[] {
  return view.columns.filter((column): column is FieldColumn => column.kind === 'field');
}

/** Whether a column was added to the tables of a view that was running. */
export function isAdded(view: ViewDefinition, { name }: { readonly name: string }): boolean {
  return view.evolution.columns.includes(name);
}

/** Whether an expression has to be evaluated for the records of the main topics. */
export function evaluates(view: ViewDefinition): boolean {
  return view.filter !== null || view.deletes.when !== null || view.computed.size > 0;
}
