import {
  batchesIn,
  BUILT_IN_CODECS,
  compactBatch,
  type CompactionPass,
  type CompressionCodecs,
  emptiedBatch,
  LatestOffsets,
} from '#libs/core/log';

/** What one pass of compaction is about. */
export interface CompactionOrder {
  /** Keys are looked up from here … */
  readonly from: number;
  /** … up to here. */
  readonly to: number;
  /** Memory that the table of keys may take. */
  readonly mapBytes: number;
  readonly nowMs: number;
  readonly deleteRetentionMs: number;
}

/** What is left of a run of batches. */
export interface CompactedRun {
  readonly bytes: Uint8Array;
  readonly changed: boolean;
}

/**
 * The work of a compaction that costs time: reading keys and rewriting batches. One pass at a time: begin, note the whole range in order, then compact everything
 * from the start of the partition on, in order. Bytes are whole batches one after another; they are the work's own once they are given.
 */
export abstract class CompactionWork {
  abstract begin(order: CompactionOrder): Promise<void>;
  /** Takes in keys. False when there is no room for more: there is no use in going on. */
  abstract note(batches: Uint8Array): Promise<boolean>;
  /** The offset up to which keys are known, once all was noted. */
  abstract known(): Promise<number>;
  /** `keepLast`: of the last batch at least the header stays, so that it keeps its place. */
  abstract compact(batches: Uint8Array, keepLast: boolean): Promise<CompactedRun>;
  /** Ends the pass and gives its memory back. Harmless to repeat. */
  abstract end(): Promise<void>;
  /** For good. What is under way may fail. */
  abstract close(): Promise<void>;
}

/** The same on the calling thread: what a worker runs, and what tests run. */
export class CompactionFold {
  #pass: CompactionPass | undefined;

  constructor(private readonly codecs: CompressionCodecs = BUILT_IN_CODECS) {}

  begin({ from, to, mapBytes, nowMs, deleteRetentionMs }: CompactionOrder): void {
    const latest = new LatestOffsets(from, to, mapBytes);
    this.#pass = { latest, nowMs, deleteRetentionMs, codecs: this.codecs };
  }

  note(batches: Uint8Array): boolean {
    const { latest } = this.pass;
    for (const { header, bytes } of batchesIn(batches)) {
      latest.add(header, bytes, { codecs: this.codecs });
      if (latest.full) return false;
    }
    return true;
  }

  known(): number {
    return this.pass.latest.upTo;
  }

  compact(batches: Uint8Array, keepLast: boolean): CompactedRun {
    const left: Uint8Array[] = [];
    let changed = false;
    for (const { header, bytes, at } of batchesIn(batches)) {
      const last = keepLast && at + bytes.length === batches.length;
      const kept = compactBatch(header, bytes, this.pass) ?? (last ? emptiedBatch(header, bytes) : undefined);
      if (kept !== undefined) left.push(kept);
      changed ||= kept !== bytes && !(header.recordCount === 0 && kept?.length === bytes.length);
    }
    return { bytes: changed ? Buffer.concat(left) : batches, changed };
  }

  end(): void {
    this.#pass = undefined;
  }

  private get pass(): CompactionPass {
    if (this.#pass === undefined) throw new Error('no compaction was begun');
    return this.#pass;
  }
}

/** Compaction on the thread that asks for it, a run at a time. */
export class LocalCompactionWork extends CompactionWork {
  readonly #fold: CompactionFold;

  constructor(codecs?: CompressionCodecs) {
    super();
    this.#fold = new CompactionFold(codecs);
  }

  async begin(order: CompactionOrder): Promise<void> {
    this.#fold.begin(order);
  }

  async note(batches: Uint8Array): Promise<boolean> {
    return this.#fold.note(batches);
  }

  async known(): Promise<number> {
    return this.#fold.known();
  }

  async compact(batches: Uint8Array, keepLast: boolean): Promise<CompactedRun> {
    return this.#fold.compact(batches, keepLast);
  }

  async end(): Promise<void> {
    this.#fold.end();
  }

  async close(): Promise<void> {
    this.#fold.end();
  }
}
