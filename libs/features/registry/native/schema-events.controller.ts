import { Controller, Get, Headers, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, sendEvents, signalOf, ZodPipe } from '#libs/platform/http';
import { SchemaEventsService } from './schema-events.service.js';
import { eventsPage, eventsQuery, type EventsQuery } from './schema-events.shapes.js';

/** Every change of the registry, to be followed. */
@Controller('v1/schema-events')
export class SchemaEventsController {
  constructor(private readonly events: SchemaEventsService) {}

  @Get()
  @Access('read', 'subject')
  @ApiJson({
    id: 'listSchemaEvents',
    summary: 'Read or follow every change of the registry',
    description:
      'In the order in which changes became visible: whoever goes on from `next` meets each change once and misses none, whatever was written meanwhile and at whatever instance. With `wait` the answer waits for an event. With `Accept: text/event-stream` the events come as a stream whose ids resume it through `Last-Event-ID`; an event `place` has no content and only tells how far the stream is. Events are in the form of CloudEvents 1.0. They are kept as long as `registry.eventRetentionMs` says; a place before that answers 410.',
    tag: 'schemas',
    query: eventsQuery,
    response: eventsPage,
    errors: { 400: ['invalid-cursor'], 410: ['events-forgotten'] },
  })
  async list(
    @Query(new ZodPipe(eventsQuery)) query: EventsQuery,
    @Headers('accept') accept: string | undefined,
    @Headers('last-event-id') lastEventId: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    if (!/\btext\/event-stream\b/.test(accept ?? '')) {
      await reply.send(await this.events.page(principal, query, signalOf(request)));
      return;
    }
    // Refused here or not at all: once the stream is open there is no status to refuse with.
    const place = await this.events.begin(lastEventId, query);
    await sendEvents(request, reply, (_afterId, signal) => this.events.follow(principal, place, signal));
  }
}
