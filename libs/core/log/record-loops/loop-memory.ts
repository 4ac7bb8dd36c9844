import { WASM_PAGE_BYTES, type WasmInstance } from '#libs/core/kernel';
import type { BatchHeader } from '../batch-header.js';
import type { RecordCursor } from '../batch-decoder.js';
import { RECORD_LOOPS, RESULT, SLACK_BYTES } from './code.js';

/** Numbers that every loop over a batch is told first. */
export type BatchArguments = readonly [at: number, limit: number, count: number, base: bigint, stamped: number];

/** One instance of the loops, and the part of its memory behind what stays from batch to batch. */
export class LoopMemory {
  readonly functions: WasmInstance['functions'];
  /** Digest sums of the last loop. */
  sums!: Int32Array;
  view!: DataView;
  bytes!: Uint8Array;
  readonly #memory: WasmInstance['memory'];

  /** The first `kept` bytes are the caller's, from {@link RESULT} on; they stay when the memory grows, its views do not. */
  constructor(private readonly kept: number = RESULT.end) {
    const { memory, functions } = RECORD_LOOPS.instance();
    this.functions = functions;
    this.#memory = memory;
    this.#reserve(kept);
  }

  get sizeBytes(): number {
    return this.#memory.buffer.byteLength;
  }

  /** Brings the records of a batch into the memory, and makes room behind them. @returns what the loops are told, and where that room is. */
  load(cursor: RecordCursor, room: number): { readonly given: BatchArguments; readonly roomAt: number } {
    const { header, bytes } = cursor;
    const { from, to } = cursor.reach;
    const at = aligned(this.kept);
    const limit = at + to - from;
    const roomAt = aligned(limit + SLACK_BYTES);
    this.#reserve(roomAt + room + SLACK_BYTES);
    this.bytes.set(bytes.subarray(from, to), at);
    return { given: [at, limit, header.recordCount, BigInt(baseOf(header)), header.logAppendTime ? 1 : 0], roomAt };
  }

  #reserve(bytes: number): void {
    const missing = bytes - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / WASM_PAGE_BYTES));
    if (missing <= 0 && this.view !== undefined) return;
    const { buffer } = this.#memory;
    this.view = new DataView(buffer);
    this.bytes = new Uint8Array(buffer);
    this.sums = new Int32Array(buffer, RESULT.sums, 4);
  }
}

/** What the timestamps of a batch are relative to; where the log stamped them, what all of them are. */
function baseOf({ logAppendTime, maxTimestamp, baseTimestamp }: BatchHeader): number {
  return logAppendTime ? maxTimestamp : baseTimestamp;
}

/** Every kind of number may begin here. */
function aligned(at: number): number {
  return Math.ceil(at / 16) * 16;
}
