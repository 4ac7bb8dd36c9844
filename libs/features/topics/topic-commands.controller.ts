import { applyDecorators, Controller, HttpCode, Param, Post, Query } from '@nestjs/common';
import type { Attempt } from '#libs/core/idempotency';
import type { TopicChange } from '#libs/core/log';
import { Access } from '#libs/platform/auth';
import { ApiJson, CurrentAttempt, OncePerKey, ZodPipe } from '#libs/platform/http';
import { topicCommandQuery, topicView, type TopicCommandQuery, type TopicView } from './topic-schemas.js';
import { placedView } from './topic-view.js';
import { TopicsService, type PlacedTopic } from './topics.service.js';

/** The route `POST …/topics/{topic}:<command>`. A doubled colon is a colon to the router, and the parameter needs a pattern that ends before it. */
function CommandRoute(
  command: TopicChange,
  summary: string,
  description: string,
  conflicts: readonly string[],
): MethodDecorator {
  return applyDecorators(
    Post(`:topic([^:]+)::${command}`),
    HttpCode(200),
    Access('alter', 'topic', 'topic'),
    ApiJson({
      id: `${command}Topic`,
      summary,
      description,
      tag: 'topics',
      query: topicCommandQuery,
      response: topicView,
      errors: { 404: ['topic-not-found'], 409: [...conflicts, 'topic-guard-changed'] },
    }),
  );
}

/** What users say about a topic beside its data. Repeating a command is harmless. */
@Controller(['v1/topics', 'v1/clusters/:cluster/topics'])
export class TopicCommandsController {
  constructor(private readonly topics: TopicsService) {}

  @CommandRoute(
    'protect',
    'Protect a topic',
    'Deleting the topic, or records of it, is refused until `:unprotect`.',
    [],
  )
  protect(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Query(new ZodPipe(topicCommandQuery)) { dryRun }: TopicCommandQuery,
  ): Promise<TopicView> {
    return this.#answer(
      dryRun ? this.topics.tryChange(cluster, topic, 'protect') : this.topics.protect(cluster, topic, true),
    );
  }

  @CommandRoute('unprotect', 'Take the protection of a topic back', 'Allows deleting again.', [])
  unprotect(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Query(new ZodPipe(topicCommandQuery)) { dryRun }: TopicCommandQuery,
  ): Promise<TopicView> {
    return this.#answer(
      dryRun ? this.topics.tryChange(cluster, topic, 'unprotect') : this.topics.protect(cluster, topic, false),
    );
  }

  @CommandRoute(
    'freeze',
    'Freeze a topic',
    'It takes no records until `:unfreeze`; reading goes on. When this answers, the end offsets are final. A frozen topic cannot be repartitioned.',
    ['topic-in-operation', 'topic-not-active'],
  )
  freeze(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Query(new ZodPipe(topicCommandQuery)) { dryRun }: TopicCommandQuery,
  ): Promise<TopicView> {
    return this.#answer(
      dryRun ? this.topics.tryChange(cluster, topic, 'freeze') : this.topics.freeze(cluster, topic, true),
    );
  }

  @CommandRoute('unfreeze', 'Let writers of a frozen topic go on', 'Takes `:freeze` back.', [])
  unfreeze(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Query(new ZodPipe(topicCommandQuery)) { dryRun }: TopicCommandQuery,
  ): Promise<TopicView> {
    return this.#answer(
      dryRun ? this.topics.tryChange(cluster, topic, 'unfreeze') : this.topics.freeze(cluster, topic, false),
    );
  }

  @CommandRoute(
    'restore',
    'Restore a deleted topic',
    'Brings back records, offsets, generations and group positions, while the topic is kept (`GET /v1/topics?deleted=true`). With the header `Idempotency-Key` a repetition gets the first answer.',
    ['topic-not-deleted', 'idempotency-key-in-use'],
  )
  @OncePerKey()
  restore(
    @Param('cluster') cluster: string | undefined,
    @Param('topic') topic: string,
    @Query(new ZodPipe(topicCommandQuery)) { dryRun }: TopicCommandQuery,
    @CurrentAttempt() attempt: Attempt | undefined,
  ): Promise<TopicView> {
    return this.#answer(
      dryRun
        ? this.topics.tryChange(cluster, topic, 'restore')
        : this.topics.restore(cluster, topic, attempt?.again === true),
    );
  }

  async #answer(change: Promise<PlacedTopic>): Promise<TopicView> {
    return placedView(await change);
  }
}
