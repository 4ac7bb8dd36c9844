import { Injectable } from '@nestjs/common';
import { isAppError } from '#libs/core/kernel';
import {
  TopicDirectories,
  TopicLifecycle,
  type DeleteTopic,
  type ResolvedTopic,
  type TopicChange,
  type TopicLoss,
} from '#libs/core/log';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { pageOf, type Page } from '#libs/platform/http';
import type { CreateTopicBody, ListTopicsQuery } from './topic-schemas.js';

/** A topic and the cluster it is in. */
export interface PlacedTopic {
  readonly cluster: string;
  readonly topic: ResolvedTopic;
  /** Names that lead to it since it was renamed, in their order. */
  readonly oldNames: readonly string[];
}

/** Topics by their logical names. Every method names the cluster; undefined means the default one, and wherever the topic has moved from there. */
@Injectable()
export class TopicsService {
  constructor(
    private readonly directories: TopicDirectories,
    private readonly lifecycle: TopicLifecycle,
    private readonly authorizer: Authorizer,
  ) {}

  /** The name under which `cluster` is configured. @throws `cluster-not-found`. */
  clusterName(cluster: string | undefined): string {
    const name = cluster ?? this.directories.clusters.defaultName;
    this.directories.of(name);
    return name;
  }

  /** @param again an earlier attempt may have made it: a topic that is as asked is the answer then. @throws `topic-exists`, `invalid-topic-name`, `invalid-topic-config` and what else the log refuses. */
  async create(cluster: string | undefined, body: CreateTopicBody, again: boolean): Promise<ResolvedTopic> {
    const directory = this.directories.of(cluster);
    try {
      return await directory.create(body);
    } catch (error) {
      if (!again || !isAppError(error, 'topic-exists')) throw error;
      const topic = await directory.resolve(body.name);
      if (!isAsAsked(topic, body)) throw error;
      return topic;
    }
  }

  describe(cluster: string | undefined, topic: string): Promise<PlacedTopic> {
    return this.placed(cluster, (at) => this.directories.of(at).resolve(topic));
  }

  /** The topics the principal may read, by name: those that are there, or those that were deleted and are kept. */
  async list(cluster: string | undefined, query: ListTopicsQuery, principal: Principal): Promise<Page<ResolvedTopic>> {
    const directory = this.directories.of(cluster);
    const topics = await (query.deleted ? directory.listDeleted() : directory.list());
    const visible = topics.filter(
      (topic) =>
        (query.q === undefined || topic.logical.includes(query.q)) &&
        this.authorizer.allows(principal, 'read', { kind: 'topic', name: topic.logical }),
    );
    return pageOf(visible, query, (topic) => topic.logical);
  }

  /** See {@link TopicLifecycle.delete}. @param again an earlier attempt may have deleted it: one that is not there is the answer then. */
  async delete(cluster: string | undefined, topic: string, how: DeleteTopic, again: boolean): Promise<TopicLoss> {
    return await this.directories.following(cluster, async (at) => {
      try {
        return await this.lifecycle.delete(at, topic, how);
      } catch (error) {
        if (!again || !isAppError(error, 'topic-not-found')) throw error;
        const purgeAtMs = (await this.directories.of(at).nameOf(topic))?.guard.deletion?.purgeAtMs ?? null;
        return { oldNameOf: null, records: null, purgeAtMs };
      }
    });
  }

  /** See {@link TopicLifecycle.tryDelete}. */
  async tryDelete(cluster: string | undefined, topic: string, how: DeleteTopic): Promise<TopicLoss> {
    return await this.directories.following(cluster, (at) => this.lifecycle.tryDelete(at, topic, how));
  }

  /** See {@link TopicLifecycle.tryChange}. */
  tryChange(cluster: string | undefined, topic: string, change: TopicChange): Promise<PlacedTopic> {
    return this.placed(cluster, (at) => this.lifecycle.tryChange(at, topic, change));
  }

  /** See {@link TopicLifecycle.restore}. @param again an earlier attempt may have restored it: one that is there is the answer then. */
  restore(cluster: string | undefined, topic: string, again: boolean): Promise<PlacedTopic> {
    return this.placed(cluster, async (at) => {
      try {
        return await this.lifecycle.restore(at, topic);
      } catch (error) {
        if (!again || !isAppError(error, 'topic-not-deleted')) throw error;
        return this.directories.of(at).resolve(topic);
      }
    });
  }

  /** See {@link TopicLifecycle.protect}. */
  protect(cluster: string | undefined, topic: string, isProtected: boolean): Promise<PlacedTopic> {
    return this.placed(cluster, (at) => this.lifecycle.protect(at, topic, isProtected));
  }

  /** See {@link TopicLifecycle.freeze} and {@link TopicLifecycle.unfreeze}. */
  freeze(cluster: string | undefined, topic: string, isFrozen: boolean): Promise<PlacedTopic> {
    return this.placed(cluster, (at) =>
      isFrozen ? this.lifecycle.freeze(at, topic) : this.lifecycle.unfreeze(at, topic),
    );
  }

  /** What answers a topic, done where the topic is. @throws `topic-moved` for one that is not in the cluster that was named; what `resolve` throws. */
  async placed(
    cluster: string | undefined,
    resolve: (cluster: string) => Promise<ResolvedTopic>,
  ): Promise<PlacedTopic> {
    return await this.directories.following(cluster, async (at) => {
      const topic = await resolve(at);
      const names = await this.directories.of(at).namesOf(topic.logical);
      return { cluster: at, topic, oldNames: [...names].filter((name) => name !== topic.logical).sort() };
    });
  }
}

function isAsAsked({ description }: ResolvedTopic, { partitions, config }: CreateTopicBody): boolean {
  return (
    description.partitions.length === partitions &&
    Object.entries(config).every(([name, value]) => description.config[name] === value)
  );
}
