import { Controller, Get, Param, Query } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, ZodPipe } from '#libs/platform/http';
import {
  listTopicGroupsQuery,
  topicGroupList,
  type ListTopicGroupsQuery,
  type TopicGroupList,
} from './group-schemas.js';
import { TopicGroupsService } from './topic-groups.service.js';

/** Groups by the topic they read. */
@Controller(['v1/topics/:topic/groups', 'v1/clusters/:cluster/topics/:topic/groups'])
export class TopicGroupsController {
  constructor(private readonly groups: TopicGroupsService) {}

  @Get()
  @Access('read', 'topic', 'topic')
  @ApiJson({
    id: 'listTopicGroups',
    summary: 'List the groups that read a topic, with their lag',
    description:
      'Those that keep positions in the present generation of the topic, by name, as far as they may be seen.',
    tag: 'groups',
    query: listTopicGroupsQuery,
    response: topicGroupList,
    errors: { 404: ['topic-not-found'] },
  })
  async list(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Query(new ZodPipe(listTopicGroupsQuery)) query: ListTopicGroupsQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<TopicGroupList> {
    const page = await this.groups.list(cluster, topic, query, principal);
    return { items: [...page.items], next: page.next };
  }
}
