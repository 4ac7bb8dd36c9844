import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { z } from 'zod';
import { isAppError, type AppError } from '#libs/core/kernel';
import { formatPositionToken, type Produced } from '#libs/core/log';
import { Access } from '#libs/platform/auth';
import { ApiJson, RequestSignal, ZodPipe } from '#libs/platform/http';
import { parseProduceRequest, produceBody } from './produce-request.js';
import type { ReadRecord } from './record-decoding.js';
import { readQuery, type ReadQuery } from './read-request.js';
import { RecordsService } from './records.service.js';

const producedView = z.object({
  results: z.array(
    z.union([
      z.object({ partition: z.int(), offset: z.string() }),
      z.object({ error: z.object({ code: z.string(), message: z.string(), retryable: z.boolean() }) }),
    ]),
  ),
  failed: z.int().describe('How many of the results are errors.'),
  durability: z.enum(['durable', 'buffered', 'none']).nullable().describe('Level the acknowledged records reached.'),
  token: z.string().nullable().describe('Pass it to a view as `at-least` to read what was written here.'),
});
type ProducedView = z.infer<typeof producedView>;

const part = z.enum(['schema', 'json', 'text', 'binary', 'none']);
const recordsView = z.object({
  records: z.array(
    z.object({
      partition: z.int(),
      offset: z.string(),
      timestamp: z.int(),
      key: z.json(),
      keyFormat: part,
      keySchemaId: z.int().optional(),
      keyMessage: z.string().optional().describe('Protobuf: full name of the message.'),
      value: z.json(),
      valueFormat: part,
      valueSchemaId: z.int().optional(),
      valueMessage: z.string().optional(),
      headers: z.array(z.object({ key: z.string(), value: z.json() })),
      error: z.string().optional(),
    }),
  ),
  next: z.string().describe('Cursor of the next page.'),
  atEnd: z.boolean().describe('Whether the answer reaches the present end of every partition.'),
});

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
    tag: 'records',
    body: produceBody,
    response: producedView,
    bodyLimit: 8 * 1024 * 1024,
    jsonValues: 150_000,
    exactNumbers: true,
  })
  async produce(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Body() body: unknown,
    @RequestSignal() signal: AbortSignal,
  ): Promise<ProducedView> {
    return producedOf(await this.records.produce(cluster, topic, parseProduceRequest(body), signal));
  }

  @Get()
  @Access('read', 'topic', 'topic')
  @ApiJson({ id: 'readRecords', summary: 'Read records', tag: 'records', query: readQuery, response: recordsView })
  async read(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Query(new ZodPipe(readQuery)) query: ReadQuery,
    @RequestSignal() signal: AbortSignal,
  ): Promise<{ records: ReadRecord[]; next: string; atEnd: boolean }> {
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
