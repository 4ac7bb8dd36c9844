import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { z } from 'zod';
import { Access, CurrentPrincipal, declareRoute, type Principal } from '#libs/platform/auth';
import {
  ApiJson,
  DeletionOncePerKey,
  dryRunQuery,
  type DryRunQuery,
  pageQuery,
  type PageRequest,
  ZodPipe,
} from '#libs/platform/http';
import {
  declarationQuery,
  declaredView,
  describedView,
  plannedView,
  redrivenView,
  refusedQuery,
  refusedView,
  viewDeclaration,
  viewList,
  viewView,
  type DeclarationQuery,
  type DeclaredView,
  type DescribedView,
  type PlannedView,
  type RedrivenView,
  type RefusedQuery,
  type RefusedView,
  type ViewList,
  type ViewView,
} from './view-schemas.js';
import { viewOf } from './view-view.js';
import { ViewsService } from './views.service.js';

const listQuery = z.strictObject(pageQuery);

/** Views: tables computed from topics. */
@Controller('v1/views')
export class ViewsController {
  constructor(private readonly views: ViewsService) {}

  @Get()
  @Access('read', 'view')
  @ApiJson({ id: 'listViews', summary: 'List views', tag: 'views', query: listQuery, response: viewList })
  async list(
    @Query(new ZodPipe(listQuery)) query: PageRequest,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ViewList> {
    const page = await this.views.list(query, principal);
    return { items: page.items.map(viewOf), next: page.next };
  }

  @Put(':view')
  @declareRoute({ consumes: ['application/yaml'] })
  @Access('alter', 'view', 'view')
  @ApiJson({
    id: 'declareView',
    summary: 'Declare a view and start to build it, or change it',
    description:
      'Another declaration of a view that is there changes it in place where that only adds columns and indexes whose values are known for the rows that are there, and is built beside it as another version otherwise. With `dryRun=true` the answer tells which, with a reason for each column, and nothing is changed.',
    tag: 'views',
    query: declarationQuery,
    body: viewDeclaration,
    response: z.union([declaredView, plannedView]),
    errors: { 409: ['view-exists', 'view-draft-exists', 'view-evolved'], 422: ['invalid-view'] },
  })
  async declare(
    @Param('view') view: string,
    @Query(new ZodPipe(declarationQuery)) { dryRun }: DeclarationQuery,
    @Body() body: unknown,
    @CurrentPrincipal() principal: Principal,
  ): Promise<DeclaredView | PlannedView> {
    if (dryRun === 'true') {
      const { outcome, changes } = await this.views.planDeclaration(view, body, principal);
      return { name: view, dryRun: true, outcome, changes: [...changes] };
    }
    const declared = await this.views.declare(view, body, principal);
    return { ...viewOf(declared), outcome: declared.outcome, changes: [...declared.changes] };
  }

  @Get(':view')
  @Access('read', 'view', 'view')
  @ApiJson({
    id: 'describeView',
    summary: 'Describe a view: columns, positions, lag',
    tag: 'views',
    response: describedView,
  })
  async describe(@Param('view') view: string): Promise<DescribedView> {
    const status = await this.views.describe(view);
    return { ...viewOf(status), regenerable: await this.views.isRegenerable(status) };
  }

  @Delete(':view')
  @DeletionOncePerKey()
  @HttpCode(204)
  @Access('delete', 'view', 'view')
  @ApiJson({
    id: 'deleteView',
    summary: 'Delete a view with its rows',
    tag: 'views',
    query: dryRunQuery,
    status: 204,
    errors: { 409: ['view-operated'] },
  })
  async delete(@Param('view') view: string, @Query(new ZodPipe(dryRunQuery)) { dryRun }: DryRunQuery): Promise<void> {
    await (dryRun ? this.views.tryDelete(view) : this.views.delete(view));
  }

  @Post(':view/pause')
  @HttpCode(200)
  @Access('operate', 'view', 'view')
  @ApiJson({
    id: 'pauseView',
    summary: 'Stop keeping a view current',
    tag: 'views',
    query: dryRunQuery,
    response: viewView,
  })
  async pause(
    @Param('view') view: string,
    @Query(new ZodPipe(dryRunQuery)) { dryRun }: DryRunQuery,
  ): Promise<ViewView> {
    return viewOf(await this.views.setState(view, 'PAUSED', dryRun));
  }

  @Post(':view/resume')
  @HttpCode(200)
  @Access('operate', 'view', 'view')
  @ApiJson({
    id: 'resumeView',
    summary: 'Keep a view current again',
    tag: 'views',
    query: dryRunQuery,
    response: viewView,
  })
  async resume(
    @Param('view') view: string,
    @Query(new ZodPipe(dryRunQuery)) { dryRun }: DryRunQuery,
  ): Promise<ViewView> {
    return viewOf(await this.views.setState(view, 'RUNNING', dryRun));
  }

  @Post(':view/refused::redrive')
  @HttpCode(200)
  @Access('operate', 'view', 'view')
  @ApiJson({
    id: 'redriveRefusedRecords',
    summary: 'Take in records that a view had set aside',
    description:
      'The oldest of them, as they are read now: each is taken in, stays set aside, or is gone from its topic. One of a key that has a newer state by now changes nothing and is not set aside any more.',
    tag: 'views',
    query: refusedQuery,
    response: redrivenView,
    errors: { 404: ['view-not-found'] },
  })
  redrive(@Param('view') view: string, @Query(new ZodPipe(refusedQuery)) query: RefusedQuery): Promise<RedrivenView> {
    return this.views.redrive(view, query.limit);
  }

  @Get(':view/refused')
  @Access('read', 'view', 'view')
  @ApiJson({
    id: 'listRefusedRecords',
    summary: 'Records a view could not take in',
    tag: 'views',
    query: refusedQuery,
    response: refusedView,
  })
  async refused(
    @Param('view') view: string,
    @Query(new ZodPipe(refusedQuery)) query: RefusedQuery,
  ): Promise<RefusedView> {
    const items = await this.views.refused(view, query.limit);
    return { items: items.map(({ offset, ...record }) => ({ ...record, offset: String(offset) })) };
  }
}
