import { type BatchFacts, MAX_RECORD_HEAD_BYTES } from '../batch-encoder.js';
import type { RecordCursor } from '../batch-decoder.js';
import { BATCH_HEADER_BYTES } from '../batch-header.js';
import type { DigestSum } from '../record-digest.js';
import { COLUMN, FLAG, RESULT, SLACK_BYTES, SLOT } from './code.js';
import { LoopMemory } from './loop-memory.js';

/** Where the records of one source partition go, by the hash of their keys (`murmur2`) and nothing else. */
export interface HashedTargets {
  /** A record with a key goes to `first` + hash mod `partitions`. */
  readonly first: number;
  readonly partitions: number;
  /** One without to `first` + `step` × (its offset mod `modulus`); undefined: none can be dealt out. */
  readonly keyless: { readonly first: number; readonly step: number; readonly modulus: number } | undefined;
}

/** What was dealt out. */
export interface Dealt {
  /** The target of each record; good until the next batch. */
  readonly routes: Uint16Array;
  /** All went to one target. */
  readonly together: boolean;
  /** Of keys and values, and 16 for each record. */
  readonly bytes: number;
}

/** A batch being put together is cut off here. */
export interface SlotLimits {
  readonly targets: number;
  readonly batchBytes: number;
}

/** Memory of one dealer for all batches that are put together, as long as that leaves room for batches of {@link LEAST_SLOT_BYTES}. */
const SLOTS_BYTES = 8 * 1024 * 1024;
const LEAST_SLOT_BYTES = 16 * 1024;

/**
 * Deals the records of batches out to batches of their targets, many at a time: the bytes of each are read, hashed and copied in one go, and no object is made. In two steps, so that a batch can still be passed on as it is when
 * it is known where its records go: {@link route}, then {@link deal}. A record comes out as `BatchEncoder.addEncoded` writes it, and counts in the sum as with `DigestSum.addInPlace`.
 */
export class BatchDealer {
  readonly #loops: LoopMemory;
  readonly #targets: number;
  readonly #slotBytes: number;
  #dealt: { count: number; columns: number; routes: number } | undefined;

  constructor({ targets, batchBytes }: SlotLimits) {
    this.#targets = targets;
    const room = Math.max(LEAST_SLOT_BYTES, Math.floor(SLOTS_BYTES / targets));
    this.#slotBytes = Math.max(0, Math.min(batchBytes - BATCH_HEADER_BYTES, room));
    this.#loops = new LoopMemory(this.#slotAt(targets));
    for (let target = 0; target < targets; target++) this.#clear(target);
  }

  get sizeBytes(): number {
    return this.#loops.sizeBytes;
  }

  /**
   * Finds out where the records of a batch go, and adds their digests to a sum. Undefined, with nothing added, for a batch that has to be taken apart record by record: because something is unusual or wrong about
   * it, or a record takes more than a batch here may have.
   */
  route(cursor: RecordCursor, source: number, to: HashedTargets, sum: DigestSum): Dealt | undefined {
    const { baseOffset, recordCount: count } = cursor.header;
    const { given, roomAt: columns } = this.#loops.load(cursor, (COLUMN.bytes + 2) * count);
    const routes = columns + COLUMN.bytes * count;
    const { first: keyless, step, modulus } = to.keyless ?? { first: 0, step: 0, modulus: 0 };
    const longest = Math.max(0, this.#slotBytes - MAX_RECORD_HEAD_BYTES);
    const { functions } = this.#loops;
    const place = [source, BigInt(baseOffset), to.first, to.partitions, keyless, step, modulus] as const;
    this.#dealt = undefined;
    if (functions['route']!(...given, ...place, columns, routes, longest) < 0) return undefined;
    this.#dealt = { count, columns, routes };
    const { view, sums, bytes } = this.#loops;
    sum.addSum(count, sums);
    return {
      routes: new Uint16Array(bytes.buffer, routes, count),
      together: (view.getInt32(RESULT.flags, true) & FLAG.scattered) === 0,
      bytes: view.getInt32(RESULT.bytes, true),
    };
  }

  /** Copies the records that were routed last behind those that their targets have. `full` is told of a target that has to be {@link take}n first. */
  deal(full: (target: number) => void): void {
    const dealt = this.#dealt;
    if (dealt === undefined) return;
    this.#dealt = undefined;
    const { count, columns, routes } = dealt;
    const { functions, bytes } = this.#loops;
    const targets = new Uint16Array(bytes.buffer, routes, count);
    for (let from = 0; ;) {
      from = functions['scatter']!(from, count, columns, routes, RESULT.end);
      if (from === count) return;
      full(targets[from]!);
    }
  }

  /** Takes the records of a target out: as they stand in a batch, good until the next {@link deal}, and what its header says. Undefined for none. */
  take(target: number): (BatchFacts & { readonly plain: Uint8Array }) | undefined {
    const { view, bytes } = this.#loops;
    const slot = this.#stateAt(target);
    const records = view.getInt32(slot + SLOT.count, true);
    if (records === 0) return undefined;
    const taken = {
      records,
      baseTimestamp: Number(view.getBigInt64(slot + SLOT.base, true)),
      maxTimestamp: Number(view.getBigInt64(slot + SLOT.latest, true)),
      plain: bytes.subarray(this.#slotAt(target), view.getInt32(slot + SLOT.at, true)),
    };
    this.#clear(target);
    return taken;
  }

  /** Forgets all records. */
  clear(): void {
    for (let target = 0; target < this.#targets; target++) this.#clear(target);
    this.#dealt = undefined;
  }

  #clear(target: number): void {
    const { view } = this.#loops;
    const slot = this.#stateAt(target);
    const at = this.#slotAt(target);
    view.setInt32(slot + SLOT.at, at, true);
    view.setInt32(slot + SLOT.limit, at + this.#slotBytes, true);
    view.setInt32(slot + SLOT.count, 0, true);
  }

  #stateAt(target: number): number {
    return RESULT.end + target * SLOT.bytes;
  }

  #slotAt(target: number): number {
    return this.#stateAt(this.#targets) + target * (this.#slotBytes + SLACK_BYTES);
  }
}
