import { Controller, Get, Param, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, ConfluentApi } from '#libs/platform/http';
import { V3 } from '../dialects.js';
import { lastOf, type RawQuery } from '../query.js';
import { TAG } from '../tag.js';
import { PartitionsService } from './partitions.service.js';
import type { Resource } from './resources.js';
import { offsetQuery, resource, resourceList } from './shapes.js';

/** Partitions, their copies, offsets and moves (section 3.5 of the contract). */
@ConfluentApi(V3)
@Controller('v3/clusters/:cluster/topics')
export class PartitionsController {
  constructor(private readonly partitions: PartitionsService) {}

  @Get(':topic/partitions')
  @Access('read', 'topic', 'topic')
  @ApiJson({ id: 'restListPartitions', summary: 'Partitions of a topic', tag: TAG, response: resourceList })
  list(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('topic') topic: string,
  ): Promise<Resource> {
    return this.partitions.list(request, cluster, topic);
  }

  @Get('-/partitions/-/reassignment')
  @Access('read', 'topic')
  @ApiJson({
    id: 'restListReassignments',
    summary: 'Moves of copies under way',
    tag: TAG,
    response: resourceList,
  })
  reassignments(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Resource> {
    return this.partitions.reassignments(request, cluster, undefined, principal);
  }

  @Get(':topic/partitions/-/reassignment')
  @Access('read', 'topic', 'topic')
  @ApiJson({
    id: 'restListTopicReassignments',
    summary: 'Moves of copies of a topic under way',
    tag: TAG,
    response: resourceList,
  })
  reassignmentsOfTopic(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('topic') topic: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Resource> {
    return this.partitions.reassignments(request, cluster, topic, principal);
  }

  @Get(':topic/partitions/:partition')
  @Access('read', 'topic', 'topic')
  @ApiJson({ id: 'restGetPartition', summary: 'A partition', tag: TAG, response: resource })
  get(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('topic') topic: string,
    @Param('partition') partition: string,
  ): Promise<Resource> {
    return this.partitions.get(request, cluster, topic, partition);
  }

  @Get(':topic/partitions/:partition/offset')
  @Access('read', 'topic', 'topic')
  @ApiJson({
    id: 'restGetPartitionOffsets',
    summary: 'First and end offset of a partition',
    tag: TAG,
    query: offsetQuery,
    response: resource,
  })
  offsets(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('topic') topic: string,
    @Param('partition') partition: string,
    @Query() query: RawQuery,
  ): Promise<Resource> {
    return this.partitions.offsets(request, cluster, topic, partition, lastOf(query, 'offset_type'));
  }

  @Get(':topic/partitions/:partition/replicas')
  @Access('read', 'topic', 'topic')
  @ApiJson({ id: 'restListReplicas', summary: 'Copies of a partition', tag: TAG, response: resourceList })
  replicas(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('topic') topic: string,
    @Param('partition') partition: string,
  ): Promise<Resource> {
    return this.partitions.replicas(request, cluster, topic, partition);
  }

  @Get(':topic/partitions/:partition/replicas/:broker')
  @Access('read', 'topic', 'topic')
  @ApiJson({ id: 'restGetReplica', summary: 'A copy of a partition', tag: TAG, response: resource })
  replica(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('topic') topic: string,
    @Param('partition') partition: string,
    @Param('broker') broker: string,
  ): Promise<Resource> {
    return this.partitions.replica(request, cluster, topic, partition, broker);
  }

  @Get(':topic/partitions/:partition/reassignment')
  @Access('read', 'topic', 'topic')
  @ApiJson({ id: 'restGetReassignment', summary: 'The move of a partition under way', tag: TAG, response: resource })
  reassignment(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('topic') topic: string,
    @Param('partition') partition: string,
  ): Promise<Resource> {
    return this.partitions.reassignment(request, cluster, topic, partition);
  }
}
