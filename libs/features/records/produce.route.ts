import { Readable } from 'node:stream';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { FastifyContextConfig, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, isAppError } from '#libs/core/kernel';
import type { AtomicallyProduced } from '#libs/core/log';
import {
  ArrivingBody,
  BatchRoom,
  bodyDigestOf,
  idempotencyKeyOf,
  endAnswer,
  isStreamEnd,
  PacedAnswer,
  PlainRoutes,
  signalOf,
  STREAMED_TYPE,
  UnreadJson,
  ZodPipe,
} from '#libs/platform/http';
import { LineSplitter } from './line-splitter.js';
import { parseProduceRequest, produceBody, produceQuery, type ProduceQuery } from './produce-request.js';
import { readProduceText } from './produce-text.js';
import { producedOf } from './produced-view.js';
import { ProducedLines, type LineResult } from './produced-lines.js';
import { producedView } from './record-shapes.js';
import { RecordsService } from './records.service.js';

type OfTopic = FastifyRequest<{ Params: { topic: string; cluster?: string } }>;

/** Bytes of results that wait for a client that is still sending: some read nothing before they have sent everything. */
const WAITING_RESULTS = 1024 * 1024;

const CONFIG: FastifyContextConfig = {
  access: { action: 'write', kind: 'topic', name: 'topic' },
  consumes: [STREAMED_TYPE, 'application/octet-stream'],
  api: {
    id: 'produceRecords',
    summary: 'Write records',
    description:
      'Partitions are written each on its own, and each record has its result. With `atomic=true` all records are in one commit or none. With the header `Idempotency-Key` the request is written once, atomically, however often it is sent: a repetition gets the first answer and the header `Idempotency-Replayed: true`. As `application/x-ndjson` each line is an entry of `records`; what stands beside them is said in the query, and each line is answered by a line, in order, while more arrive; the last one, `end`, sums up. A stream may be open for `http.streamTimeoutMs`, a line takes `http.requestTimeoutMs` at most to arrive, and a client that takes none of its results for `http.writeTimeoutMs` is cut off. As `application/octet-stream` the body is record batches in Kafka’s format (magic 2), stored as they are in `partition`.',
    tag: 'records',
    body: produceBody,
    query: produceQuery,
    response: producedView,
    bodyLimit: 8 * 1024 * 1024,
    jsonValues: 150_000,
    scanned: true,
    batched: true,
    errors: {
      409: ['topic-is-derived', 'key-is-derived'],
      422: ['invalid-record', 'schema-missing', 'idempotency-key-reused'],
      429: ['too-many-idempotency-keys', 'connection-bytes-in-flight', 'log-overloaded'],
      503: [
        'topic-fenced',
        'outcome-unknown',
        'produce-contended',
        'too-many-bytes-in-flight',
        'too-many-open-files',
        'log-failed',
      ],
      507: ['storage-full'],
    },
  },
};

const queryPipe = new ZodPipe(produceQuery);

/** POST …/records as a plain Fastify route: its body may be read while it arrives. */
@Injectable()
export class ProduceRoute implements OnModuleInit {
  constructor(
    private readonly plain: PlainRoutes,
    private readonly records: RecordsService,
    private readonly lines: ProducedLines,
  ) {}

