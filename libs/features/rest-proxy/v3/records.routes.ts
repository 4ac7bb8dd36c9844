import { Readable } from 'node:stream';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isAppError, type AppError } from '#libs/core/kernel';
import { NOBODY } from '#libs/platform/auth';
import {
  ArrivingBody,
  BatchRoom,
  endAnswer,
  isStreamEnd,
  JsonParser,
  PacedAnswer,
  PlainRoutes,
  signalOf,
  turn,
} from '#libs/platform/http';
import { ClusterIds, type NamedCluster } from '../cluster-ids.js';
import { V3_BODY } from '../dialects.js';
import { badRequest, refusal } from '../errors.js';
import { TAG } from '../tag.js';
import { batchEntries } from './batch-request.js';
import { ConcatenatedJson, type StreamedText } from './concatenated-json.js';
import { givenRecord, type GivenRecord } from './record-request.js';
import { refused, V3Records, type RecordAnswer } from './records.service.js';
import { batchBody, batchResult, recordBody, recordResult } from './record-shapes.js';

/** How long a record's text may be. */
const RECORD_BYTES = 8 * 1024 * 1024;
/** Records that are read, written and answered together: of the smallest a chunk holds tens of thousands. */
const AT_ONCE = 500;
/** Bytes of a record's text that is read in one go. */
const READ_AT_ONCE = 64 * 1024;
/** Levels and values in the JSON of one record. */
const RECORD_JSON = { jsonDepth: 32, jsonValues: 150_000 };

type OfTopic = FastifyRequest<{ Params: { cluster: string; topic: string } }>;

/** Records of v3: as a stream that is answered while it arrives, and in batches (sections 4.3 and 4.5). */
@Injectable()
export class RecordsRoutes implements OnModuleInit {
  readonly #parser = new JsonParser(RECORD_JSON, 'spelled');

  constructor(
    private readonly plain: PlainRoutes,
    private readonly clusters: ClusterIds,
    private readonly records: V3Records,
  ) {}

  onModuleInit(): void {
    const { fastify } = this.plain;
    const path = '/v3/clusters/:cluster/topics/:topic/records';
    const access = { action: 'write', kind: 'topic', name: 'topic' } as const;
    // On an instance of its own: here the body is not to be read before the handler runs.
    void fastify.register(async (streaming) => {
      streaming.removeAllContentTypeParsers();
      streaming.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
      streaming.post(
        path,
        {
          config: {
            access,
            confluent: V3_BODY,
            api: {
              id: 'restProduce',
              summary: 'Write records, answered one by one while they arrive',
              description:
                'The body is a sequence of objects, one after another or with white space between. Each is answered by one line, in order, with status 200 for the whole; a record that was refused is answered by `error_code` and `message`.',
              tag: TAG,
              body: recordBody,
              response: recordResult,
              streamed: true,
            },
          },
        },
        (request: OfTopic, reply) => this.#stream(request, reply),
      );
    });
    fastify.post(
      `${path}::batch`,
      {
        config: {
          access,
          confluent: V3_BODY,
          api: {
            id: 'restProduceBatch',
            summary: 'Write up to ten records, each with its own outcome',
            tag: TAG,
            body: batchBody,
            response: batchResult,
            status: 207,
            bodyLimit: 8 * 1024 * 1024,
            jsonValues: 150_000,
            batched: true,
          },
        },
      },
      async (request: OfTopic, reply) => {
        reply.code(207);
        return this.#batch(request);
      },
    );
  }

