import {
  batchesIn,
  FetchMemory,
  type LogEngine,
  MAX_RECORD_HEAD_BYTES,
  NO_TIMESTAMP,
  KeyPlacement,
  PARTITIONER_NAMES,
  type PartitionerSpec,
  RecordCursor,
  type StoredRecord,
  type TopicDescription,
} from '#libs/core/log';
import type { PlacedRecord, Router } from '../copy/router.js';
import { type HeavyKey, HeavyKeys } from './heavy-keys.js';

/** What a topic is like, from all of its records or an even sample of them. */
export interface TopicProfile {
  /** Records looked at. */
  readonly records: number;
  /** Records there are; counted when everything was looked at, otherwise estimated from offsets and gaps in the sample. */
  readonly total: number;
  readonly sampled: boolean;
  /** Bytes of stored batches, where the engine knows, otherwise estimated. */
  readonly bytes: number;
  readonly nullKeys: number;
  readonly tombstones: number;
  readonly withoutTimestamp: number;
  /** Keys and values of the largest record, with what a batch adds. */
  readonly largestRecordBytes: number;
  /** Which partitioner explains most of the keys' places, the topic's own before others, and how many it does not explain. */
  readonly partitioner: { readonly spec: PartitionerSpec; readonly misplaced: number; readonly keyed: number };
  /** By the key records will have. */
  readonly heavyKeys: readonly HeavyKey[];
  /** Most records of one key that would lie in one partition. */
  readonly heaviestShare: number;
  readonly distinctKeys: number | undefined;
  /** Records per partition as they lie, and as the router would place them. */
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Records the rules leave out or cannot place, by rule. */
  readonly ruled: ReadonlyMap<string, number>;
  /** First error the router threw, by its code; the plan cannot run with it. */
  readonly failures: ReadonlyMap<string, number>;
  /** Records looked at per second, undefined when it took no time to speak of. */
  readonly rate: number | undefined;
}

export interface ProfileOptions {
  /** How the topic's keys are placed by Weir now, null unless given: by the default partitioner. */
  readonly present?: PartitionerSpec | null;
  /** How they would be; each key in one partition unless given. */
  readonly placement?: KeyPlacement;
  /** Look at everything up to this many records, at an even sample of about as many beyond. */
  readonly sampleRecords: number;
  /** Milliseconds from an arbitrary start. */
  readonly monotonic: () => number;
  readonly signal?: AbortSignal;
}

/** The code of the error for a row with records in several partitions. */
export const SPLIT_ROWS = 'row-in-two-partitions';

/** Places in each partition that a sample looks at. */
const SLICES = 8;

/** Reads, changes nothing. Memory: one fetch and a bounded number of keys. */
export async function profileTopic(
  engine: LogEngine,
  topic: TopicDescription,
  router: Router,
  options: ProfileOptions,
): Promise<TopicProfile> {
  const began = options.monotonic();
  const span = topic.partitions.reduce((sum, one) => sum + one.endOffset - one.startOffset, 0);
  const sampled = span > options.sampleRecords;
  const profile = new Profile(topic.partitions.length, router, options);
  const memory = new FetchMemory();
  for (const { partition, startOffset, endOffset } of topic.partitions) {
    const slices = sampled ? SLICES : 1;
    const share = Math.ceil(((endOffset - startOffset) / span) * (options.sampleRecords / slices));
    for (let slice = 0; slice < slices; slice++) {
      const from = startOffset + Math.floor(((endOffset - startOffset) * slice) / slices);
      const until = sampled ? Math.min(endOffset, from + share) : endOffset;
      for (let offset = from; offset < until;) {
        options.signal?.throwIfAborted();
        const [fetched] = await engine.fetch({
          positions: [{ topic: topic.name, partition, offset }],
          maxBytes: 1024 * 1024,
          memory,
        });
        if (fetched === undefined) break;
        if (fetched.error !== undefined) throw fetched.error;
        for (const bytes of fetched.batches) {
          for (const { header, bytes: batch } of batchesIn(bytes)) {
            if (header.control) continue;
            const cursor = new RecordCursor(header, batch);
            while (cursor.next()) {
              if (cursor.offset < offset || cursor.offset >= until) continue;
              const added = profile.add(cursor, partition);
              if (added !== undefined) await added;
            }
          }
        }
        if (fetched.nextOffset <= offset) break;
        offset = Math.min(fetched.nextOffset, until);
      }
      profile.covered += Math.max(0, until - from);
    }
  }
  return profile.finish(topic, span, sampled, options.monotonic() - began);
}

