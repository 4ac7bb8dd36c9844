import type { Clock } from '#libs/core/kernel';
import type { SourcePosition, SourceReader } from '../source-reader.js';
import { mapRecords, type FoldTools, type MappedRecord } from './fold.js';
import { identityOfRecord } from './row-kinds.js';
import type { RecordScope } from './row-scope.js';
import { markerTable } from './table-shapes.js';
import type { ViewDefinition } from './view-definition.js';
import type { StoredRows, TableRow, ViewTables } from './view-tables.js';

/** Prefix of the marks of keys in scope, which stand among those of ends; and what sorts before all of them, that of the empty key too, and behind. */
const IN_SCOPE = 's:';
const BEFORE = 's';
const BEHIND = 's;';
const STEP_BYTES = 512 * 1024;
/** Marks in one step. */
const BATCH = 1_000;

export interface RowShadowOptions {
  readonly id: string;
  readonly view: ViewDefinition;
  readonly tables: ViewTables;
  readonly tools: FoldTools;
  readonly clock: Clock;
}

/**
 * Tables beside those of a view, of the same shape, in which the rows of some keys are computed anew. Which keys is marked in them first, so that it survives.
 */
export class RowShadow {
  readonly stored: StoredRows;

  constructor(private readonly options: RowShadowOptions) {
    const { id, view, tables } = options;
    this.stored = {
      rows: (table, identities) => tables.rows(id, view, table, identities),
      find: (search) => tables.find(id, view, search),
    };
  }

  /** May be repeated. */
  async make(): Promise<void> {
    await this.options.tables.create(this.options.id, this.options.view);
  }

  async drop(): Promise<void> {
    await this.options.tables.drop(this.options.id, this.options.view);
  }

  /** Marks keys as those whose rows are computed. May be repeated. */
  async mark(identities: readonly string[]): Promise<void> {
    const { id, view, tables, clock } = this.options;
    const { epoch, positions } = await tables.claim(id, view);
    let { commit } = positions;
    const cells = [0, 0, 0, 0, clock.now()];
    for (let begin = 0; begin < identities.length; begin += BATCH) {
      const puts = identities
        .slice(begin, begin + BATCH)
        .map((identity): TableRow => ({ identity: `${IN_SCOPE}${identity}`, cells }));
      const step = { commit, changes: [{ table: markerTable(view), puts, deletes: [] }], refused: [] };
      ({ commit } = await tables.apply(id, view, epoch, step));
    }
  }

  /**
   * Marks the keys of some records of a source, from an offset of each partition on.
   * @param seen told after each step where it has come to, by place in `partitions`, and how many records it read
   */
  async markKeysOf(
    reader: SourceReader,
    source: number,
    { generation, partitions, sinceMs, untilMs }: RecordScope,
    {
      signal,
      from,
      seen,
    }: {
      readonly signal: AbortSignal;
      readonly from: readonly number[];
      readonly seen: (next: readonly number[], records: number) => Promise<void>;
    },
  ): Promise<void> {
    const { view, tools } = this.options;
    const ends: number[] = [];
    for (const { partition, to } of partitions) ends[partition] = to;
    const next: number[] = [];
    // Nothing is read of the others.
    for (let partition = 0; partition < ends.length; partition++) {
      ends[partition] ??= 0;
      next[partition] = from[partitions.findIndex((one) => one.partition === partition)] ?? 0;
    }
    for (let at: SourcePosition = { generation, next }; ;) {
      signal.throwIfAborted();
      const chunk = await reader.next(at, { maxBytes: STEP_BYTES, maxWaitMs: 0, ends, signal });
      const within = [...chunk.records].filter(
        ({ timestamp }) => (sinceMs === null || timestamp >= sinceMs) && (untilMs === null || timestamp < untilMs),
      );
      const { records } = await mapRecords(view, source, reader.topic, generation, within, tools);
      const identities = new Set<string>();
      for (const record of records) {
        const identity = identityOfRecord(view, source, record);
        if (identity !== undefined) identities.add(identity);
      }
      await this.mark([...identities]);
      const moved = chunk.to.next.some((offset, partition) => offset !== at.next[partition]);
      at = chunk.to;
      await seen(
        partitions.map(({ partition }) => at.next[partition]!),
        chunk.records.length,
      );
      if (!moved) return;
    }
  }

  /** Those of records that are of keys in scope. */
  async only(source: number, records: readonly MappedRecord[]): Promise<readonly MappedRecord[]> {
    const { view } = this.options;
    const named = records.map((record) => identityOfRecord(view, source, record));
    const sought = [...new Set(named.filter((identity) => identity !== undefined))];
    const known = await this.stored.rows(
      markerTable(view),
      sought.map((identity) => `${IN_SCOPE}${identity}`),
    );
    return records.filter((_, place) => known.has(`${IN_SCOPE}${named[place] ?? ''}`) && named[place] !== undefined);
  }

  /** Keys in scope, in order, after one. */
  async keys(after: string | undefined, limit: number): Promise<readonly string[]> {
    const from = after === undefined ? BEFORE : `${IN_SCOPE}${after}`;
    const rows = await this.stored.find({ table: markerTable(this.options.view), after: from, before: BEHIND, limit });
    return rows.map(({ identity }) => identity.slice(IN_SCOPE.length));
  }
}
