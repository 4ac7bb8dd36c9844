import { Body, Controller, HttpCode, Post, Query } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, ZodPipe } from '#libs/platform/http';
import { TopicSetsService } from './topic-sets.service.js';
import {
  topicsAppliedView,
  topicsApplyBody,
  topicsApplyQuery,
  topicsPlanBody,
  topicsPlanView,
  type TopicsAppliedView,
  type TopicsApplyBody,
  type TopicsApplyQuery,
  type TopicsPlanBody,
  type TopicsPlanView,
} from './topic-sets.shapes.js';

const EXAMPLE = [{ name: 'orders', partitions: 24, config: { 'retention.ms': '604800000' }, protected: true }];

/** Topics as a project declares them. */
@Controller('v1')
export class TopicSetsController {
  constructor(private readonly sets: TopicSetsService) {}

  @Post('topic-changes::plan')
  @HttpCode(200)
  @Access('read', 'topic')
  @ApiJson({
    id: 'planTopicChanges',
    summary: 'Say what it takes for topics to be as declared, and change nothing',
    description:
      'Each is created, gets other settings, is protected, or is so already. Partitions are never added to a topic that is there: another number of them is refused, and a repartition is what changes it. Reading the topics is enough.',
    tag: 'topics',
    body: topicsPlanBody,
    bodyExample: { topics: EXAMPLE },
    response: topicsPlanView,
  })
  plan(
    @Body(new ZodPipe(topicsPlanBody)) body: TopicsPlanBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<TopicsPlanView> {
    return this.sets.plan(principal, body);
  }

  @Post('topic-changes::apply')
  @HttpCode(200)
  @Access('read', 'topic')
  @ApiJson({
    id: 'applyTopicChanges',
    summary: 'Make topics as they were declared and planned',
    description:
      'Send the topics as they were planned, with `restsOn` of the plan. When one of them has moved meanwhile nothing is done, and what has moved is named. One topic is made after another: the first that fails ends it, and the answer says of each what became of it; sending the same again goes on. Needs the right to alter each topic that changes.',
    tag: 'topics',
    query: topicsApplyQuery,
    body: topicsApplyBody,
    bodyExample: {
      topics: EXAMPLE,
      restsOn: [{ topic: 'orders', partitions: null, digest: '74234e98afe7498fb5daf1f36ac2d78a' }],
    },
    response: topicsAppliedView,
    errors: { 409: ['plan-stale', 'plan-blocked'] },
  })
  apply(
    @Query(new ZodPipe(topicsApplyQuery)) { dryRun }: TopicsApplyQuery,
    @Body(new ZodPipe(topicsApplyBody)) body: TopicsApplyBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<TopicsAppliedView> {
    return this.sets.apply(principal, body, dryRun);
  }
}
