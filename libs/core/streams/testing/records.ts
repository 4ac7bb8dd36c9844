import fc from 'fast-check';
import { encodeBatch, type LogEngine, type LogRecord, recordsFrom, type StoredRecord } from '#libs/core/log';

const KEYS = ['', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'order-1', 'order-2', 'ключ'];

/** For topics with records of any timestamp, as those written before there were bounds. */
export const ANY_TIMESTAMP = { 'message.timestamp.after.max.ms': '9223372036854775807' };

/** Records of few keys, with everything that tends to get lost: null and empty keys and values, repeated headers, timestamps of all sorts and none. */
export const anyRecord: fc.Arbitrary<LogRecord> = fc.record({
  key: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...KEYS).map((key) => Buffer.from(key)) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  value: fc.oneof(
    { weight: 5, arbitrary: fc.string({ maxLength: 40 }).map((value) => Buffer.from(value)) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  headers: fc.array(
    fc.record({
      key: fc.constantFrom('h', 'h', 'trace'),
      value: fc.constantFrom(null, Buffer.from(''), Buffer.from('x')),
    }),
    { maxLength: 3 },
  ),
  timestamp: fc.constantFrom(-1, 0, 1_700_000_000_000, 1_700_000_000_001, 4_102_444_800_000),
});

/** A topic's content: for each partition its batches. */
export const anyContent = (partitions: number, options: { maxBatches?: number; maxRecords?: number } = {}) =>
  fc.array(
    fc.array(
      fc.record({
        records: fc.array(anyRecord, { minLength: 1, maxLength: options.maxRecords ?? 12 }),
        compression: fc.constantFrom('none' as const, 'none' as const, 'gzip' as const),
      }),
      { maxLength: options.maxBatches ?? 6 },
    ),
    { minLength: partitions, maxLength: partitions },
  );

export type TopicContent = readonly (readonly {
  readonly records: readonly LogRecord[];
  readonly compression: 'none' | 'gzip';
}[])[];

/** Appends the content, partition by partition. */
export async function appendContent(engine: LogEngine, topic: string, content: TopicContent): Promise<void> {
  for (const [partition, batches] of content.entries()) {
    for (const { records, compression } of batches) {
      await engine.append({ topic, partition }, encodeBatch(records, { compression }));
    }
  }
}

/** Everything a topic holds, per partition, in order. */
export async function readTopic(engine: LogEngine, topic: string): Promise<StoredRecord[][]> {
  const { partitions } = await engine.describeTopic(topic);
  return await Promise.all(
    partitions.map(async ({ partition, startOffset, endOffset }) => {
      const records: StoredRecord[] = [];
      for (let offset = startOffset; offset < endOffset;) {
        const [fetched] = await engine.fetch({ positions: [{ topic, partition, offset }], maxBytes: 1 << 20 });
        records.push(...recordsFrom(fetched!, offset));
        offset = fetched!.nextOffset;
      }
      return records;
    }),
  );
}

/** A record as text that differs whenever anything of it does. Without its offset. */
export function fingerprint(record: LogRecord): string {
  const hex = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString('hex'));
  const headers = record.headers.map((one) => [one.key, hex(one.value)]);
  return JSON.stringify([hex(record.key), hex(record.value), headers, record.timestamp]);
}
