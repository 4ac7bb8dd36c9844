import { Controller, Get, Headers, Param, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isAppError } from '#libs/core/kernel';
import { Access } from '#libs/platform/auth';
import { ApiJson, eventText, sendEvents, ZodPipe, type ServerSentEvent } from '#libs/platform/http';
import { streamQuery, type StreamQuery } from './read-request.js';
import { FOLLOWED_BYTES, RecordPages, type PageLimits, type Reading } from './record-pages.js';

/** Records as they come, as server-sent events. */
@Controller(['v1/topics/:topic/stream', 'v1/clusters/:cluster/topics/:topic/stream'])
export class RecordStreamController {
  constructor(private readonly pages: RecordPages) {}

  @Get()
  @Access('read', 'topic', 'topic')
  @ApiJson({
    id: 'streamRecords',
    summary: 'Follow the records of a topic',
    description:
      'An event `record` for each record, as reading shows it, from the end unless `from` says otherwise. Its id is a cursor: `Last-Event-ID`, or `cursor`, goes on behind it, over restarts, instances and repartitions. A quiet stream has a comment every 15 seconds. A client that takes nothing for ten seconds is cut off and can come back. `end` follows the last record before `until`; `failed` says why nothing more will come.',
    tag: 'records',
    query: streamQuery,
    produces: 'text/event-stream',
    errors: {
      400: ['invalid-cursor', 'invalid-filter', 'invalid-position'],
      410: ['cursor-trimmed', 'generation-gone'],
    },
  })
  async stream(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Query(new ZodPipe(streamQuery)) query: StreamQuery,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { format } = query;
    const begun =
      lastEventId === undefined || lastEventId === ''
        ? await this.pages.begin(cluster, topic, { from: query.cursor === undefined ? 'end' : undefined, ...query })
        : await this.pages.at(cluster, topic, lastEventId);
    // Refused here or not at all: once the stream is open there is no status to refuse with.
    await this.pages.page(begun, { limit: 1, characters: 1, bytes: FOLLOWED_BYTES, waitMs: 0, format });
    await sendEvents(request, reply, (_afterId, signal) => this.#events(begun, format, signal));
  }

  async *#events(
    begun: Reading,
    format: PageLimits['format'],
    signal: AbortSignal,
  ): AsyncGenerator<ServerSentEvent | Uint8Array> {
    try {
      yield* this.pages.follow(begun, format, signal, ({ record, cursor }) =>
        eventText({ id: cursor, event: 'record', data: record }),
      );
      yield { event: 'end', data: {} };
    } catch (error) {
      if (signal.aborted || !isAppError(error) || error.kind === 'internal') throw error;
      const { code, message, hint, details } = error;
      yield { event: 'failed', data: { code, detail: message, hint, details } };
    }
  }
}
