import { checkGroup, checkPosition, type GroupDescription, type GroupPosition, logErrors } from '#libs/core/log';
import * as api from './client.js';
import { CODE, expectNone, KafkaRefusal } from './error-codes.js';
import type { KafkaCluster } from './kafka-cluster.js';

/** A position without a leader epoch: it was learned from elsewhere than this partition's leader. */
const NO_EPOCH = -1;

/** Positions as OffsetCommit and TxnOffsetCommit take them. */
export function offsetsByTopic(positions: readonly GroupPosition[]) {
  const topics = new Map<string, Map<number, GroupPosition>>();
  for (const position of positions) {
    const ofTopic = topics.get(position.topic) ?? new Map<number, GroupPosition>();
    topics.set(position.topic, ofTopic);
    // Of two for one partition the later holds.
    ofTopic.set(position.partition, position);
  }
  return [...topics].map(([name, partitions]) => ({
    name,
    partitions: [...partitions.values()].map(({ partition, offset, metadata }) => ({
      partitionIndex: partition,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: NO_EPOCH,
      committedMetadata: metadata ?? '',
    })),
  }));
}

/** Groups whose transactional positions are remembered until they are settled; more are forgotten, oldest first. */
const MAX_SETTLING = 1_000;

/** Positions of groups, kept by the brokers' group coordinators. */
export class Groups {
  readonly #cluster: KafkaCluster;
  /** Positions that our transactions committed, whose markers may still be on their way to the group's coordinator. */
  readonly #settling = new Map<string, readonly GroupPosition[]>();

  constructor(cluster: KafkaCluster) {
    this.#cluster = cluster;
  }

  /** Notes what a transaction has just committed, so that whoever reads it here waits for it. */
  committed(group: string, positions: readonly GroupPosition[]): void {
    const noted = [...(this.#settling.get(group) ?? []), ...positions];
    this.#settling.delete(group);
    if (this.#settling.size >= MAX_SETTLING) {
      for (const oldest of this.#settling.keys()) {
        this.#settling.delete(oldest);
        break;
      }
    }
    this.#settling.set(group, noted);
  }

  async list(): Promise<readonly string[]> {
    const groups = new Set<string>();
    await this.#cluster.persist(async () => {
      if (this.#cluster.nodes().length === 0) await this.#cluster.askLayouts([]);
      for (const node of this.#cluster.nodes()) {
        const answer = await this.#cluster.call(node, 'admin', 'ListGroups', api.listGroups, [], []);
        expectNone('ListGroups', answer.errorCode);
        for (const { groupId, groupState } of answer.groups) if (groupState !== 'Dead') groups.add(groupId);
      }
    });
    return [...groups].sort();
  }

  /** Positions that a transaction is about to change are waited for: what is answered is settled. */
  async describe(group: string): Promise<GroupDescription> {
    await this.#settle(group);
    const what = `OffsetFetch of ${group}`;
    const positions = await this.#cluster.withCoordinator('group', group, async (node) => {
      const ask = [{ groupId: group, memberId: null, memberEpoch: -1, topics: null }];
      const answer = await this.#cluster.call(node, 'admin', what, api.offsetFetch, ask, true);
      const [found] = answer.groups;
      if (found === undefined) return [];
      expectNone(what, found.errorCode);
      return found.topics.flatMap(({ name, partitions }) =>
        partitions.flatMap(({ partitionIndex, committedOffset, metadata, errorCode }): GroupPosition[] => {
          expectNone(what, errorCode);
          if (committedOffset < 0n) return [];
          const note = metadata === null || metadata === '' ? {} : { metadata };
          return [{ topic: name, partition: partitionIndex, offset: Number(committedOffset), ...note }];
        }),
      );
    });
    positions.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
    return { group, positions, members: await this.#members(group) };
  }

