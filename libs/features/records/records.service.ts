import { Injectable } from '@nestjs/common';
import { AppError, Clock } from '#libs/core/kernel';
import type { AtomicallyProduced, ProducedRecord, RecordHeader } from '#libs/core/log';
import {
  type AppendBatchesOptions,
  partEncoder,
  Problems,
  RecordWriter,
  Turns,
  type WriteOptions,
} from '#libs/core/records';
import { MessageCodec } from '#libs/core/registry';
import { turn, type BatchRoom } from '#libs/platform/http';
import { producedOf } from './produced-view.js';
import type { ProducedView } from './record-shapes.js';
import type { ProduceRequest } from './produce-request.js';
import type { ReadQuery } from './read-request.js';
import { RecordPages } from './record-pages.js';
import { recordsText } from './records-text.js';

/** A client's clock this far ahead is refused: it would keep or drop data wrongly on engines that go by record time. */
const MAX_AHEAD_MS = 3_600_000;
/** How long the records of one request may be encoded, wherever that is done; the turns of others are not counted. */
const MAX_ENCODING_MS = 10_000;

/** Writes and reads records of logical topics. Holds no state. */
@Injectable()
export class RecordsService {
  constructor(
    private readonly codec: MessageCodec,
    private readonly clock: Clock,
    private readonly writer: RecordWriter,
    private readonly pages: RecordPages,
  ) {}

  /**
   * Encodes all records, then writes them; when one cannot be encoded none is written.
   * @throws `invalid-record` naming each record and field, `topic-not-found`, `topic-fenced`, `topic-is-derived`, `schema-missing`,
   * `records-too-complex`, what `room` refuses, and what an atomic or repeated request is refused with.
   */
  async produce(
    cluster: string | undefined,
    topic: string,
    request: ProduceRequest,
    room: BatchRoom,
    options: WriteOptions = {},
  ): Promise<AtomicallyProduced> {
    await this.writer.demandWritable(cluster, topic);
    const { idempotency } = options;
    const before = idempotency && (await this.writer.recall(cluster, topic, idempotency));
    if (before !== undefined) return before;
    return await this.writer.write(cluster, topic, await this.encode(topic, request, room, options.signal), options);
  }

  /** As `RecordWriter` does. */
  async demandWritable(cluster: string | undefined, topic: string): Promise<void> {
    await this.writer.demandWritable(cluster, topic);
  }

  /** As `RecordWriter` does. */
  async write(
    cluster: string | undefined,
    topic: string,
    records: readonly ProducedRecord[],
    options: WriteOptions,
  ): Promise<AtomicallyProduced> {
    return await this.writer.write(cluster, topic, records, options);
  }

  /**
   * Stores record batches as they are.
   * @throws `invalid-batch`, `key-is-derived`, and what the first append is refused with; what a later one is refused with is in the answer, and those before it are stored.
   */
  async appendBatches(
    cluster: string | undefined,
    topic: string,
    partition: number,
    bytes: Buffer,
    options: AppendBatchesOptions = {},
  ): Promise<ProducedView> {
    await this.writer.demandWritable(cluster, topic);
    return producedOf(await this.writer.appendBatches(cluster, topic, partition, bytes, options));
  }

  /** @throws `invalid-record`, `schema-missing`, `records-too-complex`, what `room` refuses. */
  async encode(
    topic: string,
    request: ProduceRequest,
    room: BatchRoom,
    signal?: AbortSignal,
  ): Promise<ProducedRecord[]> {
    const parts = { codec: this.codec, turn };
    const keys = await partEncoder(parts, topic, 'key', request.key, request.schemaIn);
    const values = await partEncoder(parts, topic, 'value', request.value, request.schemaIn);
    const now = this.clock.now();
    const problems = new Problems();
    const records: ProducedRecord[] = [];
    const turns = new Turns(this.clock, turn);
    for (const [index, given] of request.records.entries()) {
      const { timestamp = now, partition } = given;
      if (timestamp > now + MAX_AHEAD_MS) {
        const minutes = MAX_AHEAD_MS / 60_000;
        problems.add(`/records/${index}/timestamp`, `is more than ${minutes} minutes ahead of the service's clock`);
      }
      // Nearly all are there at once, and waiting for what is there costs more than encoding it.
      const givenKey = keys.encode(given.key, index, problems);
      const key = givenKey instanceof Promise ? await givenKey : givenKey;
      const givenValue = values.encode(given.value, index, problems);
      const value = givenValue instanceof Promise ? await givenValue : givenValue;
      const headers = withSchemaHeaders(given.headers, key && keys.header, value && values.header);
      const record = { key, value, headers, timestamp, partition };
      room.add(record);
      records.push(record);
      if (!turns.due) continue;
      await turns.take(signal);
      if (turns.spentMs > MAX_ENCODING_MS) throw tooComplex(index + 1);
    }
    problems.raise('unprocessable');
    return records;
  }

  /** One page of records, decoded, with the cursor of the next, as JSON text in UTF-8. @throws what {@link RecordPages} throws. */
  async read(cluster: string | undefined, topic: string, query: ReadQuery, signal?: AbortSignal): Promise<Buffer> {
    const begun = await this.pages.begin(cluster, topic, query);
    const { limit, wait: waitMs, format } = query;
    const { records, next, atEnd } = await this.pages.page(begun, { limit, waitMs, format, signal });
    const answer = { records, next: await this.pages.cursorOf(next), atEnd };
    return await recordsText(answer, new Turns(this.clock, turn), signal);
  }
}

/** Behind the writer's own, since the last header of a name counts. */
function withSchemaHeaders(
  given: readonly RecordHeader[],
  key: RecordHeader | null,
  value: RecordHeader | null,
): readonly RecordHeader[] {
  return key === null && value === null ? given : [...given, ...[key, value].filter((header) => header !== null)];
}

/** @param encoded records that were encoded in the time there is. */
function tooComplex(encoded: number): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'records-too-complex',
    message: `Encoding the records takes more than ${MAX_ENCODING_MS} ms; nothing was written.`,
    hint: `Send fewer at once: ${encoded} were encoded by then.`,
    details: { limit: 'encodingMs', value: MAX_ENCODING_MS, encoded },
  });
}
