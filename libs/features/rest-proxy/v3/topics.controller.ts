import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Put, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, ConfluentApi } from '#libs/platform/http';
import { V3, V3_BODY } from '../dialects.js';
import { lastOf, type RawQuery } from '../query.js';
import { TAG } from '../tag.js';
import { ConfigsService } from './configs.service.js';
import type { Resource } from './resources.js';
import * as shapes from './shapes.js';
import { TopicsService } from './topics.service.js';

/** Topics and their settings (sections 3.2 to 3.4 of the contract). */
@Controller('v3/clusters/:cluster/topics')
export class TopicsController {
  constructor(
    private readonly topics: TopicsService,
    private readonly configs: ConfigsService,
  ) {}

  @Get()
  @ConfluentApi(V3)
  @Access('read', 'topic')
  @ApiJson({ id: 'restListTopics', summary: 'Topics by name', tag: TAG, response: shapes.resourceList })
  list(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Resource> {
    return this.topics.list(request, cluster, principal);
  }

  @Post()
  @ConfluentApi(V3_BODY)
  @Access('alter', 'topic', 'body.topic_name')
  @ApiJson({
    id: 'restCreateTopic',
    summary: 'Create a topic',
    tag: TAG,
    body: shapes.createTopicBody,
    response: shapes.resource,
    status: 201,
  })
  async create(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Resource> {
    const { made, topic } = await this.topics.create(request, cluster, body);
    reply.code(made ? 201 : 200);
    return topic;
  }

  @Get('-/configs')
  @ConfluentApi(V3)
  @Access('read', 'topic')
  @ApiJson({
    id: 'restListAllTopicConfigs',
    summary: 'Settings of all topics',
    tag: TAG,
    response: shapes.resourceList,
  })
  allConfigs(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Resource> {
    return this.configs.listOfTopics(request, cluster, principal);
  }

  @Get(':topic')
  @ConfluentApi(V3)
  @Access('read', 'topic', 'topic')
  @ApiJson({
    id: 'restGetTopic',
    summary: 'A topic',
    tag: TAG,
    query: shapes.topicQuery,
    response: shapes.resource,
  })
  get(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('topic') topic: string,
    @Query() query: RawQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<Resource> {
    const operations = lastOf(query, 'include_authorized_operations')?.toLowerCase() === 'true';
    return this.topics.get(request, cluster, topic, operations, principal);
  }

  @Patch(':topic')
  @ConfluentApi(V3_BODY)
  @Access('alter', 'topic', 'topic')
  @ApiJson({
    id: 'restGrowTopic',
    summary: 'Raise the number of partitions',
    tag: TAG,
    body: shapes.growBody,
    response: shapes.resource,
  })
  grow(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('topic') topic: string,
    @Body() body: unknown,
  ): Promise<Resource> {
    return this.topics.grow(request, cluster, topic, body);
  }

  @Delete(':topic')
  @HttpCode(204)
  @ConfluentApi(V3)
  @Access('delete', 'topic', 'topic')
  @ApiJson({ id: 'restDeleteTopic', summary: 'Delete a topic with all its records', tag: TAG, status: 204 })
  async delete(@Param('cluster') cluster: string, @Param('topic') topic: string): Promise<void> {
    await this.topics.delete(cluster, topic);
  }

  @Get(':topic/configs')
  @ConfluentApi(V3)
  @Access('read', 'topic', 'topic')
  @ApiJson({ id: 'restListTopicConfigs', summary: 'Settings of a topic', tag: TAG, response: shapes.resourceList })
  async listConfigs(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('topic') topic: string,
  ): Promise<Resource> {
    return this.configs.list(request, await this.configs.ofTopic(cluster, topic));
  }

  @Get(':topic/configs/:name')
  @ConfluentApi(V3)
  @Access('read', 'topic', 'topic')
  @ApiJson({ id: 'restGetTopicConfig', summary: 'A setting of a topic', tag: TAG, response: shapes.resource })
  async getConfig(
    @Req() request: FastifyRequest,
    @Param('cluster') cluster: string,
    @Param('topic') topic: string,
    @Param('name') name: string,
  ): Promise<Resource> {
    return this.configs.get(request, await this.configs.ofTopic(cluster, topic), name);
  }

  @Put(':topic/configs/:name')
  @HttpCode(204)
  @ConfluentApi(V3_BODY)
  @Access('alter', 'topic', 'topic')
  @ApiJson({
    id: 'restSetTopicConfig',
    summary: 'Set a setting of a topic',
    tag: TAG,
    body: shapes.configValueBody,
    status: 204,
  })
  async setConfig(
    @Param('cluster') cluster: string,
    @Param('topic') topic: string,
    @Param('name') name: string,
    @Body() body: unknown,
  ): Promise<void> {
    await this.configs.set(await this.configs.ofTopic(cluster, topic), name, body);
  }

  @Delete(':topic/configs/:name')
  @HttpCode(204)
  @ConfluentApi(V3)
  @Access('alter', 'topic', 'topic')
  @ApiJson({
    id: 'restResetTopicConfig',
    summary: 'Return a setting of a topic to its default',
    tag: TAG,
    status: 204,
  })
  async resetConfig(
    @Param('cluster') cluster: string,
    @Param('topic') topic: string,
    @Param('name') name: string,
  ): Promise<void> {
    await this.configs.reset(await this.configs.ofTopic(cluster, topic), name);
  }

  @Post(':topic/configs::alter')
  @HttpCode(204)
  @ConfluentApi(V3_BODY)
  @Access('alter', 'topic', 'topic')
  @ApiJson({
    id: 'restAlterTopicConfigs',
    summary: 'Change settings of a topic, all of them or none',
    tag: TAG,
    body: shapes.alterConfigsBody,
    status: 204,
  })
  async alterConfigs(
    @Param('cluster') cluster: string,
    @Param('topic') topic: string,
    @Body() body: unknown,
  ): Promise<void> {
    await this.configs.alter(await this.configs.ofTopic(cluster, topic), body);
  }
}
