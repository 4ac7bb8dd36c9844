import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, DeletionOncePerKey, dryRunQuery, type DryRunQuery, ZodPipe } from '#libs/platform/http';
import {
  groupList,
  groupView,
  listGroupsQuery,
  positionsBody,
  type GroupList,
  type GroupView,
  type ListGroupsQuery,
  type PositionsBody,
} from './group-schemas.js';
import { GroupsService } from './groups.service.js';
import { resetBody, resetView, type ResetBody, type ResetView } from './reset-schemas.js';

/** Groups and the positions they read on from. */
@Controller(['v1/groups', 'v1/clusters/:cluster/groups'])
export class GroupsController {
  constructor(private readonly groups: GroupsService) {}

  @Get()
  @Access('read', 'group')
  @ApiJson({ id: 'listGroups', summary: 'List groups', tag: 'groups', query: listGroupsQuery, response: groupList })
  async list(
    @Param('cluster') cluster: string | undefined,
    @Query(new ZodPipe(listGroupsQuery)) query: ListGroupsQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<GroupList> {
    const page = await this.groups.list(cluster, query, principal);
    return { items: [...page.items], next: page.next };
  }

  @Get(':group')
  @Access('read', 'group', 'group')
  @ApiJson({
    id: 'describeGroup',
    summary: 'Describe a group: state, members, positions and lag',
    tag: 'groups',
    response: groupView,
  })
  async describe(
    @Param('cluster') cluster: string | undefined,
    @Param('group') group: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<GroupView> {
    return this.groups.describe(cluster, group, principal);
  }

  @Put(':group/positions')
  @Access('write', 'group', 'group')
  @ApiJson({
    id: 'setGroupPositions',
    summary: 'Store positions of a group',
    tag: 'groups',
    body: positionsBody,
    response: groupView,
  })
  async setPositions(
    @Param('cluster') cluster: string | undefined,
    @Param('group') group: string,
    @Body(new ZodPipe(positionsBody)) body: PositionsBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<GroupView> {
    await this.groups.setPositions(cluster, group, body, principal);
    return this.groups.describe(cluster, group, principal);
  }

  // In the router's language a doubled colon is a colon, and the parameter needs a pattern that ends before it.
  @Post(':group([^:]+)::reset')
  @HttpCode(200)
  @Access('write', 'group', 'group')
  @ApiJson({
    id: 'resetGroup',
    summary: 'Show what a reset of positions does, or do what was shown',
    description:
      'With `dryRun` it shows for each partition where the group stands, where it would go on, and how many records it skips and repeats. Send `apply` of that answer to do it; what would do something else by then is refused.',
    tag: 'groups',
    body: resetBody,
    bodyExample: { to: { timestamp: '2001-01-05T08:00:00Z' }, topics: ['orders'], dryRun: true },
    response: resetView,
    bodyLimit: 2 * 1024 * 1024,
    jsonValues: 30_000,
    errors: {
      400: ['position-out-of-range', 'duplicate-position'],
      404: ['group-not-found', 'topic-not-found', 'partition-not-found'],
      409: ['plan-stale', 'group-active', 'group-leased', 'no-position', 'positions-closed'],
      412: ['plan-needed'],
      413: ['too-many-positions'],
    },
  })
  async reset(
    @Param('cluster') cluster: string | undefined,
    @Param('group') group: string,
    @Body(new ZodPipe(resetBody)) body: ResetBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ResetView> {
    return this.groups.reset(cluster, group, body, principal);
  }

  @Delete(':group')
  @DeletionOncePerKey()
  @HttpCode(204)
  @Access('delete', 'group', 'group')
  @ApiJson({
    id: 'deleteGroup',
    summary: 'Forget a group and its positions',
    tag: 'groups',
    query: dryRunQuery,
    status: 204,
    errors: { 404: ['group-not-found'], 409: ['group-active', 'group-leased'] },
  })
  async delete(
    @Param('cluster') cluster: string | undefined,
    @Param('group') group: string,
    @Query(new ZodPipe(dryRunQuery)) { dryRun }: DryRunQuery,
  ): Promise<void> {
    await (dryRun ? this.groups.tryDelete(cluster, group) : this.groups.delete(cluster, group));
  }
}
