import { Controller, Get, Param, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, ConfluentApi } from '#libs/platform/http';
import { V3 } from '../dialects.js';
import { TAG } from '../tag.js';
import { GroupsService } from './groups.service.js';
import type { Resource } from './resources.js';
import { resource, resourceList } from './shapes.js';

/** Groups, members and lags (section 3.6 of the contract). */
@ConfluentApi(V3)
@Controller('v3/clusters/:cluster/consumer-groups')
export class GroupsController {
  constructor(private readonly groups: GroupsService) {}

  @Get()
  @Access('read', 'group')
  @ApiJson({ id: 'restListGroups', summary: 'Consumer groups', tag: TAG, response: resourceList })
  list(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Resource> {
    return this.groups.list(request, cluster, principal);
  }

  @Get(':group')
  @Access('read', 'group', 'group')
  @ApiJson({ id: 'restGetGroup', summary: 'A consumer group', tag: TAG, response: resource })
  get(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('group') group: string,
  ): Promise<Resource> {
    return this.groups.get(request, cluster, group);
  }

  @Get(':group/consumers')
  @Access('read', 'group', 'group')
  @ApiJson({ id: 'restListConsumers', summary: 'Members of a group', tag: TAG, response: resourceList })
  consumers(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('group') group: string,
  ): Promise<Resource> {
    return this.groups.consumers(request, cluster, group);
  }

  @Get(':group/consumers/:member')
  @Access('read', 'group', 'group')
  @ApiJson({ id: 'restGetConsumer', summary: 'A member of a group', tag: TAG, response: resource })
  consumer(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('group') group: string,
    @Param('member') member: string,
  ): Promise<Resource> {
    return this.groups.consumer(request, cluster, group, member);
  }

  @Get(':group/consumers/:member/assignments')
  @Access('read', 'group', 'group')
  @ApiJson({ id: 'restListAssignments', summary: 'What a member reads', tag: TAG, response: resourceList })
  assignments(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('group') group: string,
    @Param('member') member: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Resource> {
    return this.groups.assignments(request, cluster, group, member, principal);
  }

  @Get(':group/consumers/:member/assignments/:assigned/partitions/:partition')
  @Access('read', 'group', 'group')
  @ApiJson({ id: 'restGetAssignment', summary: 'One partition that a member reads', tag: TAG, response: resource })
  assignment(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('group') group: string,
    @Param('member') member: string,
    @Param('assigned') topic: string,
    @Param('partition') partition: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Resource> {
    return this.groups.assignment(request, cluster, group, member, { topic, partition }, principal);
  }

  @Get(':group/lags')
  @Access('read', 'group', 'group')
  @ApiJson({ id: 'restListLags', summary: 'How far a group is behind', tag: TAG, response: resourceList })
  lags(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('group') group: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Resource> {
    return this.groups.lags(request, cluster, group, principal);
  }

  @Get(':group/lags/:read/partitions/:partition')
  @Access('read', 'group', 'group')
  @ApiJson({ id: 'restGetLag', summary: 'How far a group is behind in a partition', tag: TAG, response: resource })
  lag(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('group') group: string,
    @Param('read') topic: string,
    @Param('partition') partition: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Resource> {
    return this.groups.lag(request, cluster, group, { topic, partition }, principal);
  }

  @Get(':group/lag-summary')
  @Access('read', 'group', 'group')
  @ApiJson({ id: 'restGetLagSummary', summary: 'How far a group is behind, in all', tag: TAG, response: resource })
  lagSummary(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('group') group: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Resource> {
    return this.groups.lagSummary(request, cluster, group, principal);
  }
}