class Profile {
  covered = 0;
  #records = 0;
  #bytes = 0;
  #nullKeys = 0;
  #tombstones = 0;
  #withoutTimestamp = 0;
  #largest = 0;
  #keyed = 0;
  readonly #before: number[];
  readonly #after: number[];
  readonly #heavy = new HeavyKeys();
  readonly #ruled = new Map<string, number>();
  readonly #failures = new Map<string, number>();
  readonly #candidates: { spec: PartitionerSpec; placement: KeyPlacement; misplaced: number }[];

  constructor(
    partitions: number,
    private readonly router: Router,
    private readonly options: ProfileOptions,
  ) {
    this.#before = new Array<number>(partitions).fill(0);
    this.#after = new Array<number>(router.targets).fill(0);
    const { present = null } = options;
    const names = PARTITIONER_NAMES.filter((name) => name !== 'explicit' && name !== present);
    const specs: readonly PartitionerSpec[] = present === null ? names : [present, ...names];
    this.#candidates = specs.map((spec) => ({ spec, placement: new KeyPlacement(spec, partitions), misplaced: 0 }));
  }

  /** Takes in the record that the cursor stands on. A promise only where its route is one. */
  add(cursor: RecordCursor, partition: number): Promise<void> | undefined {
    const { bytes, keyAt, keyLength } = cursor;
    this.#records++;
    this.#before[partition]!++;
    const size = MAX_RECORD_HEAD_BYTES + cursor.recordEnd - cursor.fieldsAt;
    this.#bytes += size;
    if (size > this.#largest) this.#largest = size;
    if (cursor.valueLength < 0) this.#tombstones++;
    if (cursor.timestamp === NO_TIMESTAMP) this.#withoutTimestamp++;
    if (keyLength < 0) this.#nullKeys++;
    else {
      this.#keyed++;
      for (const one of this.#candidates) {
        if (!one.placement.allows(bytes, keyAt, keyLength, partition)) one.misplaced++;
      }
    }
    const target = this.router.routeInPlace?.(cursor, partition) ?? -1;
    if (target < 0) return this.#route(cursor.record(), partition);
    this.#after[target]!++;
    if (keyLength >= 0) this.#heavy.add(bytes, keyAt, keyLength);
    return undefined;
  }

  async #route(record: StoredRecord, partition: number): Promise<void> {
    try {
      const routed = await this.router.route(record, partition);
      if (typeof routed === 'number') this.#placed({ target: routed, record });
      else if ('target' in routed) this.#placed(routed);
      else if ('rule' in routed) count(this.#ruled, routed.rule);
      else if ('several' in routed) {
        for (const one of routed.several) this.#placed(one);
        if (routed.leftOut !== undefined) count(this.#ruled, routed.leftOut.rule);
      }
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      if (code !== 'null-key' && code !== 'key-expression-failed' && code !== SPLIT_ROWS) throw error;
      count(this.#failures, code);
    }
  }

  #placed({ target, record: { key } }: PlacedRecord): void {
    this.#after[target]!++;
    if (key !== null) this.#heavy.add(key);
  }

  finish(topic: TopicDescription, span: number, sampled: boolean, elapsedMs: number): TopicProfile {
    const best = this.#candidates.reduce((a, b) => (b.misplaced < a.misplaced ? b : a));
    const total = sampled && this.covered > 0 ? Math.round((this.#records / this.covered) * span) : this.#records;
    const known = topic.partitions.every((one) => one.sizeBytes !== null);
    const stored = topic.partitions.reduce((sum, one) => sum + (one.sizeBytes ?? 0), 0);
    const keys = this.#heavy.top(Infinity);
    const scale = this.#records === 0 ? 0 : total / this.#records;
    return {
      records: this.#records,
      total,
      sampled,
      bytes: known ? stored : Math.round(this.#bytes * scale),
      nullKeys: this.#nullKeys,
      tombstones: this.#tombstones,
      withoutTimestamp: this.#withoutTimestamp,
      largestRecordBytes: this.#largest,
      partitioner: { spec: best.spec, misplaced: best.misplaced, keyed: this.#keyed },
      heavyKeys: keys.slice(0, 10),
      heaviestShare: keys.reduce(
        (most, { key, count }) => Math.max(most, count / (this.options.placement?.among(key)?.length ?? 1)),
        0,
      ),
      distinctKeys: sampled ? undefined : this.#heavy.distinct,
      before: this.#before,
      after: this.#after,
      ruled: this.#ruled,
      failures: this.#failures,
      rate: elapsedMs >= 1 ? Math.round((this.#records / elapsedMs) * 1000) : undefined,
    };
  }
}

function count(map: Map<string, number>, name: string): void {
  map.set(name, (map.get(name) ?? 0) + 1);
}
