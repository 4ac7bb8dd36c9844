import { AppError, isAppError, isJsonObject, stableJson, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { PartitionRecord } from '#libs/core/log';
import { parseReadable, VALUE_DEPTH } from '#libs/core/schema';
import { ChunkRecords } from '../chunk-records.js';
import { FetchedRecord } from '../fetched-record.js';
import { valueAt, type FieldPath } from '../field-path.js';
import type { Transforms, TransformOutcome } from '../migrate/transforms.js';
import type { RecordDecoder } from '../record-decoder.js';
import { cellReader, type CellValue, type FieldType } from './column-type.js';
import { viewProgram } from './expressions.js';
import type { RowVersion } from './row-version.js';
import { MemberWatch, type SeenMember, type SeenMembers } from './seen-members.js';
import { referenceFields, sharedOrigins } from './table-shapes.js';
import {
  evaluates,
  fieldsOf,
  isGrouped,
  type Origin,
  type ViewChild,
  type ViewDefinition,
  type ViewJoin,
  type ViewSource,
} from './view-definition.js';
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
  /** Members of objects in them that were not known before. */
  readonly seen: readonly SeenMember[];
}

/** What records are read with. */
export interface FoldTools {
  readonly decoder: RecordDecoder;
  readonly transforms: Transforms;
  /** Called between some records of many: resolves when the work may go on. */
  readonly turn?: () => Promise<void>;
  /** The members of objects that are known of the view; none are looked for without. */
  readonly members?: SeenMembers;
}

interface Decoded {
  readonly record: PartitionRecord;
  readonly place: number;
  readonly hasKey: boolean;
  readonly hasValue: boolean;
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
  { decoder, transforms, turn, members }: FoldTools,
): Promise<MappedRecords> {
  const watch = members && new MemberWatch(view, source, members);
  const refused: { readonly place: number; readonly record: RefusedRecord }[] = [];
  const refuse = (place: number, { partition, offset }: PartitionRecord, error: unknown): void => {
    if (!isAppError(error) || error.kind === 'internal' || error.retryable) throw error;
    refused.push({ place, record: { partition, offset, code: error.code, message: error.message } });
  };
  const mapping = new RecordMapping(view, source, topic, generation);
  const mapped: MappedRecord[] = [];
  const map = (decoded: Decoded, answers: JsonObject): void => {
    const record = mapping.map(decoded, answers);
    if (record !== undefined) mapped.push(record);
  };
  /** Those that wait for the answers of expressions. */
  const waiting: Decoded[] | undefined = source < view.sources.length && evaluates(view) ? [] : undefined;
  let place = 0;
  for (const record of records instanceof ChunkRecords ? records.fetched() : records) {
    try {
      const key = keyOf(topic, record, decoder);
      const value = valueOf(topic, record, decoder);
      const decoded = {
        record,
        place,
        hasKey: key !== undefined,
        hasValue: value !== undefined,
        key: key instanceof Promise ? await key : (key ?? null),
        value: value instanceof Promise ? await value : (value ?? null),
      };
      watch?.see(decoded.value);
      if (waiting === undefined) map(decoded, NO_ANSWERS);
      else waiting.push(decoded);
    } catch (error) {
      refuse(place, record, error);
    }
    if ((++place & TURN_RECORDS) === 0) await turn?.();
  }
  const computed = waiting && (await computedOf(view, waiting, transforms));
  waiting?.forEach((one, index) => {
    try {
      const outcome = computed?.get(index);
      if (outcome?.kind === 'failed') throw refusal('compute-failed', outcome.message);
      map(one, outcome?.kind === 'kept' ? (parseReadable(outcome.value, VALUE_DEPTH) as JsonObject) : NO_ANSWERS);
    } catch (error) {
      refuse(one.place, one.record, error);
    }
  });
  refused.sort((a, b) => a.place - b.place);
  return { records: mapped, refused: refused.map((one) => one.record), seen: watch?.fresh ?? NOTHING };
}

/** Undefined where there is none. */
function keyOf(
  topic: string,
  record: PartitionRecord,
  decoder: RecordDecoder,
): JsonValue | Promise<JsonValue> | undefined {
  const word = record instanceof FetchedRecord && decoder.readsWordsAsText ? record.word : undefined;
  if (word !== undefined) return word;
  const bytes = record.key;
  return bytes === null ? undefined : decoder.key(topic, bytes, record.headers);
}

/** Undefined where there is none. */
function valueOf(
  topic: string,
  record: PartitionRecord,
  decoder: RecordDecoder,
): JsonValue | Promise<JsonValue> | undefined {
  const text = record instanceof FetchedRecord && decoder.readsObjectsAsText ? record.plainObject : undefined;
  if (text !== undefined) {
    try {
      return JSON.parse(text) as JsonValue;
    } catch {
      // The decoder says what is wrong with it.
    }
  }
  const bytes = record.value;
  return bytes === null ? undefined : decoder.value(topic, bytes, record.headers);
}

/** Between two looks at whether others wait; a power of two less one. */
const TURN_RECORDS = 63;

/** Without expressions a record is neither left out nor an end. */
const NO_ANSWERS: JsonObject = { keep: true, end: false, computed: {} };

