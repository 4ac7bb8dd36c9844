import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import {
  ApiJson,
  DeletionOncePerKey,
  dryRunQuery,
  type DryRunQuery,
  PlanOncePerKey,
  ZodPipe,
} from '#libs/platform/http';
import {
  createBody,
  derivationPage,
  derivationView,
  listQuery,
  type CreateBody,
  type DerivationPage,
  type DerivationView,
  type ListQuery,
} from './derivation-schemas.js';
import { viewOf } from './derivation-view.js';
import { DerivationsService } from './derivations.service.js';
import { derivedPlanView, derivedPlanViewOf, type DerivedPlanView } from './plan-view.js';

/** Derivations: topics computed from other topics, continuously. */
@Controller(['v1/derivations', 'v1/clusters/:cluster/derivations'])
export class DerivationsController {
  constructor(private readonly derivations: DerivationsService) {}

  @Post()
  @Access('alter', 'topic', 'body.name')
  @ApiJson({
    id: 'createDerivation',
    summary: 'Derive a latest or versioned stream from a topic',
    tag: 'derivations',
    body: createBody,
    response: derivationView,
    status: 201,
    errors: {
      404: ['topic-not-found', 'subject-not-found', 'version-not-found'],
      409: ['derivation-exists', 'topic-exists'],
    },
  })
  async create(
    @Param('cluster') cluster: string | undefined,
    @Body(new ZodPipe(createBody)) body: CreateBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<DerivationView> {
    return viewOf(await this.derivations.create(cluster, body, principal));
  }

  @Post('plans')
  @PlanOncePerKey()
  @HttpCode(201)
  @Access('alter', 'topic', 'body.name')
  @ApiJson({
    id: 'planDerivation',
    summary: 'Plan to derive a stream as an operation',
    description:
      'Looks and changes nothing. The operation makes the stream and fills it at a pace of its own, while the source keeps what is still to be read; it can be watched, throttled, paused, and cancelled without a trace. Start the plan with its hash: `POST /v1/operations {"planHash": …}`.',
    tag: 'derivations',
    body: createBody,
    bodyExample: { kind: 'latest', name: 'orders-latest', source: 'orders' },
    response: derivedPlanView,
    status: 201,
    errors: { 404: ['topic-not-found', 'cluster-not-found', 'subject-not-found', 'version-not-found'] },
  })
  async plan(
    @Param('cluster') cluster: string | undefined,
    @Body(new ZodPipe(createBody)) body: CreateBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<DerivedPlanView> {
    return derivedPlanViewOf('derive', await this.derivations.plan(cluster, body, principal));
  }

  @Get()
  @Access('read', 'topic')
  @ApiJson({
    id: 'listDerivations',
    summary: 'List derivations',
    tag: 'derivations',
    query: listQuery,
    response: derivationPage,
  })
  async list(
    @Param('cluster') cluster: string | undefined,
    @Query(new ZodPipe(listQuery)) query: ListQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<DerivationPage> {
    const page = await this.derivations.list(cluster, query, principal);
    return { items: page.items.map(viewOf), next: page.next };
  }

  @Get(':derivation')
  @Access('read', 'topic', 'derivation')
  @ApiJson({
    id: 'describeDerivation',
    summary: 'Describe a derivation: position, lag, counts',
    tag: 'derivations',
    response: derivationView,
    errors: { 404: ['derivation-not-found'] },
  })
  async describe(
    @Param('cluster') cluster: string | undefined,
    @Param('derivation') name: string,
  ): Promise<DerivationView> {
    return viewOf(await this.derivations.describe(cluster, name));
  }

  @Post(':derivation/pause')
  @HttpCode(200)
  @Access('operate', 'topic', 'derivation')
  @ApiJson({
    id: 'pauseDerivation',
    summary: 'Stop deriving, keeping everything',
    tag: 'derivations',
    query: dryRunQuery,
    response: derivationView,
  })
  async pause(
    @Param('cluster') cluster: string | undefined,
    @Param('derivation') name: string,
    @Query(new ZodPipe(dryRunQuery)) { dryRun }: DryRunQuery,
  ): Promise<DerivationView> {
    return viewOf(await this.derivations.setState(cluster, name, 'PAUSED', dryRun));
  }

  @Post(':derivation/resume')
  @HttpCode(200)
  @Access('operate', 'topic', 'derivation')
  @ApiJson({
    id: 'resumeDerivation',
    summary: 'Go on deriving',
    tag: 'derivations',
    query: dryRunQuery,
    response: derivationView,
  })
  async resume(
    @Param('cluster') cluster: string | undefined,
    @Param('derivation') name: string,
    @Query(new ZodPipe(dryRunQuery)) { dryRun }: DryRunQuery,
  ): Promise<DerivationView> {
    return viewOf(await this.derivations.setState(cluster, name, 'RUNNING', dryRun));
  }

  @Delete(':derivation')
  @DeletionOncePerKey()
  @HttpCode(204)
  @Access('delete', 'topic', 'derivation')
  @ApiJson({
    id: 'deleteDerivation',
    summary: 'Delete a derivation with its topic',
    tag: 'derivations',
    query: dryRunQuery,
    status: 204,
    errors: { 409: ['topic-protected'] },
  })
  async delete(
    @Param('cluster') cluster: string | undefined,
    @Param('derivation') name: string,
    @Query(new ZodPipe(dryRunQuery)) { dryRun }: DryRunQuery,
  ): Promise<void> {
    await (dryRun ? this.derivations.tryDelete(cluster, name) : this.derivations.delete(cluster, name));
  }
}
