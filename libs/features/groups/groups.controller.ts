import { Body, Controller, Delete, Get, HttpCode, Param, Put, Query } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, ZodPipe } from '#libs/platform/http';
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
  @ApiJson({ id: 'describeGroup', summary: 'Describe a group: positions and lag', tag: 'groups', response: groupView })
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

  @Delete(':group')
  @HttpCode(204)
  @Access('delete', 'group', 'group')
  @ApiJson({ id: 'deleteGroup', summary: 'Forget a group and its positions', tag: 'groups', status: 204 })
  async delete(@Param('cluster') cluster: string | undefined, @Param('group') group: string): Promise<void> {
    await this.groups.delete(cluster, group);
  }
}