/** The answers of the view's expressions by place; none for records without value, which expressions do not see. */
async function computedOf(
  view: ViewDefinition,
  decoded: readonly Decoded[],
  transforms: Transforms,
): Promise<ReadonlyMap<number, TransformOutcome>> {
  const places = decoded.flatMap((one, place) => (one.hasValue ? [place] : []));
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
  readonly #cells: readonly CellMaker[];
  /** Where the record says what it refers to, one for each join. */
  readonly #on: readonly FieldPath[];
  readonly #children: readonly ViewChild[];
  readonly #keyed: boolean;
  readonly #prefix: string;

  constructor(
    view: ViewDefinition,
    source: number,
    topic: string,
    private readonly generation: number,
  ) {
    const main = view.sources[source];
    this.#on = main === undefined ? [] : view.joins.map((join) => referenceOf(view, main, join));
    this.#children = main === undefined ? [] : view.children;
    this.#keyed = main === undefined || view.mode === 'latest';
    // Rows of several topics stand side by side, whatever their keys.
    this.#prefix = main !== undefined && view.sources.length > 1 ? `${source}:` : '';
    const origins: readonly (Origin | null)[] =
      main === undefined
        ? referenceFields(view, view.joins[source - view.sources.length]!.as).map(asPath)
        : (isGrouped(view) ? sharedOrigins(view) : fieldsOf(view)).map(
            ({ name, origin }) => main.origins.get(name) ?? origin,
          );
    this.#cells = origins.map((origin) => cellMaker(origin, topic));
  }

  /** Undefined for what says nothing: an event without value. */
  map(decoded: Decoded, answers: JsonObject): MappedRecord | undefined {
    const { record, key, value, hasKey, hasValue } = decoded;
    if (this.#keyed && !hasKey) throw refusal('null-key', 'it has no key, so it is the state of nothing');
    const { partition, offset, timestamp } = record;
    const version = { generation: this.generation, partition, offset, timestamp };
    const identity = this.#keyed ? `${this.#prefix}${identityOf(key)}` : '';
    const kind = !hasValue || answers['end'] === true ? 'end' : answers['keep'] === true ? 'put' : 'out';
    if (!this.#keyed && kind !== 'put') return undefined;
    if (kind !== 'put') return { identity, version, kind, cells: [], refers: [], children: [] };
    const computed = answers['computed'] as JsonObject;
    // Of the size it has in the end: one that grows takes several times the room.
    const cells = new Array<CellValue>(this.#cells.length);
    for (let place = 0; place < cells.length; place++) cells[place] = this.#cells[place]!(decoded, computed);
    const refers =
      this.#on.length === 0 ? NOTHING : this.#on.map((on) => textAt(valueAt(on, on.root === 'key' ? key : value)));
    const children =
      this.#children.length === 0 ? NOTHING : this.#children.map((child) => childRows(child, key, value));
    return { identity, version, kind, cells, refers, children };
  }
}

const NOTHING: readonly never[] = [];

/** The field by which records of a topic are joined: where the column of that field is read otherwise in the topic, so is what it refers to. */
function referenceOf(view: ViewDefinition, source: ViewSource, { on }: ViewJoin): FieldPath {
  for (const { name, origin } of fieldsOf(view)) {
    const own = origin.from === 'path' && origin.path.text === on.text ? source.origins.get(name) : undefined;
    if (own?.from === 'path') return own.path;
  }
  return on;
}

/** What a cell is made of one record. */
type CellMaker = (decoded: Decoded, computed: JsonObject) => CellValue;

/** Makes the cells of one origin, for many records. */
function cellMaker(origin: Origin | null, topic: string): CellMaker {
  switch (origin?.from) {
    case 'path': {
      const { path } = origin;
      const cell = cellAt(origin, path.text);
      const [name] = path.steps;
      if (path.root === 'value' && path.steps.length === 1 && typeof name === 'string')
        return ({ value }) => cell(isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined);
      if (path.root === 'key') return ({ key }) => cell(valueAt(path, key));
      return ({ value }) => cell(valueAt(path, value));
    }
    case 'computed': {
      const cell = cellAt(origin, `the computed '${origin.name}'`);
      return (_decoded, computed) => cell(computed[origin.name]);
    }
    case 'record': {
      const { what } = origin;
      if (what === 'topic') return () => topic;
      return ({ record }) => (what === 'timestamp' && record.timestamp < 0 ? null : record[what]);
    }
    case 'rest':
      return ({ value }) => restOf(value, origin.without);
    case 'window': {
      const time = cellMaker(origin.of, topic);
      return (decoded, computed) => windowOf(time(decoded, computed), origin.of, origin.sizeMs);
    }
    default:
      return () => null;
  }
}

/** The cell of records that were written without the field that an origin reads; undefined for an origin that is not one field of key or value. */
export function cellWithout(origin: Origin): CellValue | undefined {
  if (origin.from === 'path' || origin.from === 'join') return cellReader(origin)(undefined);
  if (origin.from !== 'window') return undefined;
  const time = cellWithout(origin.of);
  return time === undefined ? undefined : windowOf(time, origin.of, origin.sizeMs);
}

/** A field of a reference row, read from a record of its own topic. */
function asPath(origin: Origin & { from: 'join' }): Origin {
  return { ...origin, from: 'path' };
}

/** What a join matches with keys. */
function textAt(value: JsonValue | undefined): CellValue {
  return value === undefined || value === null ? null : identityOf(value);
}

/** Reads a field. @param where named when a value does not fit. */
function cellAt(field: FieldType, where: string): (value: JsonValue | undefined) => CellValue {
  const read = cellReader(field);
  return (value) => {
    try {
      return read(value);
    } catch (error) {
      throw isAppError(error, 'column-mismatch') ? refusal('column-mismatch', `${where}: ${error.message}`) : error;
    }
  };
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
    child.columns.map(({ path, field }) => cellAt(field, `${child.list.text}[${place}]`)(valueAt(path, item))),
  );
}

function refusal(code: string, message: string): AppError {
  return new AppError({ kind: 'unprocessable', code, message });
}
