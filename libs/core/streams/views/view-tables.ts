import type { JsonValue } from '#libs/core/kernel';
import type { SourcePosition } from '../source-reader.js';
import type { AddedCell, EvolvedDeclaration } from './evolution.js';
import type { SeenMember } from './seen-members.js';
import type { CellValue } from './column-type.js';
import type { SqlAnswer, SqlRequest } from './view-sql.js';
import type { ViewQuery } from './view-query.js';
import type { ViewDefinition } from './view-definition.js';

/** A row of one table. */
export interface TableRow {
  readonly identity: string;
  readonly cells: readonly CellValue[];
}

/** What becomes of one table. No identity is in it twice. */
export interface TableChange {
  readonly table: number;
  /** Rows as they are from now on, whether or not there was one. */
  readonly puts: readonly TableRow[];
  /** Rows of identities that there never was a row of. */
  readonly added?: readonly TableRow[];
  readonly deletes: readonly string[];
}

/** Rows of one table that are looked for by the cell of an index, where null is never found, or all of them in the order of their identities. */
export interface TableSearch {
  readonly table: number;
  /** The cell; undefined for all rows. */
  readonly column?: number;
  readonly equals?: CellValue;
  /** Instead of `equals`: less than this. */
  readonly below?: CellValue;
  /** With `below`: not less than this. */
  readonly from?: CellValue;
  /** Only rows with a value in this cell, the lowest first, or the highest when `descending`. Without it rows come in the order of their identities. */
  readonly by?: number;
  readonly descending?: boolean;
  /** Only rows with a later identity. Not together with `by`. */
  readonly after?: string;
  /** Only rows with an earlier identity. Not together with `by`. */
  readonly before?: string;
  readonly limit: number;
}

/** What a step needs to know of what is stored. */
export interface StoredRows {
  /** Those there are of these rows. */
  rows(table: number, identities: readonly string[]): Promise<ReadonlyMap<string, readonly CellValue[]>>;
  find(search: TableSearch): Promise<readonly TableRow[]>;
  /** Whether there surely are no rows in a table. */
  isEmpty?(table: number): boolean;
}

/** A record that could not be folded: kept aside with its coordinates, never dropped in silence. */
export interface RefusedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly code: string;
  readonly message: string;
}

/** Where a record lies that was set aside. */
export interface RefusedPlace {
  readonly source: number;
  readonly generation: number;
  readonly partition: number;
  readonly offset: number;
}

/** How far a step has read one source. */
export interface SourceMove {
  /** Place of the source in `sourcesOf(view)`. */
  readonly source: number;
  readonly from: SourcePosition;
  readonly to: SourcePosition;
}

/** The effect of some records of one source, and the move of its position, to be stored together. */
export interface ViewStep {
  /** The commit this was computed on: what it rests on has not changed since. */
  readonly commit: number;
  /** Nothing when no records were read: rows whose time is over were removed. */
  readonly move?: SourceMove;
  readonly changes: readonly TableChange[];
  readonly refused: readonly RefusedRecord[];
  /** Records that were set aside and are taken in by this step: they are not set aside any more. */
  readonly redriven?: readonly RefusedPlace[];
  /** Members that its records had, remembered with it; some may be known already. */
  readonly seen?: readonly SeenMember[];
}

/** A change of the tables of a view while it is running. */
export interface TablesEvolution {
  /** What the view is from then on. Kept with the tables, so that it is known there whatever else was stored. */
  readonly to: EvolvedDeclaration;
  /** The same as a definition. */
  readonly definition: ViewDefinition;
  readonly cells: readonly AddedCell[];
  /** Must not be among what its records had. */
  readonly unseen: readonly SeenMember[];
}

/** What the tables of a view have become. */
export interface TablesRevision {
  /** Of the definition that they are for. */
  readonly revision: number;
  /** What the view was changed to; null when it never was. */
  readonly evolved: EvolvedDeclaration | null;
  /** What its records had; null for tables that were begun before that was remembered. */
  readonly seen: readonly SeenMember[] | null;
}

export interface ViewPositions {
  /** Of the worker that writes, or was the last one that did. */
  readonly epoch: number;
  /** Rises by one with each stored step. */
  readonly commit: number;
  /** By place of the source; undefined for one never read. */
  readonly sources: readonly (SourcePosition | undefined)[];
  /** Records set aside so far. */
  readonly refused: number;
}

export interface ViewRows {
  readonly rows: readonly Readonly<Record<string, JsonValue>>[];
  /** Cursor of the next page, null after the last one. */
  readonly next: string | null;
  /** The position all of these rows reflect: read in the same transaction. */
  readonly positions: ViewPositions;
  /** Only when the query asked for it. */
  readonly count?: number;
}

