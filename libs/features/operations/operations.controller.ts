import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, AccessToSome, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import {
  ApiJson,
  idempotencyKeyOf,
  REASON_HEADER,
  reasonOf,
  RequestSignal,
  sendEvents,
  waitMsOf,
  ZodPipe,
  type ServerSentEvent,
} from '#libs/platform/http';
import {
  consumerList,
  eventPage,
  groupList,
  historyQuery,
  listQuery,
  mismatchList,
  operationPage,
  operationView,
  parkedPage,
  parkedQuery,
  planView,
  redriveBody,
  startBody,
  type ConsumerList,
  type EventPage,
  type GroupList,
  type HistoryQuery,
  type ListQuery,
  type MismatchList,
  type OperationPage,
  type OperationView,
  type ParkedPage,
  type ParkedQuery,
  type PlanView,
  type RedriveBody,
  type StartBody,
} from './operation-schemas.js';
import { eventViewOf, mismatchesOf, planViewOf, viewOf } from './operation-view.js';
import { answerWith } from './operation-reply.js';
import { OperationsService, sequenceOf } from './operations.service.js';

/** Operations of every kind: start, look, follow. */
@Controller('v1/operations')
export class OperationsController {
  constructor(private readonly operations: OperationsService) {}

  @Post()
  @HttpCode(202)
  @AccessToSome('operate', 'operation')
  @ApiJson({
    id: 'startOperation',
    summary: 'Start the operation of a plan',
    description:
      'Compares what the plan relied on with what is now, then starts. Starting a plan again answers its operation. With `Prefer: wait=N` the answer waits up to N seconds for the operation to need somebody. `X-Weir-Reason` says why; it is kept with the operation.',
    tag: 'operations',
    body: startBody,
    bodyExample: { planHash: 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c' },
    response: operationView,
    status: 202,
    errors: {
      404: ['plan-not-found'],
      409: ['plan-stale', 'plan-blocked', 'subject-busy'],
      422: ['idempotency-key-reused'],
    },
  })
  async start(
    @Body(new ZodPipe(startBody)) body: StartBody,
    @Headers('idempotency-key') key: string | undefined,
    @Headers('prefer') prefer: string | undefined,
    @Headers(REASON_HEADER) reason: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @RequestSignal() signal: AbortSignal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationView> {
    const waitMs = waitMsOf(prefer);
    const { operation } = await this.operations.start(body, idempotencyKeyOf(key), principal, reasonOf(reason));
    return answerWith(this.operations, operation, waitMs, signal, reply);
  }

  @Get()
  @Access('read', 'operation')
  @ApiJson({
    id: 'listOperations',
    summary: 'List operations, newest first',
    tag: 'operations',
    query: listQuery,
    response: operationPage,
  })
  async list(
    @Query(new ZodPipe(listQuery)) query: ListQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<OperationPage> {
    const page = await this.operations.list(query, principal);
    return { items: page.items.map(viewOf), next: page.next };
  }

  @Get('plans/:hash')
  @Access('read', 'operation')
  @ApiJson({
    id: 'getPlan',
    summary: 'Show a plan',
    tag: 'operations',
    response: planView,
    errors: { 404: ['plan-not-found'] },
  })
  async plan(@Param('hash') hash: string, @CurrentPrincipal() principal: Principal): Promise<PlanView> {
    return planViewOf(await this.operations.plan(hash, principal));
  }

  @Get(':id')
  @Access('read', 'operation')
  @ApiJson({
    id: 'getOperation',
    summary: 'Show an operation with its progress',
    tag: 'operations',
    response: operationView,
    errors: { 404: ['operation-not-found'] },
  })
  async get(@Param('id') id: string, @CurrentPrincipal() principal: Principal): Promise<OperationView> {
    return viewOf(await this.operations.status(id, principal));
  }

  @Get(':id/history')
  @Access('read', 'operation')
  @ApiJson({
    id: 'getOperationHistory',
    summary: 'List what happened to an operation, oldest first',
    tag: 'operations',
    query: historyQuery,
    response: eventPage,
    errors: { 404: ['operation-not-found'] },
  })
  async history(
    @Param('id') id: string,
    @Query(new ZodPipe(historyQuery)) query: HistoryQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<EventPage> {
    const page = await this.operations.history(id, query, principal);
    return { items: page.items.map(eventViewOf), next: page.next };
  }

  @Get(':id/mismatches')
  @Access('read', 'operation')
  @ApiJson({
    id: 'listOperationMismatches',
    summary: 'List what the last verification of an operation found wrong',
    description:
      'Empty while nothing was found. Each names its kind and where it lies in source and target, never what is in it. `count` is of all of them; the first hundred of each topic are listed.',
    tag: 'operations',
    response: mismatchList,
    errors: { 404: ['operation-not-found'] },
  })
  async mismatches(@Param('id') id: string, @CurrentPrincipal() principal: Principal): Promise<MismatchList> {
    return mismatchesOf(await this.operations.status(id, principal));
  }

  @Get(':id/groups')
  @Access('read', 'operation')
  @ApiJson({
    id: 'listOperationGroups',
    summary: 'List the groups that an operation carries over, with how exactly',
    description: 'As of the last cutover that got so far; empty before.',
    tag: 'operations',
    response: groupList,
    errors: { 404: ['operation-not-found'] },
  })
  async groups(@Param('id') id: string, @CurrentPrincipal() principal: Principal): Promise<GroupList> {
    return { items: [...(await this.operations.status(id, principal)).groups] };
  }

  @Get(':id/stragglers')
  @Access('read', 'operation')
  @ApiJson({
    id: 'listOperationStragglers',
    summary: 'List the records that were written behind the fence of a cutover, as they were found',
    description:
      'The events `straggler-found` of its history, oldest first: how many records were found and carried over each time.',
    tag: 'operations',
    query: historyQuery,
    response: eventPage,
    errors: { 400: ['invalid-sequence'], 404: ['operation-not-found'] },
  })
  async stragglers(
    @Param('id') id: string,
    @Query(new ZodPipe(historyQuery)) query: HistoryQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<EventPage> {
    const page = await this.operations.stragglers(id, query, principal);
    return { items: page.items.map(eventViewOf), next: page.next };
  }

  @Get(':id/consumers')
  @Access('read', 'operation')
  @ApiJson({
    id: 'listOperationConsumers',
    summary: 'List the groups that read the old and the new side of a topic',
    description:
      'For repartitions, migrations and moves. `oldLag` and `newLag` are records still to be read on a side, null where the group keeps no position. The switch carries groups to the new side; where they stood on the old one stays as it was.',
    tag: 'operations',
    response: consumerList,
    errors: { 404: ['operation-not-found'], 409: ['operation-without-sides'] },
  })
  async consumers(@Param('id') id: string, @CurrentPrincipal() principal: Principal): Promise<ConsumerList> {
    return { items: (await this.operations.consumers(id, principal)).map((one) => ({ ...one })) };
  }

  @Get(':id/poison')
  @Access('read', 'operation')
  @ApiJson({
    id: 'listParkedRecords',
    summary: 'List the records of a migration that wait for a redrive',
    description:
      'In the order of each source partition, as of when the operation told last how it stands. Of dead letters those that were not redriven.',
    tag: 'operations',
    query: parkedQuery,
    response: parkedPage,
    errors: {
      400: ['invalid-sequence'],
      404: ['operation-not-found'],
      409: ['nothing-is-parked-by-plan', 'plan-of-several', 'topic-not-in-plan'],
    },
  })
  async parked(
    @Param('id') id: string,
    @Query(new ZodPipe(parkedQuery)) query: ParkedQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ParkedPage> {
    const { items, next } = await this.operations.parked(id, query, principal);
    return { items: items.map((one) => ({ ...one })), next };
  }

  @Post(':id/poison::redrive')
  @HttpCode(202)
  @AccessToSome('operate', 'operation')
  @ApiJson({
    id: 'redriveParkedRecords',
    summary: 'Try parked records of a migration again, by another transform if need be',
    description:
      'Possible until the cutover. Records of a key are tried in their order; where one fails again, it and those behind it stay parked. A corrected transform is judged like that of a plan and is the one of all records from then on. Done by the operation itself, exactly once; the event `redriven` tells of it.',
    tag: 'operations',
    body: redriveBody,
    bodyExample: { class: 'transform-failed', transform: { up: [{ set: 'value.euros', cel: '1.0' }] } },
    response: operationView,
    status: 202,
    errors: {
      400: ['invalid-redrive-request', 'invalid-transform'],
      404: ['operation-not-found'],
      409: [
        'wrong-state',
        'not-offered',
        'nothing-is-parked-by-plan',
        'redrive-under-way',
        'redrive-refused',
        'transform-version-moved',
        'plan-of-several',
        'topic-not-in-plan',
      ],
    },
  })
  async redrive(
    @Param('id') id: string,
    @Body(new ZodPipe(redriveBody)) body: RedriveBody,
    @Headers('prefer') prefer: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @RequestSignal() signal: AbortSignal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OperationView> {
    const waitMs = waitMsOf(prefer);
    const status = await this.operations.redrive(id, body, principal);
    return answerWith(this.operations, status, waitMs, signal, reply);
  }

  @Get(':id/events')
  @Access('read', 'operation')
  @ApiJson({
    id: 'followOperation',
    summary: 'Follow an operation as server-sent events',
    description:
      'Each durable event carries its sequence as id; `Last-Event-ID` resumes after it. Between them `status` events without id show the operation as of now. The stream ends with the operation.',
    tag: 'operations',
    produces: 'text/event-stream',
    errors: { 400: ['invalid-sequence'], 404: ['operation-not-found'] },
  })
  async events(
    @Param('id') id: string,
    @Headers('last-event-id') lastEventId: string | undefined,
    @CurrentPrincipal() principal: Principal,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const after = lastEventId === undefined || lastEventId === '' ? 0 : sequenceOf(lastEventId);
    // Refused here or not at all: once the stream is open there is no status to refuse with.
    await this.operations.status(id, principal);
    await sendEvents(request, reply, (_afterId, signal) => this.#followed(id, after, signal));
  }

  async *#followed(id: string, after: number, signal: AbortSignal): AsyncGenerator<ServerSentEvent> {
    for await (const one of this.operations.follow(id, after, signal)) {
      yield one.type === 'event'
        ? { id: String(one.event.sequence), event: one.event.type, data: eventViewOf(one.event) }
        : { event: 'status', data: viewOf(one.status) };
    }
  }
}
