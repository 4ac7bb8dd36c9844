import { Injectable } from '@nestjs/common';
import { AppError, isAppError } from '#libs/core/kernel';
import {
  type ConfigEntry,
  isCompacted,
  type PartitionDescription,
  type ResolvedTopic,
  TopicDirectories,
} from '#libs/core/log';
import { OperationStore } from '#libs/core/operations';
import type { DeleteRecordsBody, DeletionView } from './topic-change-schemas.js';

/**
 * Changes of what a topic holds and how: settings, records that go, partitions that come. Every method names the cluster; undefined means the default one, and wherever the topic has moved from
 * there.
 */
@Injectable()
export class TopicChangesService {
  constructor(
    private readonly directories: TopicDirectories,
    private readonly operations: OperationStore,
  ) {}

  /** Every setting of a topic that its engine acts upon, as it is in force; by name. @throws `topic-not-found`. */
  async configOf(named: string | undefined, topic: string): Promise<readonly ConfigEntry[]> {
    const { engine, physical } = await this.directories.following(named, async (at) => {
      const directory = this.directories.of(at);
      return { engine: directory.engine, physical: (await directory.resolve(topic)).physical };
    });
    const [described] = await engine.administration.describeConfigs([{ kind: 'topic', topic: physical }]);
    return described?.entries ?? [];
  }

  /** @throws `topic-not-found`, `invalid-topic-config`: nothing was changed. */
  async alterConfig(
    cluster: string,
    topic: string,
    changes: Readonly<Record<string, string | null>>,
    validateOnly: boolean,
  ): Promise<ResolvedTopic> {
    const directory = this.directories.of(cluster);
    const { physical } = await directory.resolve(topic);
    await directory.engine.administration.alterConfig({ kind: 'topic', topic: physical }, changes, { validateOnly });
    return directory.resolve(topic);
  }

  /**
   * Deletes the records before a place in each partition, or counts them. Partitions are independent: each has its result.
   * @throws `topic-not-found`, `partition-not-found`, `topic-protected`.
   */
  async deleteRecords(named: string | undefined, topic: string, body: DeleteRecordsBody): Promise<DeletionView> {
    return await this.directories.following(named, (cluster) => this.#deleteIn(cluster, topic, body));
  }

  async #deleteIn(
    cluster: string,
    topic: string,
    { positions, before, dryRun }: DeleteRecordsBody,
  ): Promise<DeletionView> {
    const directory = this.directories.of(cluster);
    const resolved = await directory.resolve(topic);
    await directory.demandUnprotected(topic, 'its records cannot be deleted');
    const { physical, description } = resolved;
    const places = new Map<PartitionDescription, number>();
    if (positions === undefined) {
      for (const one of description.partitions) places.set(one, await this.#before(cluster, physical, one, before!));
    } else {
      for (const { partition, offset } of positions) {
        const one = description.partitions.find((each) => each.partition === partition);
        if (one === undefined) throw unknownPartition(topic, partition, description.partitions.length);
        places.set(one, offset === 'end' ? one.endOffset : Number(offset));
      }
    }
    const asked = [...places].map(([{ partition }, offset]) => ({ topic: physical, partition, offset }));
    const answers = await directory.engine.deleteRecords(asked, { validateOnly: dryRun });
    const partitions = [...places.keys()].map(({ partition, startOffset }, at) => {
      const { error, startOffset: answered } = answers[at]!;
      const start = error === undefined ? answered : startOffset;
      return {
        partition,
        startOffset: String(startOffset),
        newStartOffset: String(start),
        offsets: String(Math.max(0, start - startOffset)),
        ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
      };
    });
    const total = partitions.reduce((sum, { offsets }) => sum + Number(offsets), 0);
    const exact = directory.engine.capabilities.denseOffsets && !isCompacted(description.config);
    return { dryRun, offsets: String(total), exact, partitions };
  }

  async #before(
    cluster: string,
    physical: string,
    { partition, endOffset }: PartitionDescription,
    before: string,
  ): Promise<number> {
    if (before === 'end') return endOffset;
    const ref = { topic: physical, partition };
    return (await this.directories.of(cluster).engine.offsetForTimestamp(ref, Date.parse(before))) ?? endOffset;
  }

  /**
   * Raises the number of partitions in place: new records of a key may go elsewhere than its earlier ones.
   * @throws `key-placement-changes` unless that is accepted; `topic-in-operation`, `invalid-partition-count`, `too-many-partitions`, `topic-not-found`.
   */
  async addPartitions(
    cluster: string,
    topic: string,
    to: number,
    acceptsKeyPlacement: boolean,
  ): Promise<ResolvedTopic> {
    const directory = this.directories.of(cluster);
    const { physical, description } = await directory.resolve(topic);
    if (!acceptsKeyPlacement) throw keyPlacementChanges(topic, description.partitions.length, to);
    for (const at of await this.directories.operatedIn(cluster, topic)) {
      const live = await this.operations.liveOn(`topic:${at}/${topic}`);
      if (live !== undefined) throw inOperation(topic, live);
    }
    try {
      await directory.engine.addPartitions(physical, to);
    } catch (error) {
      // A repetition finds its work done.
      if (!isAppError(error, 'invalid-partition-count') || description.partitions.length !== to) throw error;
    }
    return await directory.resolve(topic);
  }
}

function keyPlacementChanges(topic: string, from: number, to: number): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'key-placement-changes',
    message: `With ${to} instead of ${from} partitions new records of most keys of '${topic}' go to another partition than their earlier ones; the order of a key over both is lost, and nothing was changed.`,
    hint: 'Use POST /v1/repartitions/plans, which keeps the records of a key together, or send "keyPlacement": "may-change" where keys do not matter.',
    details: { topic, partitions: from, asked: to },
  });
}

function inOperation(topic: string, { id, kind }: { readonly id: string; readonly kind: string }): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'topic-in-operation',
    message: `Topic '${topic}' cannot get partitions: operation ${id} (${kind}) works on it.`,
    hint: `Cancel or finish it first: POST /v1/operations/${id}:cancel.`,
    details: { topic, operation: id },
  });
}

function unknownPartition(topic: string, partition: number, count: number): AppError {
  return new AppError({
    kind: 'not-found',
    code: 'partition-not-found',
    message: `Topic '${topic}' has no partition ${partition}; it has partitions 0 to ${count - 1}. Nothing was deleted.`,
    details: { topic, partition, partitions: count },
  });
}
