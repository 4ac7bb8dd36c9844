import { Injectable } from '@nestjs/common';
import { AppError, Clock } from '#libs/core/kernel';
import {
  cutPage,
  StickyPartitions,
  TopicDirectories,
  TopicProducer,
  TopicReader,
  type KeylessPartitions,
  type LogRecord,
  type Produced,
  type ProducedRecord,
  type RecordHeader,
  type ReadPage,
} from '#libs/core/log';
import { MessageCodec } from '#libs/core/registry';
import { Derivations, KeyExpression, RecordDecoder } from '#libs/core/streams';
import { Problems, type ProduceRequest } from './produce-request.js';
import { PageRoom, RecordDecoding, type ReadRecord } from './record-decoding.js';
import { partEncoder } from './record-encoding.js';
import { formatCursor, parseCursor, parseFrom, type ReadQuery } from './read-request.js';
import { Turns } from './turns.js';

/** How long a write waits for a cutover of its topic before it is refused. */
export const MAX_HOLD_MS = 30_000;
/** A client's clock this far ahead is refused: it would keep or drop data wrongly on engines that go by record time. */
const MAX_AHEAD_MS = 3_600_000;
/** How long the records of one request may be encoded, wherever that is done; the turns of others are not counted. */
const MAX_ENCODING_MS = 10_000;
/** Bytes of batches one read looks at before it answers. */
const READ_BYTES = 1024 * 1024;

/** Writes and reads records of logical topics. Holds no state but where keyless records go next. */
@Injectable()
export class RecordsService {
  readonly #keyless = new Map<string, KeylessPartitions>();
  readonly #expressions = new Map<string, KeyExpression>();
  readonly #decoding: RecordDecoding;

  constructor(
    private readonly directories: TopicDirectories,
    private readonly codec: MessageCodec,
    private readonly clock: Clock,
    private readonly decoder: RecordDecoder,
    private readonly derivations: Derivations,
  ) {
    this.#decoding = new RecordDecoding(codec);
  }

  /**
   * Encodes all records, then writes them; when one cannot be encoded none is written.
   * @throws `invalid-record` naming each record and field, `topic-not-found`, `topic-fenced`, `topic-is-derived`, `schema-missing`,
   * `records-too-complex`.
   */
  async produce(
    cluster: string | undefined,
    topic: string,
    request: ProduceRequest,
    signal?: AbortSignal,
  ): Promise<Produced> {
    const directory = this.directories.of(cluster);
    await directory.resolve(topic);
    if (await this.derivations.writes(cluster, topic)) throw writtenByDerivation(topic);
    const keys = await partEncoder(this.codec, topic, 'key', request.key, request.schemaIn);
    const values = await partEncoder(this.codec, topic, 'value', request.value, request.schemaIn);
    const now = this.clock.now();
    const problems = new Problems();
    const records: ProducedRecord[] = [];
    const turns = new Turns(this.clock);
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
      records.push({ key, value, headers, timestamp, partition });
      if (!turns.due) continue;
      await turns.take(signal);
      if (turns.spentMs > MAX_ENCODING_MS) throw tooComplex(index + 1);
    }
    problems.raise('unprocessable');
    const producer = new TopicProducer(
      directory,
      this.keylessOf(`${cluster ?? ''}/${topic}`),
      (at, expression, record) => this.derivedKey(at.logical, expression, record),
    );
    return producer.produce(topic, records, { maxHoldMs: MAX_HOLD_MS, signal });
  }

  /** One page of records, decoded, with the cursor of the next. */
  async read(
    cluster: string | undefined,
    topic: string,
    query: ReadQuery,
    signal?: AbortSignal,
  ): Promise<{ records: ReadRecord[]; next: string; atEnd: boolean }> {
    const reader = new TopicReader(this.directories.of(cluster));
    if (query.cursor !== undefined && (query.from !== undefined || query.partition !== undefined)) {
      throw new AppError({
        kind: 'invalid',
        code: 'invalid-request',
        message: 'A cursor already says where to read on; from and partition cannot be given with it.',
      });
    }
    const vector =
      query.cursor === undefined
        ? await reader.start(topic, query.partition, parseFrom(query.from))
        : parseCursor(query.cursor);
    const page: ReadPage = await reader.read(topic, vector, {
      records: query.limit,
      maxBytes: READ_BYTES,
      waitMs: query.wait,
      signal,
    });
    const records: ReadRecord[] = [];
    const room = new PageRoom(this.clock);
    const turns = new Turns(this.clock);
    for (const record of page.records) {
      if (room.isFull && records.length > 0) break;
      records.push(await this.#decoding.show(record, query.format, room));
      if (turns.due) await turns.take(signal);
    }
    const { next, atEnd } = cutPage(page, records.length);
    return { records, next: formatCursor(next), atEnd };
  }

  /** The key that a topic repartitioned by a key expression gives to a new record. @throws `key-missing`. */
  private async derivedKey(topic: string, expression: string, record: LogRecord): Promise<Uint8Array | null> {
    let parsed = this.#expressions.get(expression);
    if (parsed === undefined) this.#expressions.set(expression, (parsed = KeyExpression.parse(expression)));
    // A tombstone has no value to take a key from: it keeps the writer's, which must be the new key then.
    if (record.value === null) return record.key;
    const answer = await parsed.evaluate(topic, { ...record, offset: 0 }, this.decoder);
    if ('key' in answer) return answer.key;
    throw new AppError({
      kind: 'unprocessable',
      code: 'key-missing',
      message: `The key of records of '${topic}' is ${expression}, which this record does not have: ${answer.failure}.`,
      hint: `Give every record what ${expression} names.`,
      details: { topic, expression },
    });
  }

  private keylessOf(topic: string): KeylessPartitions {
    let keyless = this.#keyless.get(topic);
    if (keyless === undefined) this.#keyless.set(topic, (keyless = new StickyPartitions(Math.random)));
    return keyless;
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

/** One writer per fact: a derived topic is written by its derivation alone. */
function writtenByDerivation(topic: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'topic-is-derived',
    message: `Topic '${topic}' is written by a derivation; nobody else may write it.`,
    hint: 'Write to the source of the derivation.',
    details: { topic },
  });
}
