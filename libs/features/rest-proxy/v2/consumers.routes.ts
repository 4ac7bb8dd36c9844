import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { FastifyContextConfig, FastifyReply, FastifyRequest } from 'fastify';
import { Authorizer, NOBODY } from '#libs/platform/auth';
import { accountOf, JsonParser, PlainRoutes, signalOf } from '#libs/platform/http';
import { formatOfType, V2_CONSUMER, V2_RECORDS } from '../dialects.js';
import { nothingHere, partitionMissing, refusal } from '../errors.js';
import { pathNumber } from '../json-members.js';
import { lastOf, type RawQuery } from '../query.js';
import { TAG } from '../tag.js';
import { originOf } from '../v3/links.js';
import type { ConsumerInstance } from './consumer-instance.js';
import { ConsumerInstances } from './consumer-instances.js';
import { commitOf, consumerOptions, placesOf, seeksOf, subscriptionOf } from './consumer-requests.js';
import * as shapes from './shapes.js';

type OfInstance = FastifyRequest<{ Params: { group: string; instance: string }; Querystring: RawQuery }>;
type Api = Omit<NonNullable<FastifyContextConfig['api']>, 'tag'>;

/** Bytes of a body that comes with GET. */
const MOST_GET_BYTES = 256 * 1024;
const INSTANCE = '/consumers/:group/instances/:instance';

/** The life cycle of consumers in v2 (section 6 of the contract). Plain routes: one of them has a body with GET, which no framework reads. */
@Injectable()
export class ConsumersRoutes implements OnModuleInit {
  readonly #parser = new JsonParser({ jsonDepth: 32, jsonValues: 10_000 }, 'spelled');

  constructor(
    private readonly plain: PlainRoutes,
    private readonly instances: ConsumerInstances,
    private readonly authorizer: Authorizer,
  ) {}

