import { AppError } from '#libs/core/kernel';
import type { LogRecord, RecordCursor, StoredRecord } from '#libs/core/log';
import {
  FILTER_RULE,
  type KeyRange,
  type LeftOut,
  type PlacedRecord,
  type Routed,
  type Router,
} from '../copy/router.js';
import type { CopySide } from '../generations/kind.js';
import { lasting, PartitionCursor } from '../partition-cursor.js';
import type { KeyAnswer, KeyInPlace } from './key-expression.js';
import { SPLIT_ROWS } from './profile.js';
import { NO_ROW, type RowPlace } from './rekeyed-rows.js';
import { type RekeyRules, KeyRouter, noKey, nullKey, type RoutingRules } from './routers.js';
import type { RowMemory } from './row-memory.js';

export interface TableRules extends Omit<RekeyRules, 'tombstones'> {
  /** The side that is copied, where the records of rows are read again. */
  readonly source: CopySide;
  /** The side that rows were on before the switch, on the way back. */
  readonly elsewhere?: CopySide;
}

/**
 * Gives the rows of a table a new key. A row that changes its new key leaves a tombstone under the one it had; a tombstone goes to the key that its row had last; and where several rows have one new key, the row that
 * was written before takes the place of the one that leaves. So at every commit the target, by new key, is the source by present key, each row under its new one. Condition T.
 */
export class TableRouter implements Router {
  readonly targets: number;
  readonly #byKey: KeyRouter;
  readonly #inPlace: KeyInPlace | undefined;

  constructor(
    private readonly routing: RoutingRules,
    private readonly rules: TableRules,
    readonly memory: RowMemory,
  ) {
    this.targets = routing.targets;
    this.#byKey = new KeyRouter(routing);
    this.#inPlace = rules.expression.inPlace(rules.decoder);
  }

  /** Takes a row that is new, or goes on under the new key it has. */
  rekeyInPlace(record: RecordCursor, source: number): number {
    const key = this.#inPlace;
    if (key === undefined || record.keyLength < 0 || record.valueLength < 0 || !key.find(record)) return -1;
    const { bytes, keyAt, keyLength, offset } = record;
    const { memory } = this;
    const row = memory.rows.find(bytes, keyAt, keyLength);
    if (row !== NO_ROW) {
      if (memory.rows.liesApart(row, source) || !memory.rows.hasNewKey(row, bytes, key.at, key.length)) return -1;
    }
    const target = this.#byKey.targetOf(bytes, key.at, key.length, source, offset);
    if (target >= 0) memory.putInPlace(row, bytes, keyAt, keyLength, bytes, key.at, key.length, source, offset);
    return target;
  }

  get rekeyed(): KeyRange | undefined {
    return this.#inPlace;
  }

  route(record: StoredRecord, source: number): Routed | Promise<Routed> {
    if (record.key === null) return this.#keyless(record, source);
    const { key } = record;
    const present = this.memory.rows.find(key);
    if (present !== NO_ROW && this.memory.rows.liesApart(present, source)) {
      throw keyInTwoPartitions(this.memory.rows.place(present), source, record.offset);
    }
    if (record.value === null) return this.#without(record, source, present, { rule: FILTER_RULE, deadLetter: false });
    const { expression, topic, decoder } = this.rules;
    const answer = expression.evaluate(topic, record, decoder);
    return answer instanceof Promise
      ? answer.then((settled) => this.#keyed(record, source, key, present, settled))
      : this.#keyed(record, source, key, present, answer);
  }

  #keyed(
    record: StoredRecord,
    source: number,
    key: Uint8Array,
    present: number,
    answer: KeyAnswer,
  ): Routed | Promise<Routed> {
    const newKey = this.#newKeyOf(record, source, answer);
    if (!(newKey instanceof Uint8Array)) return this.#without(record, source, present, newKey);
    const place = { partition: source, offset: record.offset };
    const placed = this.#placed(newKey, record, source, record.offset);
    if (present === NO_ROW || this.memory.rows.hasNewKey(present, newKey, 0, newKey.length)) {
      this.memory.put(key, newKey, place);
      return placed;
    }
    const left = this.#leave(present, source, record);
    this.memory.put(key, newKey, place);
    if (left === undefined) return placed;
    return left instanceof Promise ? left.then((one) => ({ several: [one, placed] })) : { several: [left, placed] };
  }