  async #batch(request: OfTopic): Promise<object> {
    const { topic, cluster: id } = request.params;
    const entries = batchEntries(request.body);
    const cluster = await this.clusters.get(id);
    const given = entries.map(({ record }) => record);
    const [room, signal] = [new BatchRoom(request), signalOf(request)];
    const answers = await this.records.produce(cluster, topic, given, request.principal ?? NOBODY, { room, signal });
    const told = answers.map((answer, i) => ({ id: entries[i]!.id, ...answer }));
    return {
      successes: told.filter((answer) => !('error_code' in answer)),
      failures: told.filter((answer) => 'error_code' in answer),
    };
  }

  async #stream(request: OfTopic, reply: FastifyReply): Promise<void> {
    const { cluster: id, topic } = request.params;
    const body = request.body instanceof Readable ? request.body : undefined;
    const typed = request.headers['content-type'] !== undefined;
    if (!typed && (body === undefined || request.headers['content-length'] === '0'))
      throw refusal(42_206, 'Payload error. Request body is empty. Data is required.');
    if (!typed) throw badRequest('Content-Type must be application/json.');
    const cluster = await this.clusters.get(id);
    const answer = new PacedAnswer(request, reply, { 'content-type': 'application/json' });
    const arriving = new ArrivingBody(request);
    try {
      await this.#answer(request, answer, arriving, cluster, topic);
    } catch (error) {
      if (isStreamEnd(error)) answer.raw.write(line(refused(inTheContract(error))));
      else {
        // A client that left ends its stream; anything else it sees as a stream that breaks off.
        if (!signalOf(request).aborted && !isAppError(error, 'client-too-slow'))
          request.log.error({ err: error }, 'a stream of records broke off');
        answer.raw.destroy();
      }
    } finally {
      arriving.close();
      endAnswer(request, answer.raw);
    }
  }

  /** The next chunk is read only when all of the one before was written and its answers were taken: nothing adds up. */
  async #answer(
    request: OfTopic,
    answer: PacedAnswer,
    body: ArrivingBody,
    cluster: NamedCluster,
    topic: string,
  ): Promise<void> {
    const [room, signal] = [new BatchRoom(request), signalOf(request)];
    const found = new ConcatenatedJson(RECORD_BYTES);
    const write = async (texts: readonly StreamedText[]): Promise<boolean> => {
      const { records, ended } = await this.#read(texts);
      const principal = request.principal ?? NOBODY;
      const answers = await this.records.produce(cluster, topic, records, principal, { room, signal });
      if (answers.length > 0) await answer.write(answers.map(line).join(''));
      return !ended;
    };
    for await (const chunk of body) {
      let some: StreamedText[] = [];
      for (const text of found.push(chunk)) {
        if (some.push(text) < AT_ONCE) continue;
        if (!(await write(some))) return;
        await turn();
        some = [];
      }
      if (!(await write(some))) return;
      body.keeps(0, found.begunBytes);
    }
    await write([...found.end()]);
  }

  /** The records of some texts, up to one that is no JSON: it is refused, and the stream ends. */
  async #read(texts: readonly StreamedText[]): Promise<{
    readonly records: readonly Parameters<V3Records['produce']>[2][number][];
    readonly ended: boolean;
  }> {
    const records: (GivenRecord | { readonly unread: ReturnType<typeof badRequest> })[] = [];
    for (const one of texts) {
      if ('broken' in one) {
        const tooLarge = refusal(413, `A record is longer than ${RECORD_BYTES} bytes.`);
        records.push({ unread: one.broken === 'syntax' ? badRequest('The text is not JSON.') : tooLarge });
        return { records, ended: true };
      }
      let value: unknown;
      try {
        const { text } = one;
        value = text.length > READ_AT_ONCE ? await this.#parser.parsedInTurns(text) : this.#parser.parsed(text);
      } catch (error) {
        if (!isAppError(error)) throw error;
        records.push({ unread: error });
        return { records, ended: true };
      }
      try {
        records.push(givenRecord(value));
      } catch (error) {
        if (!isAppError(error)) throw error;
        records.push({ unread: error });
      }
    }
    return { records, ended: false };
  }
}

/** Why a stream was ended, in words that its clients know. */
function inTheContract(error: AppError): AppError {
  return error.code === 'stream-open-too-long'
    ? refusal(408, 'Streaming connection open for longer than allowed: Connection will be closed.')
    : error.kind === 'timeout'
      ? refusal(408, error.message)
      : error;
}

function line(answer: RecordAnswer): string {
  return `${JSON.stringify('error_code' in answer ? answer : { error_code: 200, ...answer })}\r\n`;
}
