import { Body, Controller, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { TOPIC_SETTINGS } from '#libs/core/log';
import { Access } from '#libs/platform/auth';
import { ApiJson, ZodPipe } from '#libs/platform/http';
import {
  addPartitionsBody,
  alterConfigQuery,
  deleteRecordsBody,
  deletionView,
  topicConfigView,
  type AddPartitionsBody,
  type AlterConfigQuery,
  type DeleteRecordsBody,
  type DeletionView,
  type TopicConfigView,
} from './topic-change-schemas.js';
import { TopicChangesService } from './topic-changes.service.js';
import { alterConfigBody, topicView, type TopicView } from './topic-schemas.js';
import { placedView } from './topic-view.js';
import { TopicsService } from './topics.service.js';

/** Settings of a topic, records that go and partitions that come. */
@Controller(['v1/topics', 'v1/clusters/:cluster/topics'])
export class TopicChangesController {
  constructor(
    private readonly changes: TopicChangesService,
    private readonly topics: TopicsService,
  ) {}

  @Get(':topic/config')
  @Access('read', 'topic', 'topic')
  @ApiJson({
    id: 'describeTopicConfig',
    summary: 'Settings of a topic, as they are in force',
    tag: 'topics',
    response: topicConfigView,
    errors: { 404: ['topic-not-found'] },
  })
  async config(@Param('cluster') cluster: string | undefined, @Param('topic') topic: string): Promise<TopicConfigView> {
    const entries = await this.changes.configOf(cluster, topic);
    return {
      items: entries.map(({ name, value, default: byDefault, source, documentation }) => ({
        name,
        value,
        default: byDefault,
        source,
        documentation: documentation ?? TOPIC_SETTINGS.get(name)?.doc ?? null,
      })),
    };
  }

  @Patch(':topic/config')
  @Access('alter', 'topic', 'topic')
  @ApiJson({
    id: 'alterTopicConfig',
    summary: 'Change settings of a topic',
    description:
      'All of them or none. With `validateOnly=true` nothing is changed, and the answer is the topic as it is.',
    tag: 'topics',
    query: alterConfigQuery,
    body: alterConfigBody,
    response: topicView,
    errors: { 400: ['invalid-topic-config'], 404: ['topic-not-found'] },
  })
  async alterConfig(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Query(new ZodPipe(alterConfigQuery)) { validateOnly }: AlterConfigQuery,
    @Body(new ZodPipe(alterConfigBody)) body: Record<string, string | null>,
  ): Promise<TopicView> {
    return placedView(
      await this.topics.placed(cluster, (at) => this.changes.alterConfig(at, topic, body, validateOnly)),
    );
  }

  @Post(':topic([^:]+)::delete-records')
  @HttpCode(200)
  @Access('delete', 'topic', 'topic')
  @ApiJson({
    id: 'deleteRecords',
    summary: 'Delete old records of a topic',
    description:
      'Everything before a place in each partition, for good; with `dryRun` it is only counted. Partitions are independent, and each has its result. What a running operation still needs stays (`records-kept`).',
    tag: 'topics',
    body: deleteRecordsBody,
    bodyExample: { before: '2001-01-05T00:00:00Z', dryRun: true },
    response: deletionView,
    errors: { 404: ['topic-not-found', 'partition-not-found'], 409: ['topic-protected'] },
  })
  deleteRecords(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Body(new ZodPipe(deleteRecordsBody)) body: DeleteRecordsBody,
  ): Promise<DeletionView> {
    return this.changes.deleteRecords(cluster, topic, body);
  }

  @Post(':topic([^:]+)::add-partitions')
  @HttpCode(200)
  @Access('alter', 'topic', 'topic')
  @ApiJson({
    id: 'addPartitions',
    summary: 'Add partitions to a topic in place',
    description:
      'Records stay where they are, and the partition of a key follows from their number: new records of most keys go elsewhere than their earlier ones. So it is refused unless `keyPlacement` accepts that; a repartition keeps the records of a key together.',
    tag: 'topics',
    body: addPartitionsBody,
    bodyExample: { partitions: 12, keyPlacement: 'may-change' },
    response: topicView,
    errors: {
      400: ['invalid-partition-count'],
      404: ['topic-not-found'],
      409: ['key-placement-changes', 'topic-in-operation'],
      413: ['too-many-partitions'],
    },
  })
  async addPartitions(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Body(new ZodPipe(addPartitionsBody)) { partitions, keyPlacement }: AddPartitionsBody,
  ): Promise<TopicView> {
    const mayChange = keyPlacement !== undefined;
    return placedView(
      await this.topics.placed(cluster, (at) => this.changes.addPartitions(at, topic, partitions, mayChange)),
    );
  }
}
