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
    this.#present ??= this.#advance();
    return this.#present ?? this.#fetch();
  }

  /** Takes the record that {@link peek} answered. */
  take(): void {
    if (this.#present === undefined) return;
    this.#position = this.#present.offset + 1;
    this.#present = undefined;
  }

  #advance(): StoredRecord | undefined {
    for (;;) {
      while (this.#cursor?.next()) {
        if (this.#cursor.offset >= this.#position) return this.#cursor.record();
      }
      const slice = this.#slices[this.#next++];
      if (slice === undefined) {
        this.#cursor = undefined;
        return undefined;
      }
      this.#cursor = slice.header.control ? undefined : new RecordCursor(slice.header, slice.bytes);
    }
  }

  async #fetch(): Promise<StoredRecord | undefined> {
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
      this.#present = this.#advance();
      if (this.#present !== undefined || fetched.nextOffset <= this.#position) return this.#present;
      this.#position = fetched.nextOffset;
    }
  }
}
