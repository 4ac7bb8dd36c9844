import {
  batchesIn,
  type BatchSlice,
  FetchMemory,
  type LogEngine,
  RecordCursor,
  type StoredRecord,
} from '#libs/core/log';

/** Reads one partition record by record, fetching as it goes. A record lasts until the next one is asked for: whoever keeps one longer copies it. */
export class PartitionCursor {
  #position: number;
  #slices: BatchSlice[] = [];
  #next = 0;
  #cursor: RecordCursor | undefined;
  /** The cursor is at the next record. */
  #stands = false;
  #present: StoredRecord | undefined;
  readonly #memory = new FetchMemory();

  constructor(
    private readonly engine: LogEngine,
    private readonly topic: string,
    private readonly partition: number,
    startOffset: number,
    private readonly fetchBytes = 1024 * 1024,
  ) {
    this.#position = startOffset;
  }

  /** Offset after the last record taken, or after what lies there that is no record. */
  get position(): number {
    return this.#position;
  }

  /** The next record without taking it; undefined when there is none yet. A promise only when it has to fetch. */
  peek(): StoredRecord | undefined | Promise<StoredRecord | undefined> {
    if (this.#present !== undefined) return this.#present;
    const standing = this.standing();
    return standing instanceof Promise ? standing.then(() => this.#record()) : this.#record();
  }

  /**
   * A cursor that stands on the next record, for reading it where it lies, without taking it; undefined when there is none yet. A promise only when it has to fetch. It
   * is this one's own: nobody else moves it.
   */
  standing(): RecordCursor | undefined | Promise<RecordCursor | undefined> {
    if (!this.#stands) this.#stands = this.#advance();
    return this.#stands ? this.#cursor : this.#fetch();
  }

  /**
   * The batch of the record that {@link standing} answered, as a whole, while none of its records was taken: its cursor, which goes on standing there. Undefined when records of it were taken, or there are fewer than it has
   * offsets.
   */
  standingBatch(): RecordCursor | undefined {
    const cursor = this.#stands ? this.#cursor : undefined;
    if (cursor === undefined) return undefined;
    const { baseOffset, recordCount, lastOffsetDelta } = cursor.header;
    return cursor.offset === baseOffset && recordCount === lastOffsetDelta + 1 ? cursor : undefined;
  }

  /** Takes all records of the {@link standingBatch}. */
  takeBatch(): void {
    if (!this.#stands) return;
    this.#position = this.#cursor!.header.lastOffset + 1;
    this.#stands = false;
    this.#present = undefined;
    this.#cursor = undefined;
  }

  /** Takes the record that {@link peek} or {@link standing} answered. */
  take(): void {
    if (!this.#stands) return;
    this.#position = this.#cursor!.offset + 1;
    this.#stands = false;
    this.#present = undefined;
  }

  #record(): StoredRecord | undefined {
    if (this.#stands) this.#present ??= this.#cursor!.record();
    return this.#present;
  }

  #advance(): boolean {
    for (;;) {
      while (this.#cursor?.next()) {
        if (this.#cursor.offset >= this.#position) return true;
      }
      const slice = this.#slices[this.#next++];
      if (slice === undefined) {
        this.#cursor = undefined;
        return false;
      }
      this.#cursor = slice.header.control ? undefined : new RecordCursor(slice.header, slice.bytes);
    }
  }

  async #fetch(): Promise<RecordCursor | undefined> {
    for (;;) {
      const [fetched] = await this.engine.fetch({
        positions: [{ topic: this.topic, partition: this.partition, offset: this.#position }],
        maxBytes: this.fetchBytes,
        memory: this.#memory,
      });
      if (fetched === undefined) return undefined;
      if (fetched.error !== undefined) throw fetched.error;
      this.#slices = fetched.batches.flatMap((bytes) => [...batchesIn(bytes)]);
      this.#next = 0;
      this.#stands = this.#advance();
      if (this.#stands || fetched.nextOffset <= this.#position) return this.#cursor;
      this.#position = fetched.nextOffset;
    }
  }
}

/** How long is waited for what was committed and cannot be read yet. */
const VISIBLE_MS = 30_000;
const LOOK_MS = 500;

/**
 * Waits until something lies at or behind an offset. A log whose transactions are ended by records of their own answers a commit a moment before what was committed can be read.
 * @returns false when it did not come, at once on a log where a commit is seen when it is answered.
 */
export async function untilReadable(
  engine: LogEngine,
  topic: string,
  partition: number,
  offset: number,
  signal?: AbortSignal,
): Promise<boolean> {
  for (let waited = 0; ; waited += LOOK_MS) {
    const [fetched] = await engine.fetch({
      positions: [{ topic, partition, offset }],
      maxBytes: 1,
      maxWaitMs: engine.capabilities.denseOffsets ? 0 : LOOK_MS,
      ...(signal && { signal }),
    });
    if (fetched?.error !== undefined) throw fetched.error;
    if (fetched !== undefined && fetched.endOffset > offset) return true;
    if (engine.capabilities.denseOffsets || waited >= VISIBLE_MS) return false;
  }
}

/** A copy of a record that outlasts the cursor's next fetch. */
export function lasting(record: StoredRecord): StoredRecord {
  const bytes = (one: Uint8Array | null): Uint8Array | null => one && Uint8Array.from(one);
  const headers = record.headers.map(({ key, value }) => ({ key, value: bytes(value) }));
  return { ...record, key: bytes(record.key), value: bytes(record.value), headers };
}