  onModuleInit(): void {
    for (const path of ['/v1/topics/:topic/records', '/v1/clusters/:cluster/topics/:topic/records']) {
      this.plain.fastify.post(path, { config: CONFIG }, (request: OfTopic, reply) => this.#produce(request, reply));
    }
  }

  async #produce(request: OfTopic, reply: FastifyReply): Promise<unknown> {
    const query = queryPipe.transform(request.query, { type: 'query' });
    const { cluster, topic } = request.params;
    const given = request.headers['idempotency-key'];
    const key = idempotencyKeyOf(Array.isArray(given) ? given.join(',') : given);
    if (request.body instanceof Readable) return await this.#stream(request, reply, query, key);
    const signal = signalOf(request);
    const { atomic, durability } = query;
    if (Buffer.isBuffer(request.body)) {
      if (key !== undefined || atomic === true || query.partition === undefined) throw bytesGoToOnePartition();
      return await this.records.appendBatches(cluster, topic, query.partition, request.body, { durability, signal });
    }
    if (request.body === undefined && request.headers['content-type']?.startsWith('application/octet-stream') === true)
      throw noBatch();
    const forLines = LINE_OPTIONS.filter((option) => query[option] !== undefined);
    if (forLines.length > 0) throw saidInTheBody(forLines);
    const requestHash = bodyDigestOf(request);
    const idempotency = key === undefined || requestHash === undefined ? undefined : { key, requestHash };
    const options = { atomic, durability, idempotency, signal };
    const produce = (body: unknown): Promise<AtomicallyProduced> =>
      this.records.produce(cluster, topic, parseProduceRequest(body), new BatchRoom(request), options);
    const produced = await (request.body instanceof UnreadJson
      ? request.body.scanned(readProduceText, produce)
      : produce(request.body));
    if (produced.repeated) reply.header('idempotency-replayed', 'true');
    return producedOf(produced);
  }

  /** The next chunk is read only when all of the one before was written: nothing adds up but results, and those to a limit. */
  async #stream(request: OfTopic, reply: FastifyReply, query: ProduceQuery, key: string | undefined): Promise<void> {
    const { cluster, topic } = request.params;
    if (query.atomic === true) throw linesAreNotAtomic();
    const signal = signalOf(request);
    const writing = await this.lines.begin(cluster, topic, query, { key, signal, room: new BatchRoom(request) });
    const answer = new PacedAnswer(request, reply, { 'content-type': STREAMED_TYPE });
    const { raw } = answer;
    const body = new ArrivingBody(request);
    const tell = async (results: readonly LineResult[]): Promise<void> => {
      if (results.length === 0) return;
      await answer.write(results.map((result) => `${JSON.stringify(result)}\n`).join(''), WAITING_RESULTS);
    };
    try {
      const splitter = new LineSplitter();
      for await (const chunk of body) {
        writing.add(splitter.push(chunk));
        await tell(await writing.write(body.isQuiet));
        if (writing.stopped) break;
        body.keeps(writing.waitingBytes, splitter.begunBytes);
      }
      writing.add(splitter.end());
      await tell(await writing.finish());
      raw.write(`${JSON.stringify(writing.end())}\n`);
    } catch (error) {
      if (isStreamEnd(error)) raw.write(`${JSON.stringify(writing.end(error))}\n`);
      else if (!signal.aborted) {
        if (!isAppError(error, 'client-too-slow')) request.log.error({ err: error }, 'a stream of records broke off');
        raw.destroy();
      }
    } finally {
      body.close();
      endAnswer(request, raw);
    }
  }
}

/** What a request of lines says in its query, and one of JSON in its body. */
const LINE_OPTIONS = [
  'keyFormat',
  'valueFormat',
  'keySchemaId',
  'valueSchemaId',
  'keyMessage',
  'valueMessage',
  'schemaIn',
  'partition',
] as const;

function bytesGoToOnePartition(): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-request',
    message: 'Record batches as bytes need `partition`, and take neither `atomic` nor an idempotency key.',
    hint: 'Give batches a producer id, epoch and sequence to have repetitions recognised.',
  });
}

function noBatch(): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-request',
    message: 'The body is empty: it holds no record batch.',
    hint: 'Send one batch of format 2 or several, one behind the other.',
  });
}

function linesAreNotAtomic(): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-request',
    message: 'Lines are written while they arrive, so they cannot be atomic.',
    hint: 'Send JSON, or give an idempotency key: then lines can be sent again without being written twice.',
  });
}

function saidInTheBody(options: readonly string[]): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-request',
    message: `A JSON body says ${options.join(', ')} itself, or each of its records does.`,
    items: options.map((path) => ({ path, message: 'is for bodies of lines or batches' })),
  });
}
