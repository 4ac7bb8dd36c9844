import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { isAppError, type AppError } from '#libs/core/kernel';
import { formatPositionToken, type Produced } from '#libs/core/log';
import { Access } from '#libs/platform/auth';
import { ApiJson, BodyDigest, idempotencyKeyOf, RequestSignal, ZodPipe } from '#libs/platform/http';
import { parseProduceRequest, produceBody, produceQuery, type ProduceQuery } from './produce-request.js';
import type { ReadRecord } from '#libs/core/records';
import { readQuery, type ReadQuery } from './read-request.js';
import { producedView, recordsView, type ProducedView } from './record-shapes.js';
import { RecordsService } from './records.service.js';

/** Records of topics in the default cluster, and in a named one. */
@Controller(['v1/topics/:topic/records', 'v1/clusters/:cluster/topics/:topic/records'])
export class RecordsController {
  constructor(private readonly records: RecordsService) {}

  @Post()
  @HttpCode(200)
  @Access('write', 'topic', 'topic')
  @ApiJson({
    id: 'produceRecords',
    summary: 'Write records',
    description:
      'Partitions are written each on its own, and each record has its result. With `atomic=true` all records are in one commit or none. With the header `Idempotency-Key` the request is written once, atomically, however often it is sent: a repetition gets the first answer and the header `Idempotency-Replayed: true`.',
    tag: 'records',
    body: produceBody,
    query: produceQuery,
    response: producedView,
    bodyLimit: 8 * 1024 * 1024,
    jsonValues: 150_000,
    exactNumbers: true,
    errors: {
      409: ['topic-is-derived'],
      422: ['invalid-record', 'schema-missing', 'idempotency-key-reused'],
      429: ['too-many-idempotency-keys'],
      503: ['topic-fenced', 'outcome-unknown', 'produce-contended'],
    },
  })
  async produce(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Query(new ZodPipe(produceQuery)) { atomic }: ProduceQuery,
    @Headers('idempotency-key') givenKey: string | undefined,
    @Body() body: unknown,
    @BodyDigest() requestHash: string | undefined,
    @RequestSignal() signal: AbortSignal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProducedView> {
    const key = idempotencyKeyOf(givenKey);
    const idempotency = key === undefined || requestHash === undefined ? undefined : { key, requestHash };
    const request = parseProduceRequest(body);
    const produced = await this.records.produce(cluster, topic, request, { atomic, idempotency, signal });
    if (produced.repeated) reply.header('idempotency-replayed', 'true');
    return producedOf(produced);
  }

  @Get()
  @Access('read', 'topic', 'topic')
  @ApiJson({
    id: 'readRecords',
    summary: 'Read records',
    description:
      'Pages put together are the log, over restarts, instances and repartitions: the cursor holds all that is known of a reader, signed by the service. Where records were removed before they were read, 410 `cursor-trimmed` says so, with the cursor to go on with.',
    tag: 'records',
    query: readQuery,
    response: recordsView,
    errors: {
      400: ['invalid-cursor', 'invalid-filter', 'invalid-position'],
      410: ['cursor-trimmed', 'generation-gone'],
    },
  })
  async read(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Query(new ZodPipe(readQuery)) query: ReadQuery,
    @RequestSignal() signal: AbortSignal,
  ): Promise<{ records: readonly ReadRecord[]; next: string; atEnd: boolean }> {
    return this.records.read(cluster, topic, query, signal);
  }
}

/** When nothing at all was written for one and the same reason, that is the answer; otherwise each record has its own. */
function producedOf(produced: Produced): ProducedView {
  const errors = produced.outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []));
  const first: AppError | undefined = errors[0];
  if (
    first !== undefined &&
    errors.length === produced.outcomes.length &&
    errors.every((error) => isAppError(error, first.code))
  )
    throw first;
  return {
    results: produced.outcomes.map((outcome) =>
      'error' in outcome
        ? { error: { code: outcome.error.code, message: outcome.error.message, retryable: outcome.error.retryable } }
        : { partition: outcome.partition, offset: String(outcome.offset) },
    ),
    failed: errors.length,
    durability: produced.durability ?? null,
    token: produced.token === undefined ? null : formatPositionToken(produced.token),
  };
}