  /** Partitions must exist. @throws `group-active`. */
  async commit(group: string, positions: readonly GroupPosition[]): Promise<void> {
    const what = `OffsetCommit of ${group}`;
    try {
      await this.#cluster.withCoordinator('group', group, async (node) => {
        const topics = offsetsByTopic(positions);
        const answer = await this.#cluster.call(node, 'admin', what, api.offsetCommit, group, -1, '', null, topics);
        for (const { name, partitions } of answer.topics) {
          for (const { partitionIndex, errorCode } of partitions) {
            if (errorCode === CODE.OFFSET_METADATA_TOO_LARGE) {
              throw logErrors.invalidPosition(
                { topic: name, partition: partitionIndex },
                'its note is longer than the brokers allow',
              );
            }
            expectNone(what, errorCode);
          }
        }
      });
    } catch (error) {
      if (error instanceof KafkaRefusal && isOfMembers(error)) {
        throw logErrors.groupActive(group, Math.max(1, await this.#members(group)));
      }
      throw error;
    }
  }

  /** @throws `group-not-found`, `group-active`. */
  async delete(group: string): Promise<void> {
    await this.#settle(group);
    const what = `DeleteGroups of ${group}`;
    try {
      await this.#cluster.withCoordinator('group', group, async (node) => {
        const answer = await this.#cluster.call(node, 'admin', what, api.deleteGroups, [group]);
        expectNone(what, answer.results[0]?.errorCode ?? 0);
      });
    } catch (error) {
      if (!(error instanceof KafkaRefusal)) throw error;
      if (error.errorCode === CODE.GROUP_ID_NOT_FOUND) throw logErrors.groupNotFound(group);
      if (error.errorCode === CODE.NON_EMPTY_GROUP) throw logErrors.groupActive(group, await this.#members(group));
      throw error;
    }
  }

  /** Asked for all its positions, a coordinator leaves out one that has only a pending value; asked for it by name, it says so. */
  async #settle(group: string): Promise<void> {
    const noted = this.#settling.get(group);
    if (noted === undefined) return;
    const what = `OffsetFetch of ${group}`;
    const topics = offsetsByTopic(noted).map(({ name, partitions }) => ({
      name,
      partitionIndexes: partitions.map((one) => one.partitionIndex),
    }));
    await this.#cluster.withCoordinator('group', group, async (node) => {
      const ask = [{ groupId: group, memberId: null, memberEpoch: -1, topics }];
      const answer = await this.#cluster.call(node, 'admin', what, api.offsetFetch, ask, true);
      for (const { partitions } of answer.groups.flatMap((one) => one.topics)) {
        for (const { errorCode } of partitions) {
          if (errorCode === CODE.UNSTABLE_OFFSET_COMMIT) expectNone(what, errorCode);
        }
      }
    });
    if (this.#settling.get(group) === noted) this.#settling.delete(group);
  }

  async #members(group: string): Promise<number> {
    const what = `DescribeGroups of ${group}`;
    return await this.#cluster.withCoordinator('group', group, async (node) => {
      const answer = await this.#cluster.call(node, 'admin', what, api.describeGroups, [group], false);
      const [found] = answer.groups;
      if (found !== undefined && found.errorCode !== CODE.GROUP_ID_NOT_FOUND) expectNone(what, found.errorCode);
      if (found !== undefined && found.members.length > 0) return found.members.length;
      // Groups of the newer protocol (KIP-848) are dead to the older request.
      if (found?.groupState !== 'Dead' || !this.#cluster.supports(api.consumerGroupDescribe)) return 0;
      const newer = await this.#cluster.call(node, 'admin', what, api.consumerGroupDescribe, [group], false);
      return newer.groups[0]?.errorCode === 0 ? newer.groups[0].members.length : 0;
    });
  }
}

/** Checks a call's group and positions as far as they say it themselves. @throws `invalid-group`, `invalid-position`. */
export function checkGroupPositions(group: string, positions: readonly GroupPosition[]): void {
  checkGroup(group);
  for (const position of positions) checkPosition(position);
}

/** What coordinators answer to a commit from outside a group that has members. */
function isOfMembers({ errorCode }: KafkaRefusal): boolean {
  return (
    errorCode === CODE.UNKNOWN_MEMBER_ID ||
    errorCode === CODE.ILLEGAL_GENERATION ||
    errorCode === CODE.REBALANCE_IN_PROGRESS
  );
}