  onModuleInit(): void {
    const { fastify } = this.plain;
    fastify.post(
      '/consumers/:group',
      {
        config: configOf({
          id: 'restV2CreateConsumer',
          summary: 'Create a consumer instance in a group',
          body: shapes.createConsumerBody,
          response: shapes.createdConsumer,
        }),
      },
      async (request: FastifyRequest<{ Params: { group: string } }>) => {
        const { group } = request.params;
        const name = await this.instances.create(group, consumerOptions(request.body));
        const [at, one] = [encodeURIComponent(group), encodeURIComponent(name)];
        return { instance_id: name, base_uri: `${originOf(request)}/consumers/${at}/instances/${one}` };
      },
    );
    this.#route(
      'DELETE',
      '',
      { id: 'restV2DeleteConsumer', summary: 'Delete a consumer instance', status: 204 },
      (_one, { params }) => this.instances.delete(params.group, params.instance),
    );
    this.#route(
      'POST',
      '/subscription',
      { id: 'restV2Subscribe', summary: 'Subscribe to topics', body: shapes.subscriptionBody, status: 204 },
      (one, { body }) => one.subscribe(subscriptionOf(body)),
    );
    this.#route(
      'GET',
      '/subscription',
      { id: 'restV2GetSubscription', summary: 'Topics subscribed to', response: shapes.subscription },
      async (one) => ({ topics: await one.subscribed() }),
    );
    this.#route(
      'DELETE',
      '/subscription',
      { id: 'restV2Unsubscribe', summary: 'End the subscription', status: 204 },
      (one) => one.unsubscribe(),
    );
    this.#route(
      'POST',
      '/assignments',
      { id: 'restV2Assign', summary: 'Read these partitions', body: shapes.partitionsBody, status: 204 },
      (one, { body }) => one.assign(placesOf(body)),
    );
    this.#route(
      'GET',
      '/assignments',
      { id: 'restV2GetAssignment', summary: 'Partitions that are read', response: shapes.assignment },
      async (one) => ({ partitions: await one.assignment() }),
    );
    this.#route(
      'POST',
      '/offsets',
      {
        id: 'restV2Commit',
        summary: 'Commit offsets, or what was delivered',
        body: shapes.commitBody,
        response: shapes.topics,
      },
      async (one, { body }) => {
        await one.commit(commitOf(body));
        return [];
      },
    );
    this.#route(
      'GET',
      '/offsets',
      {
        id: 'restV2GetCommitted',
        summary: 'Committed offsets',
        description: 'Which partitions are meant stands in a body: `{"partitions": [{"topic": …, "partition": …}]}`.',
        response: shapes.committed,
      },
      async (one, request) => {
        const body = await this.#bodyOfGet(request);
        if (body === undefined || body === null) throw partitionMissing();
        return { offsets: await one.committed(placesOf(body)) };
      },
    );
    this.#route(
      'POST',
      '/positions',
      { id: 'restV2Seek', summary: 'Read on from offsets or times', body: shapes.positionsBody, status: 204 },
      (one, { body }) => one.seek(seeksOf(body)),
    );
    this.#route(
      'POST',
      '/positions/beginning',
      { id: 'restV2SeekToBeginning', summary: 'Read from the beginning', body: shapes.partitionsBody, status: 204 },
      (one, { body }) => one.seekToEdge(placesOf(body), 'beginning'),
    );
    this.#route(
      'POST',
      '/positions/end',
      { id: 'restV2SeekToEnd', summary: 'Read from the end', body: shapes.partitionsBody, status: 204 },
      (one, { body }) => one.seekToEdge(placesOf(body), 'end'),
    );
    fastify.get(
      `${INSTANCE}/records`,
      {
        config: {
          ...configOf({
            id: 'restV2ReadRecords',
            summary: 'Records from where the last read ended',
            query: shapes.recordsQuery,
            response: shapes.records,
          }),
          confluent: V2_RECORDS,
          // What is delivered is not delivered again.
          answersAnyway: true,
        },
      },
      (request: OfInstance) => this.#records(request),
    );
  }

  #route(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    api: Api,
    call: (instance: ConsumerInstance, request: OfInstance) => Promise<unknown>,
  ): void {
    this.plain.fastify.route({
      method,
      url: `${INSTANCE}${path}`,
      config: configOf(api),
      handler: async (request, reply: FastifyReply) => {
        const { params } = request as OfInstance;
        const answer = await call(this.instances.get(params.group, params.instance), request as OfInstance);
        reply.code(api.status ?? 200);
        return api.status === 204 ? reply.send() : answer;
      },
    });
  }

  async #records(request: OfInstance): Promise<string> {
    const { params, query, principal } = request;
    const instance = this.instances.get(params.group, params.instance);
    if (formatOfType(request.confluentType ?? '') !== instance.format)
      throw refusal(
        40_601,
        'The requested embedded data format does not match the deserializer for this consumer instance',
      );
    const numberOf = (name: string): number | undefined => {
      const given = lastOf(query, name);
      const number = given === undefined ? undefined : pathNumber(given);
      if (given !== undefined && number === undefined) throw nothingHere();
      return number === undefined || number < 0 ? undefined : number;
    };
    request.server.bytesInFlight.demandRoom();
    const [waitMs = Infinity, maxBytes = Infinity] = [numberOf('timeout'), numberOf('max_bytes')];
    return instance.read({
      waitMs,
      maxBytes,
      mayRead: (name) => this.authorizer.allows(principal ?? NOBODY, 'read', { kind: 'topic', name }),
      signal: signalOf(request),
    });
  }

  async #bodyOfGet(request: FastifyRequest): Promise<unknown> {
    const { raw } = request;
    const account = accountOf(request);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of raw as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MOST_GET_BYTES) throw refusal(413, `A body with GET has at most ${MOST_GET_BYTES} bytes.`);
      account.hold(chunk.length);
      chunks.push(chunk);
    }
    return bytes === 0 ? undefined : this.#parser.parsed(Buffer.concat(chunks));
  }
}

function configOf(api: Api): FastifyContextConfig {
  return {
    access: { action: 'write', kind: 'group', name: 'group' },
    confluent: V2_CONSUMER,
    api: { ...api, tag: TAG },
  };
}
