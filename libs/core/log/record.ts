/** One header of a record. Keys may repeat; order is kept; a null value differs from an empty one. */
export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/**
 * A record as its writer means it. A null key differs from an empty key; a null value is a tombstone and differs from an
 * empty value. `timestamp` is epoch milliseconds as the writer gave it, `NO_TIMESTAMP` for none; it travels untouched.
 */
export interface LogRecord {
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
  readonly timestamp: number;
}

/** A record with its place in a partition. */
export interface StoredRecord extends LogRecord {
  readonly offset: number;
}

/** The timestamp of a record that has none (as in Kafka's record batch format). */
export const NO_TIMESTAMP = -1;
