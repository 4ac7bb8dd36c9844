import { applyDecorators, Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import type { Attempt } from '#libs/core/idempotency';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, CurrentAttempt, OncePerKey, ZodListsPipe, ZodPipe } from '#libs/platform/http';
import { ChangeRequestsService } from './change-requests.service.js';
import {
  commandBody,
  listQuery,
  MAX_REQUEST_BYTES,
  MAX_REQUEST_VALUES,
  plansInTurns,
  requestPage,
  requestView,
  requestWithPlan,
  submitBody,
  type CommandBody,
  type ListQuery,
  type RequestPage,
  type RequestView,
  type RequestWithPlan,
  type SubmitBody,
} from './change-requests.shapes.js';

const tag = 'change-requests';

/** The route `POST /v1/change-requests/{request}:<command>`. */
function CommandRoute(command: string, id: string, summary: string, description: string, conflicts: string[]) {
  return applyDecorators(
    Post(`:request([^:]+)::${command}`),
    HttpCode(200),
    Access('read', 'subject'),
    ApiJson({
      id,
      summary,
      description,
      tag,
      body: commandBody,
      bodyExample: { note: 'seen' },
      response: requestView,
      errors: {
        404: ['change-request-not-found'],
        409: ['wrong-state', 'change-request-moved', ...conflicts],
      },
    }),
  );
}

/** Plans that wait for others to agree. */
@Controller('v1/change-requests')
export class ChangeRequestsController {
  constructor(private readonly requests: ChangeRequestsService) {}

  @Post()
  @OncePerKey()
  @Access('read', 'subject')
  @ApiJson({
    id: 'submitChangeRequest',
    summary: 'Submit a plan for others to agree to',
    description:
      'Send a plan of schemas (`POST /v1/schema-changes:plan`) and of topics (`POST /v1/topic-changes:plan`), each with what it was made from. Nothing is changed: when the request is approved the plan is applied by the calls that apply plans, with the rights of who applies it, and refused if something has moved. Needs the right to write each subject of it. With the header `Idempotency-Key` it is submitted once, however often it is sent within a day.',
    tag,
    body: submitBody,
    bodyExample: {
      title: 'orders keep their currency',
      planHash: '',
      restsOn: [],
      changes: [],
      topics: [{ name: 'orders', partitions: 24 }],
      topicsRestOn: [{ topic: 'orders', partitions: null, digest: '74234e98afe7498fb5daf1f36ac2d78a' }],
    },
    bodyLimit: MAX_REQUEST_BYTES,
    jsonValues: MAX_REQUEST_VALUES,
    response: requestView,
    status: 201,
    errors: {
      409: ['idempotency-key-in-use'],
      413: ['list-too-long', 'too-many-open-requests'],
      422: ['idempotency-key-reused'],
    },
  })
  submit(
    @Body(new ZodListsPipe(submitBody, plansInTurns)) body: SubmitBody,
    @CurrentPrincipal() principal: Principal,
    @CurrentAttempt() attempt: Attempt | undefined,
  ): Promise<RequestView> {
    return this.requests.submit(principal, body, attempt);
  }

  @Get()
  @Access('read', 'subject')
  @ApiJson({
    id: 'listChangeRequests',
    summary: 'List change requests, newest first',
    description:
      'Those whose subjects and topics may all be read; so a page may be short. Closed ones are kept for 90 days.',
    tag,
    query: listQuery,
    response: requestPage,
    errors: { 400: ['invalid-cursor'] },
  })
  list(
    @Query(new ZodPipe(listQuery)) query: ListQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<RequestPage> {
    return this.requests.list(principal, query);
  }

  @Get(':request')
  @Access('read', 'subject')
  @ApiJson({
    id: 'getChangeRequest',
    summary: 'Show a change request with its plan',
    tag,
    response: requestWithPlan,
    errors: { 404: ['change-request-not-found'] },
  })
  show(@Param('request') id: string, @CurrentPrincipal() principal: Principal): Promise<RequestWithPlan> {
    return this.requests.show(principal, id);
  }

  @CommandRoute(
    'approve',
    'approveChangeRequest',
    'Agree to a change request',
    'Needs the right to govern everything that it names. Who submitted it cannot approve it; without authentication nobody is known, and anybody can.',
    ['approval-by-author'],
  )
  approve(
    @Param('request') id: string,
    @Body(new ZodPipe(commandBody)) body: CommandBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<RequestView> {
    return this.requests.command(principal, id, 'approve', body);
  }

  @CommandRoute(
    'reject',
    'rejectChangeRequest',
    'Refuse a change request',
    'Also one that was approved and is not applied. Needs the right to govern everything that it names.',
    [],
  )
  reject(
    @Param('request') id: string,
    @Body(new ZodPipe(commandBody)) body: CommandBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<RequestView> {
    return this.requests.command(principal, id, 'reject', body);
  }

  @CommandRoute('withdraw', 'withdrawChangeRequest', 'Take a change request back', 'For who submitted it.', [
    'withdrawal-by-another',
  ])
  withdraw(
    @Param('request') id: string,
    @Body(new ZodPipe(commandBody)) body: CommandBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<RequestView> {
    return this.requests.command(principal, id, 'withdraw', body);
  }

  @CommandRoute(
    'close',
    'closeChangeRequest',
    'Say that the plan of an approved change request is applied',
    'For who has applied it: needs the right to write its subjects and to alter its topics.',
    [],
  )
  close(
    @Param('request') id: string,
    @Body(new ZodPipe(commandBody)) body: CommandBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<RequestView> {
    return this.requests.command(principal, id, 'close', body);
  }
}
