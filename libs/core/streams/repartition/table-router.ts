import { AppError } from '#libs/core/kernel';
import type { LogRecord, StoredRecord } from '#libs/core/log';
import { FILTER_RULE, type LeftOut, type PlacedRecord, type Routed, type Router } from '../copy/router.js';
import type { CopySide } from '../generations/kind.js';
import { lasting, PartitionCursor } from '../partition-cursor.js';
import { SPLIT_ROWS } from './profile.js';
import type { Row, RowPlace } from './rekeyed-rows.js';
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

  constructor(
    private readonly routing: RoutingRules,
    private readonly rules: TableRules,
    readonly memory: RowMemory,
  ) {
    this.targets = routing.targets;
    this.#byKey = new KeyRouter(routing);
  }

  async route(record: StoredRecord, source: number): Promise<Routed> {
    if (record.key === null) return this.#keyless(record, source);
    const key = latin1(record.key);
    const present = this.memory.rows.get(key);
    if (present !== undefined && present.place.isElsewhere !== true && present.place.partition !== source) {
      throw keyInTwoPartitions(present.place, source, record.offset);
    }
    if (record.value === null) {
      return await this.#without(record, source, key, present, { rule: FILTER_RULE, deadLetter: false });
    }
    const newKey = await this.#newKeyOf(record, source);
    if (!(newKey instanceof Uint8Array)) return await this.#without(record, source, key, present, newKey);
    const row: Row = { newKey: latin1(newKey), place: { partition: source, offset: record.offset } };
    const several: PlacedRecord[] = [];
    if (present !== undefined && present.newKey !== row.newKey) {
      const left = await this.#leave(key, present, source, record);
      if (left !== undefined) several.push(left);
    }
    this.memory.put(key, row);
    several.push(this.#placed({ ...record, key: newKey }, source, record.offset));
    return { several };
  }

  misplaced(key: Uint8Array | null, target: number): string | undefined {
    return this.#byKey.misplaced(key, target);
  }

  /** The new key of a record with a value, or the rule that leaves it out. */
  async #newKeyOf(record: StoredRecord, source: number): Promise<Uint8Array | LeftOut> {
    const { expression, topic, decoder, onMissing } = this.rules;
    const answer = await expression.evaluate(topic, record, decoder);
    if ('key' in answer) return answer.key;
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
  async #without(
    record: StoredRecord,
    source: number,
    key: string,
    present: Row | undefined,
    leftOut: LeftOut,
  ): Promise<Routed> {
    if (present === undefined) return leftOut;
    const left = await this.#leave(key, present, source, record);
    if (left === undefined) return leftOut;
    // A tombstone of the source became one of the target; anything else is left out beside it.
    return record.value === null ? { several: [left] } : { several: [left], leftOut };
  }

  /** What has to be written under the new key that a row leaves: the row that is shown there now, or a tombstone; nothing where another one was shown. */
  async #leave(key: string, row: Row, source: number, cause: StoredRecord): Promise<PlacedRecord | undefined> {
    const { rows } = this.memory;
    const wasShown = rows.shownAs(row.newKey) === key;
    this.memory.remove(key);
    if (!wasShown) return undefined;
    const newKey = Buffer.from(row.newKey, 'latin1');
    const heir = rows.shownAs(row.newKey);
    const found = heir === undefined ? undefined : await this.#recordAt(rows.get(heir)!.place);
    const left: LogRecord = found ?? { key: newKey, value: null, headers: [], timestamp: cause.timestamp };
    return this.#placed({ ...left, key: newKey }, source, cause.offset);
  }

  /** The record of a row; undefined where it was compacted away, as it is when a newer one is on its way. */
  async #recordAt({ partition, offset, isElsewhere }: RowPlace): Promise<StoredRecord | undefined> {
    const { log, topic } = (isElsewhere === true ? this.rules.elsewhere : undefined) ?? this.rules.source;
    const found = await new PartitionCursor(log, topic, partition, offset, 1).peek();
    return found?.offset === offset ? lasting(found) : undefined;
  }

  #placed(record: LogRecord, source: number, offset: number): PlacedRecord {
    const { key, value, headers, timestamp } = record;
    const target = this.#byKey.route({ ...record, offset }, source);
    if (typeof target !== 'number') throw nullKey(source, offset);
    return { target, record: { key, value, headers, timestamp } };
  }

  #keyless(record: StoredRecord, source: number): Routed {
    const { nullKeys } = this.routing;
    if (nullKeys === 'drop' || nullKeys === 'dlq') return { rule: 'null-key', deadLetter: nullKeys === 'dlq' };
    throw nullKey(source, record.offset);
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
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