  misplaced(key: Uint8Array | null, target: number): string | undefined {
    return this.#byKey.misplaced(key, target);
  }

  get placedOver(): number | undefined {
    return this.#byKey.placedOver;
  }

  belongsInPlace(record: RecordCursor, target: number): boolean {
    return this.#byKey.belongsInPlace(record, target);
  }

  /** The new key of a record with a value, or the rule that leaves it out. */
  #newKeyOf(record: StoredRecord, source: number, answer: KeyAnswer): Uint8Array | LeftOut {
    if ('key' in answer) return answer.key;
    const { expression, onMissing } = this.rules;
    switch (onMissing) {
      case 'keep-key':
        return record.key!;
      case 'drop':
      case 'dlq':
        return { rule: `key-${answer.failure}`, deadLetter: onMissing === 'dlq' };
      case 'fail':
        throw noKey(expression.text, answer.failure, source, record.offset);
    }
  }

  /** The row is no longer in the target, if it was. */
  #without(record: StoredRecord, source: number, present: number, leftOut: LeftOut): Routed | Promise<Routed> {
    const left = present === NO_ROW ? undefined : this.#leave(present, source, record);
    if (left === undefined) return leftOut;
    // A tombstone of the source became one of the target; anything else is left out beside it.
    const beside = record.value === null ? {} : { leftOut };
    return left instanceof Promise
      ? left.then((one) => ({ several: [one], ...beside }))
      : { several: [left], ...beside };
  }

  /** What has to be written under the new key that a row leaves: the row that is shown there now, or a tombstone; nothing where another one was shown. */
  #leave(row: number, source: number, cause: StoredRecord): PlacedRecord | undefined | Promise<PlacedRecord> {
    const { rows } = this.memory;
    const wasShown = rows.isShown(row);
    const left = Uint8Array.from(rows.newKey(rows.newKeyOf(row)));
    this.memory.remove(row);
    if (!wasShown) return undefined;
    const tombstone: LogRecord = { key: left, value: null, headers: [], timestamp: cause.timestamp };
    const heir = rows.shownAs(left);
    if (heir === NO_ROW) return this.#placed(left, tombstone, source, cause.offset);
    return this.#recordAt(rows.place(heir)).then((found) =>
      this.#placed(left, found ?? tombstone, source, cause.offset),
    );
  }

  /** The record of a row; undefined where it was compacted away, as it is when a newer one is on its way. */
  async #recordAt({ partition, offset, isElsewhere }: RowPlace): Promise<StoredRecord | undefined> {
    const { log, topic } = (isElsewhere === true ? this.rules.elsewhere : undefined) ?? this.rules.source;
    const found = await new PartitionCursor(log, topic, partition, offset, 1).peek();
    return found?.offset === offset ? lasting(found) : undefined;
  }

  #placed(key: Uint8Array, record: LogRecord, source: number, offset: number): PlacedRecord {
    const { value, headers, timestamp } = record;
    const target = this.#byKey.targetOf(key, 0, key.length, source, offset);
    if (target < 0) throw nullKey(source, offset);
    return { target, record: { key, value, headers, timestamp } };
  }

  #keyless(record: StoredRecord, source: number): Routed {
    const { nullKeys } = this.routing;
    if (nullKeys === 'drop' || nullKeys === 'dlq') return { rule: 'null-key', deadLetter: nullKeys === 'dlq' };
    throw nullKey(source, record.offset);
  }
}

function keyInTwoPartitions(place: RowPlace, partition: number, offset: number): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: SPLIT_ROWS,
    message: `The row of the record at partition ${partition}, offset ${offset} has another record in partition ${place.partition}, offset ${place.offset}; nothing tells which of the two is the last.`,
    hint: 'Repartition the topic by its present key first, which puts every key in one partition.',
    details: { partition, offset: String(offset), other: { partition: place.partition, offset: String(place.offset) } },
  });
}
