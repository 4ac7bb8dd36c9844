import { applyDecorators, Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import type { z } from 'zod';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, RequestSignal, ZodPipe } from '#libs/platform/http';
import {
  ackBody,
  acquiredView,
  extendBody,
  leaseBody,
  leaseListView,
  leaseRecordsQuery,
  leaseRecordsView,
  leaseView,
  nackBody,
  type AckBody,
  type AcquiredView,
  type ExtendBody,
  type LeaseBody,
  type LeaseListView,
  type LeaseRecordsQuery,
  type LeaseView,
  type NackBody,
} from './lease-shapes.js';
import { LeasesService, type LeasedRecord } from './leases.service.js';

const LOST = ['lease-lost', 'group-active', 'positions-closed'];

/** Leases of a group. */
@Controller(['v1/groups/:group/leases', 'v1/clusters/:cluster/groups/:group/leases'])
export class GroupLeasesController {
  constructor(private readonly leases: LeasesService) {}

  @Post()
  @HttpCode(200)
  @Access('write', 'group', 'group')
  @ApiJson({
    id: 'acquireLease',
    summary: 'Acquire a lease over partitions that nobody else holds',
    description:
      'Whoever holds a lease works on its partitions alone until it expires. A committed position never passes a record that is not acknowledged. `lease` is null when there is nothing to be had.',
    tag: 'leases',
    body: leaseBody,
    bodyExample: { topics: ['orders'], maxRecords: 50, visibilityMs: 60_000 },
    response: acquiredView,
    errors: {
      404: ['topic-not-found', 'partition-not-found'],
      409: ['group-active'],
      410: ['offset-out-of-range'],
      429: ['too-many-leases'],
      503: ['leases-contended', 'outcome-unknown'],
    },
  })
  async acquire(
    @Param('cluster') cluster: string | undefined,
    @Param('group') group: string,
    @Body(new ZodPipe(leaseBody)) body: LeaseBody,
    @CurrentPrincipal() principal: Principal,
    @RequestSignal() signal: AbortSignal,
  ): Promise<AcquiredView> {
    return this.leases.acquire(cluster, group, body, principal, signal);
  }

  @Get()
  @Access('read', 'group', 'group')
  @ApiJson({ id: 'listLeases', summary: 'List the leases of a group', tag: 'leases', response: leaseListView })
  async list(@Param('cluster') cluster: string | undefined, @Param('group') group: string): Promise<LeaseListView> {
    return this.leases.list(cluster, group);
  }
}

/**
 * The route `POST /v1/leases/{id}:<verb>`. In the router's language a doubled colon is a colon, and the parameter needs a pattern that ends before it. The id names the
 * group, so the service asks whether it may be touched.
 */
function LeaseRoute(
  verb: 'ack' | 'nack' | 'extend' | 'release',
  summary: string,
  body: { readonly body: z.ZodType; readonly bodyExample: unknown } | undefined,
  codes: readonly string[] = [],
): MethodDecorator {
  return applyDecorators(
    Post(`:id([^:]+)::${verb}`),
    HttpCode(body === undefined ? 204 : 200),
    Access('read', 'group'),
    ApiJson({
      id: `${verb}Lease`,
      summary,
      tag: 'leases',
      ...(body === undefined ? { status: 204 } : { ...body, response: leaseView }),
      errors: { 400: ['invalid-lease'], 409: [...LOST, ...codes], 503: ['leases-contended', 'outcome-unknown'] },
    }),
  );
}

const CHOSEN = { records: [{ topic: 'orders', partition: 0, offset: '120' }] };
const CHOICE_CODES = ['partition-not-leased', 'not-handed-out'];

/** What the holder of a lease does. */
@Controller(['v1/leases', 'v1/clusters/:cluster/leases'])
export class LeasesController {
  constructor(private readonly leases: LeasesService) {}

  @Get(':id')
  @Access('read', 'group')
  @ApiJson({
    id: 'describeLease',
    summary: 'Describe a lease',
    tag: 'leases',
    response: leaseView,
    errors: { 400: ['invalid-lease'], 409: ['lease-lost', 'positions-closed'] },
  })
  async describe(
    @Param('cluster') cluster: string | undefined,
    @Param('id') id: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<LeaseView> {
    return this.leases.describe(cluster, id, principal);
  }

  @Get(':id/records')
  @Access('read', 'group')
  @ApiJson({
    id: 'readLease',
    summary: 'Take records under a lease',
    description:
      'Answers what the lease has in hand and what is due, up to its `maxRecords`. Repeating it is harmless: what is not acknowledged comes again, counted as one delivery.',
    tag: 'leases',
    query: leaseRecordsQuery,
    response: leaseRecordsView,
    errors: {
      400: ['invalid-lease'],
      409: LOST,
      410: ['offset-out-of-range'],
      503: ['leases-contended', 'outcome-unknown'],
    },
  })
  async read(
    @Param('cluster') cluster: string | undefined,
    @Param('id') id: string,
    @Query(new ZodPipe(leaseRecordsQuery)) query: LeaseRecordsQuery,
    @CurrentPrincipal() principal: Principal,
    @RequestSignal() signal: AbortSignal,
  ): Promise<{ records: LeasedRecord[] }> {
    return this.leases.read(cluster, id, query, principal, signal);
  }

  @LeaseRoute('ack', 'Acknowledge records', { body: ackBody, bodyExample: CHOSEN }, CHOICE_CODES)
  async ack(
    @Param('cluster') cluster: string | undefined,
    @Param('id') id: string,
    @Body(new ZodPipe(ackBody)) body: AckBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<LeaseView> {
    return this.leases.ack(cluster, id, body, principal);
  }

  @LeaseRoute(
    'nack',
    'Give records back, to be handed out again',
    { body: nackBody, bodyExample: { ...CHOSEN, delayMs: 60_000 } },
    CHOICE_CODES,
  )
  async nack(
    @Param('cluster') cluster: string | undefined,
    @Param('id') id: string,
    @Body(new ZodPipe(nackBody)) body: NackBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<LeaseView> {
    return this.leases.nack(cluster, id, body, principal);
  }

  @LeaseRoute('extend', 'Begin the time of a lease anew', { body: extendBody, bodyExample: { visibilityMs: 60_000 } })
  async extend(
    @Param('cluster') cluster: string | undefined,
    @Param('id') id: string,
    @Body(new ZodPipe(extendBody)) body: ExtendBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<LeaseView> {
    return this.leases.extend(cluster, id, body, principal);
  }

  @LeaseRoute('release', 'End a lease; what it has in hand can be handed out again at once', undefined)
  async release(
    @Param('cluster') cluster: string | undefined,
    @Param('id') id: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<void> {
    await this.leases.release(cluster, id, principal);
  }
}
