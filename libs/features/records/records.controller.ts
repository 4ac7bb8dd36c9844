import { Body, Controller, Get, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Access } from '#libs/platform/auth';
import { ApiJson, RequestSignal, ZodPipe } from '#libs/platform/http';
import { readBody, readQuery, type ReadQuery } from './read-request.js';
import { recordsView } from './record-shapes.js';
import { RecordsService } from './records.service.js';

/** Reading records of topics in the default cluster, and in a named one. Writing is a route of its own, which streams. */
@Controller(['v1/topics/:topic', 'v1/clusters/:cluster/topics/:topic'])
export class RecordsController {
  constructor(private readonly records: RecordsService) {}

  @Get('records')
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
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Buffer> {
    return await this.#read(cluster, topic, query, signal, reply);
  }

  @Post('records::read')
  @HttpCode(200)
  @Access('read', 'topic', 'topic')
  @ApiJson({
    id: 'readRecordsByBody',
    summary: 'Read records, by a body',
    description:
      'As reading records, with its parameters as members: for cursors longer than a URL holds, which those of topics with thousands of partitions may be. Changes nothing.',
    tag: 'records',
    body: readBody,
    response: recordsView,
    errors: {
      400: ['invalid-cursor', 'invalid-filter', 'invalid-position'],
      410: ['cursor-trimmed', 'generation-gone'],
    },
  })
  async readByBody(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Body(new ZodPipe(readBody)) body: ReadQuery,
    @RequestSignal() signal: AbortSignal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Buffer> {
    return await this.#read(cluster, topic, body, signal, reply);
  }

  async #read(
    cluster: string | undefined,
    topic: string,
    query: ReadQuery,
    signal: AbortSignal,
    reply: FastifyReply,
  ): Promise<Buffer> {
    const text = await this.records.read(cluster, topic, query, signal);
    reply.type('application/json; charset=utf-8');
    return text;
  }
}
