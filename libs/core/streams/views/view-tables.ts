import type { JsonValue } from '#libs/core/kernel';
import type { SourcePosition } from '../source-reader.js';
import type { CellValue } from './column-type.js';
import type { ViewQuery } from './view-query.js';
import type { ViewDefinition } from './view-definition.js';

/** A row of a `latest` source: the newest state of a key, or its end. `identity` is the key in text form, unique per key. */
export type RowChange =
  | { readonly kind: 'put'; readonly identity: string; readonly cells: readonly CellValue[] }
  | { readonly kind: 'delete'; readonly identity: string };

/** What some records add to one group. One entry per aggregate column, in their order. */
export interface GroupChange {
  readonly identity: string;
  /** Cells of the key columns. */
  readonly key: readonly CellValue[];
  readonly parts: readonly AggregatePart[];
}

/** `n` counts what took part (null values do not), `sum` adds it up; min and max as cells. */
export interface AggregatePart {
  readonly n: number;
  readonly sum: number | bigint;
  readonly min: CellValue;
  readonly max: CellValue;
}

/** A record that could not be folded: kept aside with its coordinates, never dropped in silence. */
export interface RefusedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly code: string;
  readonly message: string;
}

/** The effect of some records of one source, and the move of its position, to be stored together. */
export interface ViewStep {
  /** Place of the source in `sourcesOf(view)`. */
  readonly source: number;
  readonly from: SourcePosition;
  readonly to: SourcePosition;
  readonly rows: readonly RowChange[];
  readonly groups: readonly GroupChange[];
  readonly refused: readonly RefusedRecord[];
}

export interface ViewPositions {
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
  /** Makes the tables of a view. Harmless to repeat with the same definition. */
  abstract create(id: string, view: ViewDefinition): Promise<void>;
  /** Removes the tables with all rows and positions. Harmless to repeat. */
  abstract drop(id: string): Promise<void>;
  /** Ids of all views that have tables here. */
  abstract list(): Promise<readonly string[]>;

  /** Takes the view over for writing: raises its epoch, so that whoever wrote before is refused from now on. @throws `view-not-found`. */
  abstract claim(
    id: string,
    view: ViewDefinition,
  ): Promise<{ readonly epoch: number; readonly positions: ViewPositions }>;

  /**
   * Row changes and position in one transaction (conditions V1 and V2).
   * @throws `view-writer-fenced` when another worker claimed the view, or when the stored position is not `step.from`: nothing was done.
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
  /** Records set aside, oldest first, `limit` at most. */
  abstract refused(id: string, limit: number): Promise<readonly (RefusedRecord & { readonly source: number })[]>;

  abstract close(): Promise<void>;
}
