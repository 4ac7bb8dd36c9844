import { digestRecord, type LogEngine, type LogRecord } from '#libs/core/log';
import { keyName, type ParkedRecord, parkedOf, WAITS_FOR_KEY } from '../copy/parked-records.js';
import { PartitionCursor, untilReadable } from '../partition-cursor.js';

/** What the topic of parked records says of one source partition. */
interface ParkedLaneIndex {
  readonly records: PartitionCursor;
  /** Digest of each record that was ever parked, by source offset. */
  readonly digests: Map<number, string>;
  /** Stretches of source offsets in which all records of a key are parked. */
  readonly stretches: Map<string, { readonly since: number; until: number }[]>;
  /** The source offset of the record that each key failed by last. */
  readonly heads: Map<string, number>;
  /** What is parked now: places in the topic, with the source offsets that lie there. */
  standing: { readonly place: number; readonly offset: number }[];
  /** Those offsets. */
  now: Set<number>;
  /** Where it was waited for records that did not come. */
  endsAt: number | undefined;
}

/** What was committed of one source partition, by the map. */
export interface ParkedAtLeast {
  /** Records that were ever parked. */
  readonly ever: number;
  /** Records that are parked now. */
  readonly standing: number;
}

/**
 * The parked records of a copy as a verification sees them: read from their topic alone, so that what is missing or changed there is found. A redrive that parks a record again writes it again, which tells
 * nothing new of where it was. Memory: some two hundred bytes for each record that was ever parked, and nothing of its contents.
 */
export class ParkedIndex {
  readonly #lanes: ParkedLaneIndex[];

  /** @param alone records are parked without keeping their keys */
  constructor(
    private readonly engine: LogEngine,
    private readonly topic: string,
    partitions: number,
    private readonly alone: boolean,
  ) {
    this.#lanes = Array.from({ length: partitions }, (_, partition) => ({
      records: new PartitionCursor(engine, topic, partition, 0),
      digests: new Map(),
      stretches: new Map(),
      heads: new Map(),
      standing: [],
      now: new Set(),
      endsAt: undefined,
    }));
  }

  /**
   * Takes in what was parked since.
   * @param position from where on in the topic records are parked now; it does not go back
   * @param least what must be there: on some logs it is read a moment after it was committed, and waited for
   */
  async advance(source: number, position: number, least: ParkedAtLeast): Promise<void> {
    const lane = this.#lanes[source]!;
    const first = lane.standing[0];
    if (first !== undefined && first.place < position) {
      lane.standing = lane.standing.filter((one) => one.place >= position);
      lane.now = new Set(lane.standing.map((one) => one.offset));
    }
    for (;;) {
      const found = await lane.records.peek();
      if (found === undefined) {
        const isThere = this.ever(source) >= least.ever && this.standing(source) >= least.standing;
        if (isThere || !(await this.#comes(source, lane))) return;
        continue;
      }
      const parked = parkedOf(found);
      if (found.offset >= position) {
        lane.standing.push({ place: found.offset, offset: parked.record.offset });
        lane.now.add(parked.record.offset);
      }
      this.#note(lane, source, parked);
      lane.records.take();
    }
  }

  /** Whether the key of a record was parked when the record came, so that it had to be parked too. */
  waits(source: number, { key }: LogRecord, offset: number): boolean {
    if (key === null || this.alone) return false;
    const name = keyName(key);
    const lane = this.#lanes[source]!;
    const head = lane.heads.get(name);
    if (head !== undefined && head < offset && lane.now.has(head)) return true;
    const stretches = lane.stretches.get(name) ?? [];
    return stretches.some(({ since, until }) => since < offset && offset <= until);
  }

  /** Whether the record lies in the topic as it is. */
  holds(source: number, record: LogRecord, offset: number): boolean {
    return this.#lanes[source]!.digests.get(offset) === digestRecord(source, offset, record);
  }

  /** Records that were ever parked. */
  ever(source: number): number {
    return this.#lanes[source]!.digests.size;
  }

  /** Records that are parked now. */
  standing(source: number): number {
    return this.#lanes[source]!.standing.length;
  }

  /** Whether more can be read. What did not come once is not waited for again. */
  async #comes(source: number, lane: ParkedLaneIndex): Promise<boolean> {
    const { position } = lane.records;
    if (lane.endsAt === position) return false;
    const comes = await untilReadable(this.engine, this.topic, source, position);
    if (!comes) lane.endsAt = position;
    return comes;
  }

  #note(lane: ParkedLaneIndex, source: number, { record, rule, since }: ParkedRecord): void {
    const { offset, key } = record;
    if (key !== null && rule !== WAITS_FOR_KEY) lane.heads.set(keyName(key), offset);
    if (lane.digests.has(offset)) return;
    lane.digests.set(offset, digestRecord(source, offset, record));
    if (key === null || rule !== WAITS_FOR_KEY) return;
    const name = keyName(key);
    const stretches = lane.stretches.get(name) ?? [];
    const last = stretches[stretches.length - 1];
    if (last !== undefined && since <= last.until) last.until = Math.max(last.until, offset);
    else stretches.push({ since, until: offset });
    lane.stretches.set(name, stretches);
  }
}
