import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import type { Attempt } from '#libs/core/idempotency';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, CurrentAttempt, OncePerKey, ZodPipe } from '#libs/platform/http';
import {
  createTopicBody,
  deletedTopicView,
  deleteTopicQuery,
  listTopicsQuery,
  topicPage,
  topicView,
  type CreateTopicBody,
  type DeletedTopicView,
  type DeleteTopicQuery,
  type ListTopicsQuery,
  type TopicPage,
  type TopicView,
} from './topic-schemas.js';
import { deletedView, placedView, summaryOf, viewOf } from './topic-view.js';
import { TopicsService } from './topics.service.js';

/** Topics of the default cluster, and of a named one. */
@Controller(['v1/topics', 'v1/clusters/:cluster/topics'])
export class TopicsController {
  constructor(private readonly topics: TopicsService) {}

  @Post()
  @OncePerKey()
  @Access('alter', 'topic', 'body.name')
  @ApiJson({
    id: 'createTopic',
    summary: 'Create a topic',
    description:
      'With the header `Idempotency-Key` it is created once, however often the request is sent within a day: a repetition gets the first answer, and another body under the same key is refused.',
    tag: 'topics',
    body: createTopicBody,
    response: topicView,
    status: 201,
    errors: { 409: ['topic-exists', 'idempotency-key-in-use'], 422: ['idempotency-key-reused'] },
  })
  async create(
    @Param('cluster') cluster: string | undefined,
    @Body(new ZodPipe(createTopicBody)) body: CreateTopicBody,
    @CurrentAttempt() attempt: Attempt | undefined,
  ): Promise<TopicView> {
    const topic = await this.topics.create(cluster, body, attempt?.again === true);
    return viewOf(this.topics.clusterName(cluster), topic);
  }

  @Get()
  @Access('read', 'topic')
  @ApiJson({
    id: 'listTopics',
    summary: 'List topics by name',
    tag: 'topics',
    query: listTopicsQuery,
    response: topicPage,
  })
  async list(
    @Param('cluster') cluster: string | undefined,
    @Query(new ZodPipe(listTopicsQuery)) query: ListTopicsQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<TopicPage> {
    const name = this.topics.clusterName(cluster);
    const page = await this.topics.list(cluster, query, principal);
    return { items: page.items.map((topic) => summaryOf(name, topic)), next: page.next };
  }

  @Get(':topic')
  @Access('read', 'topic', 'topic')
  @ApiJson({ id: 'describeTopic', summary: 'Describe a topic with its partitions', tag: 'topics', response: topicView })
  async describe(@Param('cluster') cluster: string | undefined, @Param('topic') topic: string): Promise<TopicView> {
    return placedView(await this.topics.describe(cluster, topic));
  }

  @Delete(':topic')
  @OncePerKey()
  @Access('delete', 'topic', 'topic')
  @ApiJson({
    id: 'deleteTopic',
    summary: 'Delete a topic',
    description:
      'It is unreachable at once, and kept with records, generations and group positions for `topics.deletedRetentionMs`: `:restore` brings it back until then. Its name cannot be given to another topic meanwhile. `permanent=true` deletes for good, also one that is kept. An old name of a topic that was renamed is given up, and no record is deleted. With the header `Idempotency-Key` a repetition gets the first answer.',
    tag: 'topics',
    query: deleteTopicQuery,
    response: deletedTopicView,
    errors: {
      404: ['topic-not-found'],
      409: ['topic-protected', 'topic-in-use', 'topic-in-operation', 'topic-guard-changed', 'idempotency-key-in-use'],
      422: ['idempotency-key-reused'],
    },
  })
  async delete(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Query(new ZodPipe(deleteTopicQuery)) { dryRun, ...how }: DeleteTopicQuery,
    @CurrentAttempt() attempt: Attempt | undefined,
  ): Promise<DeletedTopicView> {
    const loss = dryRun
      ? await this.topics.tryDelete(cluster, topic, how)
      : await this.topics.delete(cluster, topic, how, attempt?.again === true);
    return deletedView(topic, how.permanent, dryRun, loss);
  }
}
