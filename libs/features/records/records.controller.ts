import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Access } from '#libs/platform/auth';
import { ApiJson, RequestSignal, ZodPipe } from '#libs/platform/http';
import { readQuery, type ReadQuery } from './read-request.js';
import { recordsView } from './record-shapes.js';
import { RecordsService } from './records.service.js';

/** Reading records of topics in the default cluster, and in a named one. Writing is a route of its own, which streams. */
@Controller(['v1/topics/:topic/records', 'v1/clusters/:cluster/topics/:topic/records'])
export class RecordsController {
  constructor(private readonly records: RecordsService) {}

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
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const text = await this.records.read(cluster, topic, query, signal);
    reply.type('application/json; charset=utf-8');
    return text;
  }
}
