import { AppError, isAppError, stableJson, type JsonValue } from '#libs/core/kernel';
import type { PartitionRecord } from '#libs/core/log';
import { valueAt, type FieldPath } from '../field-path.js';
import type { RecordDecoder } from '../record-decoder.js';
import { toCell, type CellValue, type ColumnType } from './column-type.js';
import type { AggregateColumn, FieldColumn, JoinColumn, ViewDefinition } from './view-definition.js';
import type { AggregatePart, GroupChange, RefusedRecord, RowChange } from './view-tables.js';

/** What a run of records of one source does to the view's tables. */
export interface Folded {
  readonly rows: readonly RowChange[];
  readonly groups: readonly GroupChange[];
  readonly refused: readonly RefusedRecord[];
}

/** A record's key and value as JSON. */
interface Decoded {
  readonly key: JsonValue;
  readonly value: JsonValue;
}

/** Fields kept from the records of a source, in column order: for the main source its own columns and the join keys, for a reference topic what columns take from it. */
export interface StoredField {
  readonly path: FieldPath;
  readonly type: ColumnType;
}

/** The stored fields of a source of a view in mode `latest`, or of a reference topic. Join keys come after the columns, one per join. */
export function storedFields(view: ViewDefinition, source: number): readonly StoredField[] {
  if (source === 0) {
    const columns = view.columns.filter((column): column is FieldColumn => column.kind === 'field');
    return [...columns, ...view.joins.map((join) => ({ path: join.on, type: 'text' as const }))];
  }
  const join = view.joins[source - 1]!;
  return view.columns.filter((column): column is JoinColumn => column.kind === 'join' && column.join === join.as);
}

/** The aggregate columns of a view, in column order. */
export function aggregatesOf(view: ViewDefinition): readonly AggregateColumn[] {
  return view.columns.filter((column): column is AggregateColumn => column.kind === 'aggregate');
}

/**
 * The text by which a key is known: the word itself for text and numbers, JSON with sorted members otherwise. A join matches the text of its field
 * against it, so that "7" as text and 7 as number meet.
 */
export function identityOf(key: JsonValue): string {
  return typeof key === 'string' ? key : stableJson(key);
}

/**
 * Folds records of one source in order. Pure but for the decoder. A record that cannot be decoded or does not fit a column is set aside and changes
 * nothing else. Within the run only the last change of each key remains.
 */
export async function fold(
  view: ViewDefinition,
  source: number,
  topic: string,
  records: Iterable<PartitionRecord>,
  decoder: RecordDecoder,
): Promise<Folded> {
  const refused: RefusedRecord[] = [];
  const folding =
    source === 0 && view.source.mode === 'events' ? new GroupFolding(view) : new RowFolding(storedFields(view, source));
  for (const record of records) {
    try {
      const key = record.key === null ? null : await decoder.key(topic, record.key, record.headers);
      const value = record.value === null ? null : await decoder.value(topic, record.value, record.headers);
      folding.add(record, { key, value });
    } catch (error) {
      if (!isAppError(error) || error.kind === 'internal' || error.retryable) throw error;
      refused.push({ partition: record.partition, offset: record.offset, code: error.code, message: error.message });
    }
  }
  return { rows: [], groups: [], ...folding.changes(), refused };
}

/** One row per key. */
class RowFolding {
  readonly #rows = new Map<string, RowChange>();

  constructor(private readonly fields: readonly StoredField[]) {}

  add(record: PartitionRecord, decoded: Decoded): void {
    if (record.key === null) throw refusal('null-key', 'it has no key, so it is the state of nothing');
    const identity = identityOf(decoded.key);
    if (record.value === null) {
      this.#rows.set(identity, { kind: 'delete', identity });
      return;
    }
    const cells = this.fields.map((field) => cellOf(field, decoded));
    this.#rows.set(identity, { kind: 'put', identity, cells });
  }

  changes(): Pick<Folded, 'rows'> {
    return { rows: [...this.#rows.values()] };
  }
}

interface Group {
  readonly key: readonly CellValue[];
  readonly parts: { n: number; sum: number | bigint; min: CellValue; max: CellValue }[];
}

/** Groups with aggregates. Tombstones say nothing of events and are passed over. */
class GroupFolding {
  readonly #groups = new Map<string, Group>();
  readonly #keys: readonly StoredField[];
  readonly #aggregates: readonly AggregateColumn[];

  constructor(view: ViewDefinition) {
    this.#keys = storedFields(view, 0);
    this.#aggregates = aggregatesOf(view);
  }

  add(record: PartitionRecord, decoded: Decoded): void {
    if (record.value === null) return;
    const key = this.#keys.map((field) => cellOf(field, decoded));
    // All cells are computed before anything is counted, so that a refused record leaves no trace.
    const cells = this.#aggregates.map((column) =>
      column.path === null ? null : cellOf({ path: column.path, type: cellType(column) }, decoded),
    );
    const identity = JSON.stringify(key.map((cell) => (typeof cell === 'bigint' ? `${cell}n` : cell)));
    let group = this.#groups.get(identity);
    if (group === undefined) {
      group = { key, parts: this.#aggregates.map(() => ({ n: 0, sum: 0, min: null, max: null })) };
      this.#groups.set(identity, group);
    }
    this.#aggregates.forEach((column, index) => {
      const part = group.parts[index]!;
      const cell = cells[index]!;
      if (column.aggregate === 'count') part.n++;
      else if (cell !== null) addTo(part, cell);
    });
  }

  changes(): Pick<Folded, 'groups'> {
    return {
      groups: [...this.#groups].map(([identity, group]): GroupChange => ({
        identity,
        key: group.key,
        parts: group.parts as AggregatePart[],
      })),
    };
  }
}

/** An `avg` column is real, but takes in what its field holds. */
function cellType(column: AggregateColumn): ColumnType {
  return column.aggregate === 'avg' ? 'real' : column.type;
}

function addTo(part: Group['parts'][number], cell: NonNullable<CellValue>): void {
  part.n++;
  if (typeof cell !== 'string') part.sum = add(part.sum, cell);
  if (part.min === null || cell < part.min) part.min = cell;
  if (part.max === null || cell > part.max) part.max = cell;
}

/** Sums stay exact while they are integers: past 2^53 they go on as bigint. */
function add(sum: number | bigint, cell: number | bigint): number | bigint {
  if (typeof sum === 'number' && typeof cell === 'number') {
    const total = sum + cell;
    if (!Number.isInteger(total) || Number.isSafeInteger(total)) return total;
  }
  if ((typeof sum === 'number' && !Number.isInteger(sum)) || (typeof cell === 'number' && !Number.isInteger(cell)))
    return Number(sum) + Number(cell);
  return BigInt(sum) + BigInt(cell);
}

function cellOf(field: StoredField, decoded: Decoded): CellValue {
  const root = field.path.root === 'key' ? decoded.key : decoded.value;
  try {
    return toCell(field.type, valueAt(field.path, root));
  } catch (error) {
    throw isAppError(error, 'column-mismatch')
      ? refusal('column-mismatch', `${field.path.text}: ${error.message}`)
      : error;
  }
}

function refusal(code: string, message: string): AppError {
  return new AppError({ kind: 'unprocessable', code, message });
}