/** All rows of a query as of one snapshot, a chunk at a time. The snapshot is held until the last one has been read, or until it is closed. */
export interface ViewStream {
  readonly positions: ViewPositions;
  /** Values in the order of the query's `select`. */
  readonly chunks: AsyncIterable<readonly (readonly JsonValue[])[]>;
  /** To be called whatever happens; harmless to repeat. */
  close(): Promise<void>;
}

/**
 * The tables of views, apart from all metadata. Class and injection token in one. Physical names are generated from the view's id; user names never
 * reach SQL text.
 */
export abstract class ViewTables {
  /** Makes the tables of a view, with the indexes that steps need. Harmless to repeat with the same definition. */
  abstract create(id: string, view: ViewDefinition): Promise<void>;
  /** Makes the indexes that only queries need: once everything has been read, in one go. Harmless to repeat; steps wait for it. */
  abstract index(id: string, view: ViewDefinition): Promise<void>;
  /** Lets this one be what SQL clients see under the name of the view, instead of another one of the same name; `create` does so when there is no other. */
  abstract publish(id: string, view: ViewDefinition): Promise<void>;
  /**
   * Gives the running view new cells, in one transaction with what it is from then on: rows that are there have the given values in them. Whoever writes, or computes a step, by the definition before is
   * refused from now on; readers by it go on. Nothing is copied, however many rows there are.
   * @param view as it was
   * @returns false, having done nothing, when the tables are not of the revision of `view`, or records had one of the members that must not have been seen.
   * @throws `view-not-found`; `views-unavailable` where readers that take long keep it waiting.
   */
  abstract evolve(id: string, view: ViewDefinition, evolution: TablesEvolution): Promise<boolean>;
  /** What the tables have become, which may be further than what is stored of the view. @throws `view-not-found`. */
  abstract revision(id: string, view: ViewDefinition): Promise<TablesRevision>;
  /** Removes the tables with all rows and positions. Harmless to repeat. */
  abstract drop(id: string, view: ViewDefinition): Promise<void>;
  /** Ids of all views that have tables here. */
  abstract list(): Promise<readonly string[]>;

  /** Takes the view over for writing: raises its epoch, so that whoever wrote before is refused from now on. @throws `view-not-found`. */
  abstract claim(
    id: string,
    view: ViewDefinition,
  ): Promise<{ readonly epoch: number; readonly positions: ViewPositions }>;

  /** Those there are of these rows, as of the last commit. Integers beyond 2^53 are bigint, others numbers. @throws `view-not-found`. */
  abstract rows(
    id: string,
    view: ViewDefinition,
    table: number,
    identities: readonly string[],
  ): Promise<ReadonlyMap<string, readonly CellValue[]>>;
  /** Rows found by an index, as of the last commit. */
  abstract find(id: string, view: ViewDefinition, search: TableSearch): Promise<readonly TableRow[]>;

  /**
   * Row changes and position in one transaction (conditions V1 and V2).
   * @throws `rows-refused` when the database cannot hold one of the rows; `view-writer-fenced` when another worker claimed the view, when it was changed in place, is not at `step.commit`, or its stored position not at `step.move.from`: nothing was done.
   */
  abstract apply(id: string, view: ViewDefinition, epoch: number, step: ViewStep): Promise<ViewPositions>;

  /** Positions now. @throws `view-not-found`. */
  abstract positions(id: string, view: ViewDefinition): Promise<ViewPositions>;
  /** One page of rows on one snapshot. Reads through a connection that cannot write. */
  abstract query(id: string, view: ViewDefinition, query: ViewQuery): Promise<ViewRows>;
  /**
   * All rows of a query, or as many as its limit says, on one snapshot and in bounded memory.
   * @throws `view-streams-busy` when as many are being read as may be at the same time.
   */
  abstract stream(id: string, view: ViewDefinition, query: ViewQuery, signal?: AbortSignal): Promise<ViewStream>;
  /**
   * Runs a statement of a user over the views of a target, each of which it may name, with no means but to read them, within a time and a number of rows. Nothing else waits for it.
   * @throws `sql-not-allowed`, `sql-refused`, `sql-too-slow`, `sql-busy`, `sql-not-guarded`.
   */
  abstract sql(target: string, request: SqlRequest, signal?: AbortSignal): Promise<SqlAnswer>;
  /** Records set aside, oldest first, `limit` at most. */
  abstract refused(id: string, view: ViewDefinition, limit: number): Promise<readonly (RefusedRecord & RefusedPlace)[]>;
  /** Whether a record is set aside, as of the last commit. */
  abstract isSetAside(id: string, view: ViewDefinition, place: RefusedPlace): Promise<boolean>;

  abstract close(): Promise<void>;
}
