import type { JsonObject, JsonValue } from '#libs/core/kernel';
import type { RecordCursor } from '#libs/core/log';
import { readAddress, type AddressedPart } from '#libs/core/schema';
import type { ScanFold } from '../scan-handler.js';

/** Records of one range that name a schema in one of their parts. */
export interface NameCount {
  readonly records: number;
  /** Offset of the last of them. */
  readonly last: number;
}

/** What one part (key or value) of the records of a range says about schemas. */
export interface PartTally {
  /** By the id in front. It says nothing of a context. */
  readonly ids: ReadonlyMap<number, NameCount>;
  /** By the GUID in a header or in front. */
  readonly guids: ReadonlyMap<string, NameCount>;
  /** Parts that have bytes and name no schema. */
  readonly unnamed: number;
  /** Parts that are null. */
  readonly absent: number;
  /** Parts that name a schema which is not listed, because too many are. */
  readonly unlisted: number;
}

export interface RangeTally {
  readonly records: number;
  readonly key: PartTally;
  readonly value: PartTally;
}

/** Names that somebody asks about. */
export interface WantedNames {
  readonly ids: ReadonlySet<number>;
  readonly guids: ReadonlySet<string>;
}

/** What is taken up of a summary. */
interface Taken {
  readonly maxNames: number;
  readonly wanted?: WantedNames | undefined;
}

/** Different schemas that are listed for a part of the records of one range; beyond, only their records are counted. */
const MAX_NAMES = 2_000;

class PartCount implements PartTally {
  readonly ids = new Map<number, { records: number; last: number }>();
  readonly guids = new Map<string, { records: number; last: number }>();
  unnamed = 0;
  absent = 0;
  unlisted = 0;

  constructor(
    private readonly part: AddressedPart,
    private readonly maxNames: number,
  ) {}

  take(record: RecordCursor, at: number, length: number): void {
    if (length < 0) {
      this.absent++;
      return;
    }
    const address = readAddress(this.part, record.bytes.subarray(at, at + length), record.headers());
    if (address === undefined) this.unnamed++;
    else if (address.envelope.form === 'id') this.#count(this.ids, address.envelope.schemaId, record.offset);
    else this.#count(this.guids, address.envelope.guid, record.offset);
  }

  #count<Name>(counts: Map<Name, { records: number; last: number }>, name: Name, offset: number): void {
    const known = counts.get(name);
    if (known !== undefined) {
      known.records++;
      known.last = offset;
    } else if (this.ids.size + this.guids.size < this.maxNames) counts.set(name, { records: 1, last: offset });
    else this.unlisted++;
  }

  toJson(): JsonObject {
    const { unnamed, absent, unlisted } = this;
    return { ids: listed(this.ids), guids: listed(this.guids), unnamed, absent, unlisted };
  }

  static from(part: AddressedPart, json: JsonObject, { maxNames, wanted }: Taken): PartCount {
    const count = new PartCount(part, maxNames);
    for (const [name, records, last] of json['ids'] as [number, number, number][]) {
      if (wanted?.ids.has(name) ?? true) count.ids.set(name, { records, last });
    }
    for (const [name, records, last] of json['guids'] as [string, number, number][]) {
      if (wanted?.guids.has(name) ?? true) count.guids.set(name, { records, last });
    }
    for (const member of ['unnamed', 'absent', 'unlisted'] as const) count[member] = json[member] as number;
    return count;
  }
}

function listed(counts: ReadonlyMap<number | string, NameCount>): JsonValue {
  return [...counts].map(([name, { records, last }]) => [name, records, last]);
}

class RangeCount implements RangeTally {
  constructor(
    readonly key: PartCount,
    readonly value: PartCount,
    public records = 0,
  ) {}
}

/** Counts, range by range, which schemas records name. Looks at envelopes and headers alone: nothing is decoded. */
export class UsageTally implements ScanFold {
  readonly isFull = false;
  readonly #ranges = new Map<number, RangeCount>();

  constructor(private readonly maxNames = MAX_NAMES) {}

  take(index: number, record: RecordCursor): void {
    const range = this.#range(index);
    range.records++;
    range.key.take(record, record.keyAt, record.keyLength);
    range.value.take(record, record.valueAt, record.valueLength);
  }

  async settle(): Promise<void> {
    // Everything is counted as it is taken.
  }

  /** What has been counted in a range; undefined where nothing was. */
  tally(index: number): RangeTally | undefined {
    return this.#ranges.get(index);
  }

  summary(index: number): JsonObject {
    const { records, key, value } = this.#range(index);
    return { records, key: key.toJson(), value: value.toJson() };
  }

  restore(index: number, summary: JsonObject): void {
    this.#ranges.set(index, restored(summary, { maxNames: this.maxNames }));
  }

  forget(index: number): void {
    this.#ranges.delete(index);
  }

  #range(index: number): RangeCount {
    let range = this.#ranges.get(index);
    if (range === undefined) {
      range = new RangeCount(new PartCount('key', this.maxNames), new PartCount('value', this.maxNames));
      this.#ranges.set(index, range);
    }
    return range;
  }
}

/** A summary as {@link UsageTally.summary} made it. @param wanted names that are kept; all of them when not given. */
export function tallyOf(summary: JsonObject, wanted?: WantedNames): RangeTally {
  return restored(summary, { maxNames: MAX_NAMES, wanted });
}

function restored(summary: JsonObject, taken: Taken): RangeCount {
  const part = (name: AddressedPart) => PartCount.from(name, summary[name] as JsonObject, taken);
  return new RangeCount(part('key'), part('value'), summary['records'] as number);
}
