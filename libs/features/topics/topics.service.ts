import { Injectable } from '@nestjs/common';
import { AppError } from '#libs/core/kernel';
import { TopicDirectories, type ResolvedTopic } from '#libs/core/log';
import { OperationStore } from '#libs/core/operations';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { pageOf, type Page } from '#libs/platform/http';
import type { CreateTopicBody, ListTopicsQuery } from './topic-schemas.js';

/** Topics by their logical names. Every method names the cluster; undefined means the default one. */
@Injectable()
export class TopicsService {
  constructor(
    private readonly directories: TopicDirectories,
    private readonly operations: OperationStore,
    private readonly authorizer: Authorizer,
  ) {}

  /** The name under which `cluster` is configured. @throws `cluster-not-found`. */
  clusterName(cluster: string | undefined): string {
    const name = cluster ?? this.directories.clusters.defaultName;
    this.directories.of(name);
    return name;
  }

  create(cluster: string | undefined, body: CreateTopicBody): Promise<ResolvedTopic> {
    return this.directories.of(cluster).create(body);
  }

  describe(cluster: string | undefined, topic: string): Promise<ResolvedTopic> {
    return this.directories.of(cluster).resolve(topic);
  }

  /** The topics the principal may read, by name. */
  async list(cluster: string | undefined, query: ListTopicsQuery, principal: Principal): Promise<Page<ResolvedTopic>> {
    const topics = await this.directories.of(cluster).list();
    const visible = topics.filter(
      (topic) =>
        (query.q === undefined || topic.logical.includes(query.q)) &&
        this.authorizer.allows(principal, 'read', { kind: 'topic', name: topic.logical }),
    );
    return pageOf(visible, query, (topic) => topic.logical);
  }

  async alterConfig(
    cluster: string | undefined,
    topic: string,
    changes: Readonly<Record<string, string | null>>,
  ): Promise<ResolvedTopic> {
    const directory = this.directories.of(cluster);
    const { physical } = await directory.resolve(topic);
    await directory.engine.alterTopicConfig(physical, changes);
    return directory.resolve(topic);
  }

  /**
   * Deletes the topic with all its generations.
   * @throws `topic-in-operation` while an operation works on it, naming the operation.
   */
  async delete(cluster: string | undefined, topic: string): Promise<void> {
    const name = this.clusterName(cluster);
    const live = await this.operations.liveOn(`topic:${name}/${topic}`);
    if (live !== undefined) {
      throw new AppError({
        kind: 'conflict',
        code: 'topic-in-operation',
        message: `Topic '${topic}' cannot be deleted: operation ${live.id} (${live.kind}) works on it.`,
        hint: `Cancel or finish it first: POST /v1/operations/${live.id}:cancel.`,
        details: { topic, operation: live.id },
      });
    }
    await this.directories.of(name).delete(topic);
  }
}
