import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, pageQuery, RequestSignal, ZodPipe, type PageRequest } from '#libs/platform/http';
import {
  refusedQuery,
  refusedView,
  rowsView,
  viewDeclaration,
  viewList,
  viewView,
  type RefusedQuery,
  type RefusedView,
  type RowsView,
  type ViewList,
  type ViewView,
} from './view-schemas.js';
import { positionText, viewOf } from './view-view.js';
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
  @Access('alter', 'view', 'view')
  @ApiJson({
    id: 'declareView',
    summary: 'Declare a view and start to build it',
    tag: 'views',
    body: viewDeclaration,
    response: viewView,
  })
  async declare(
    @Param('view') view: string,
    @Body() body: unknown,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ViewView> {
    return viewOf(await this.views.declare(view, body, principal));
  }

  @Get(':view')
  @Access('read', 'view', 'view')
  @ApiJson({
    id: 'describeView',
    summary: 'Describe a view: columns, positions, lag',
    tag: 'views',
    response: viewView,
  })
  async describe(@Param('view') view: string): Promise<ViewView> {
    return viewOf(await this.views.describe(view));
  }

  @Delete(':view')
  @HttpCode(204)
  @Access('delete', 'view', 'view')
  @ApiJson({ id: 'deleteView', summary: 'Delete a view with its rows', tag: 'views', status: 204 })
  async delete(@Param('view') view: string): Promise<void> {
    await this.views.delete(view);
  }

  @Post(':view/pause')
  @HttpCode(200)
  @Access('operate', 'view', 'view')
  @ApiJson({ id: 'pauseView', summary: 'Stop keeping a view current', tag: 'views', response: viewView })
  async pause(@Param('view') view: string): Promise<ViewView> {
    return viewOf(await this.views.setState(view, 'PAUSED'));
  }

  @Post(':view/resume')
  @HttpCode(200)
  @Access('operate', 'view', 'view')
  @ApiJson({ id: 'resumeView', summary: 'Keep a view current again', tag: 'views', response: viewView })
  async resume(@Param('view') view: string): Promise<ViewView> {
    return viewOf(await this.views.setState(view, 'RUNNING'));
  }

  @Get(':view/rows')
  @Access('read', 'view', 'view')
  @ApiJson({
    id: 'queryView',
    summary: 'Rows of a view',
    description:
      'Filters are parameters named as columns: `column=op.value` with op eq, neq, gt, gte, lt, lte, like, ilike, in or is, and `not.` before it to negate. `order=a.desc,b`, `select=a,b`, `limit`, `cursor`, `count=true`. `at-least` takes the token of a produce and `wait` the milliseconds to wait for it.',
    tag: 'views',
    response: rowsView,
  })
  async rows(
    @Param('view') view: string,
    @Query() query: Record<string, string | string[] | undefined>,
    @RequestSignal() signal: AbortSignal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RowsView> {
    const { status, rows } = await this.views.query(view, query, signal);
    const position = positionText(status.stored.version, rows.positions);
    void reply.header('view-version', String(status.stored.version));
    void reply.header('view-position', position);
    if (status.staleMs !== null)
      void reply.header('view-lag-ms', String(status.lag === 0 ? 0 : Math.round(status.staleMs)));
    return {
      rows: rows.rows.map((row) => ({ ...row })),
      next: rows.next,
      ...(rows.count === undefined ? {} : { count: rows.count }),
      position,
    };
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
