import { AppError, isAppError, isJsonObject, stableJson, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { PartitionRecord } from '#libs/core/log';
import { parseReadable, VALUE_DEPTH } from '#libs/core/schema';
import { valueAt } from '../field-path.js';
import type { Transforms, TransformOutcome } from '../migrate/transforms.js';
import type { RecordDecoder } from '../record-decoder.js';
import { toCell, type CellValue, type FieldType } from './column-type.js';
import { viewProgram } from './expressions.js';
import type { RowVersion } from './row-version.js';
import { referenceFields, sharedOrigins } from './table-shapes.js';
import { evaluates, fieldsOf, isGrouped, type Origin, type ViewChild, type ViewDefinition } from './view-definition.js';
import type { RefusedRecord } from './view-tables.js';

/** What one record says, whatever is stored. */
export interface MappedRecord {
  /** Of the row: its key as text; of an event nothing. */
  readonly identity: string;
  readonly version: RowVersion;
  /** `end`: the key has no state any more. `out`: it has one that the view does not show. */
  readonly kind: 'put' | 'end' | 'out';
  /** One for each origin of the source, in their order; null for those from reference rows. Empty unless it is a put. */
  readonly cells: readonly CellValue[];
  /** What it refers to, one for each join. */
  readonly refers: readonly CellValue[];
  /** Rows of each child. */
  readonly children: readonly (readonly (readonly CellValue[])[])[];
}

/** The records of a chunk, and those that could not be read. */
export interface MappedRecords {
  readonly records: readonly MappedRecord[];
  readonly refused: readonly RefusedRecord[];
}

/** What records are read with. */
export interface FoldTools {
  readonly decoder: RecordDecoder;
  readonly transforms: Transforms;
}

interface Decoded {
  readonly record: PartitionRecord;
  readonly place: number;
  readonly key: JsonValue;
  readonly value: JsonValue;
}

/**
 * The text by which a key is known: the word itself for text and numbers, JSON with sorted members otherwise. A join matches the text of its field
 * against it, so that "7" as text and 7 as number meet.
 */
export function identityOf(key: JsonValue): string {
  return typeof key === 'string' ? key : stableJson(key);
}

/**
 * Reads records of one source in order. Pure but for decoder and expressions. A record that cannot be decoded or does not fit a column is set aside and changes nothing else.
 */
export async function mapRecords(
  view: ViewDefinition,
  source: number,
  topic: string,
  generation: number,
  records: Iterable<PartitionRecord>,
  { decoder, transforms }: FoldTools,
): Promise<MappedRecords> {
  const refused: { readonly place: number; readonly record: RefusedRecord }[] = [];
  const refuse = (place: number, { partition, offset }: PartitionRecord, error: unknown): void => {
    if (!isAppError(error) || error.kind === 'internal' || error.retryable) throw error;
    refused.push({ place, record: { partition, offset, code: error.code, message: error.message } });
  };
  const decoded: Decoded[] = [];
  let place = 0;
  for (const record of records) {
    try {
      const key = record.key === null ? null : decoder.key(topic, record.key, record.headers);
      const value = record.value === null ? null : decoder.value(topic, record.value, record.headers);
      decoded.push({
        record,
        place,
        key: key instanceof Promise ? await key : key,
        value: value instanceof Promise ? await value : value,
      });
    } catch (error) {
      refuse(place, record, error);
    }
    place++;
  }
  const computed =
    source < view.sources.length && evaluates(view) ? await computedOf(view, decoded, transforms) : undefined;
  const mapping = new RecordMapping(view, source, topic, generation);
  const mapped: MappedRecord[] = [];
  decoded.forEach((one, index) => {
    try {
      const outcome = computed?.get(index);
      if (outcome?.kind === 'failed') throw refusal('compute-failed', outcome.message);
      const answers = outcome?.kind === 'kept' ? (parseReadable(outcome.value, VALUE_DEPTH) as JsonObject) : NO_ANSWERS;
      const record = mapping.map(one, answers);
      if (record !== undefined) mapped.push(record);
    } catch (error) {
      refuse(one.place, one.record, error);
    }
  });
  refused.sort((a, b) => a.place - b.place);
  return { records: mapped, refused: refused.map((one) => one.record) };
}

/** Without expressions a record is neither left out nor an end. */
const NO_ANSWERS: JsonObject = { keep: true, end: false, computed: {} };

/** The answers of the view's expressions by place; none for records without value, which expressions do not see. */
async function computedOf(
  view: ViewDefinition,
  decoded: readonly Decoded[],
  transforms: Transforms,
): Promise<ReadonlyMap<number, TransformOutcome>> {
  const places = decoded.flatMap((one, place) => (one.record.value === null ? [] : [place]));
  const inputs = places.map((place) => {
    const { record, key, value } = decoded[place]!;
    const { headers, timestamp, partition, offset } = record;
    return { value: JSON.stringify(value), key: JSON.stringify(key), headers, timestamp, partition, offset };
  });
  if (inputs.length === 0) return new Map();
  const outcomes = await transforms.apply(viewProgram(view), inputs);
  return new Map(places.map((place, index) => [place, outcomes[index]!]));
}

/** Makes rows of decoded records of one source. */
class RecordMapping {
  readonly #origins: readonly (Origin | null)[];
  readonly #main: boolean;
  readonly #keyed: boolean;
  readonly #prefix: string;

  constructor(
    private readonly view: ViewDefinition,
    source: number,
    private readonly topic: string,
    private readonly generation: number,
  ) {
    const main = view.sources[source];
    this.#main = main !== undefined;
    this.#keyed = main === undefined || view.mode === 'latest';
    // Rows of several topics stand side by side, whatever their keys.
    this.#prefix = main !== undefined && view.sources.length > 1 ? `${source}:` : '';
    if (main === undefined)
      this.#origins = referenceFields(view, view.joins[source - view.sources.length]!.as).map(asPath);
    else {
      const named = isGrouped(view) ? sharedOrigins(view) : fieldsOf(view);
      this.#origins = named.map(({ name, origin }) => main.origins.get(name) ?? origin);
    }
  }

  /** Undefined for what says nothing: an event without value. */
  map(decoded: Decoded, answers: JsonObject): MappedRecord | undefined {
    const { record, key, value } = decoded;
    if (this.#keyed && record.key === null) throw refusal('null-key', 'it has no key, so it is the state of nothing');
    const { partition, offset, timestamp } = record;
    const version = { generation: this.generation, partition, offset, timestamp };
    const identity = this.#keyed ? `${this.#prefix}${identityOf(key)}` : '';
    const kind = record.value === null || answers['end'] === true ? 'end' : answers['keep'] === true ? 'put' : 'out';
    if (!this.#keyed && kind !== 'put') return undefined;
    if (kind !== 'put') return { identity, version, kind, cells: [], refers: [], children: [] };
    const computed = answers['computed'] as JsonObject;
    const cells = this.#origins.map((origin) => (origin === null ? null : this.#cell(origin, decoded, computed)));
    const joins = this.#main ? this.view.joins : [];
    const refers = joins.map(({ on }) => textAt(valueAt(on, on.root === 'key' ? key : value)));
    const children = this.#main ? this.view.children.map((child) => childRows(child, key, value)) : [];
    return { identity, version, kind, cells, refers, children };
  }

  #cell(origin: Origin, decoded: Decoded, computed: JsonObject): CellValue {
    switch (origin.from) {
      case 'path': {
        const root = origin.path.root === 'key' ? decoded.key : decoded.value;
        return cellOf(origin, origin.path.text, valueAt(origin.path, root));
      }
      case 'computed':
        return cellOf(origin, `the computed '${origin.name}'`, computed[origin.name]);
      case 'record':
        return this.#ofRecord(origin.what, decoded.record);
      case 'rest':
        return restOf(decoded.value, origin.without);
      case 'window':
        return windowOf(this.#cell(origin.of, decoded, computed), origin.of, origin.sizeMs);
      case 'join':
        return null;
    }
  }

  #ofRecord(what: 'timestamp' | 'partition' | 'offset' | 'topic', record: PartitionRecord): CellValue {
    if (what === 'topic') return this.topic;
    return what === 'timestamp' && record.timestamp < 0 ? null : record[what];
  }
}

/** A field of a reference row, read from a record of its own topic. */
function asPath(origin: Origin & { from: 'join' }): Origin {
  return { ...origin, from: 'path' };
}

/** What a join matches with keys. */
function textAt(value: JsonValue | undefined): CellValue {
  return value === undefined || value === null ? null : identityOf(value);
}

function cellOf(field: FieldType, where: string, value: JsonValue | undefined): CellValue {
  try {
    return toCell(field, value);
  } catch (error) {
    throw isAppError(error, 'column-mismatch') ? refusal('column-mismatch', `${where}: ${error.message}`) : error;
  }
}

function restOf(value: JsonValue, without: readonly string[]): CellValue {
  if (!isJsonObject(value)) return null;
  return JSON.stringify(Object.fromEntries(Object.entries(value).filter(([name]) => !without.includes(name))));
}

const MS_PER: Readonly<Partial<Record<string, number>>> = { timestamp_us: 1 / 1_000, date: 86_400_000 };

/** The begin of the window that a time falls into, from 1970 on. */
function windowOf(time: CellValue, { type }: FieldType, sizeMs: number): CellValue {
  if (time === null) return null;
  return Math.floor((Number(time) * (MS_PER[type] ?? 1)) / sizeMs) * sizeMs;
}

/** Items of a list at most: the place of an item is part of its identity. */
const CHILDREN = 100_000;

function childRows(child: ViewChild, key: JsonValue, value: JsonValue): CellValue[][] {
  const list = valueAt(child.list, child.list.root === 'key' ? key : value);
  if (list === undefined || list === null) return [];
  if (!Array.isArray(list)) throw refusal('column-mismatch', `${child.list.text}: it is not a list`);
  if (list.length > CHILDREN)
    throw refusal('column-mismatch', `${child.list.text}: ${list.length} items are more than ${CHILDREN}`);
  return list.map((item, place) =>
    child.columns.map(({ path, field }) => cellOf(field, `${child.list.text}[${place}]`, valueAt(path, item))),
  );
}

function refusal(code: string, message: string): AppError {
  return new AppError({ kind: 'unprocessable', code, message });
}
