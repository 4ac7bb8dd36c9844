import {
  assignmentOf,
  checkGroup,
  CONSUMER_PROTOCOL,
  checkPosition,
  type GroupDescription,
  type GroupListing,
  type GroupMemberDescription,
  type GroupPosition,
  type GroupRefusal,
  type GroupState,
  logErrors,
} from '#libs/core/log';
import * as api from './client.js';
import { CODE, expectNone, KafkaRefusal } from './error-codes.js';
import { groupRefusal } from './group-refusals.js';
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

  async list(): Promise<readonly GroupListing[]> {
    const groups = new Map<string, GroupState>();
    await this.#cluster.persist(async () => {
      if (this.#cluster.nodes().length === 0) await this.#cluster.askLayouts([]);
      for (const node of this.#cluster.nodes()) {
        const answer = await this.#cluster.call(node, 'admin', 'ListGroups', api.listGroups, [], []);
        expectNone('ListGroups', answer.errorCode);
        for (const { groupId, groupState } of answer.groups) groups.set(groupId, stateOf(groupState));
      }
    });
    const live = [...groups].filter(([, state]) => state !== 'DEAD');
    return live.map(([group, state]) => ({ group, state })).sort((a, b) => (a.group < b.group ? -1 : 1));
  }

  /** Positions that a transaction is about to change are waited for: what is answered is settled. */
  async describe(group: string): Promise<GroupDescription> {
    const positions = await this.positions(group);
    const membership = await this.#membership(group);
    // A group that was never joined is not known to the older request, whatever positions it has.
    const state = membership.state === 'DEAD' && positions.length > 0 ? 'EMPTY' : membership.state;
    return { group, ...membership, state, positions };
  }

  /** As {@link describe}. */
  async positions(group: string): Promise<readonly GroupPosition[]> {
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
    return positions;
  }

  /** Partitions must exist. @throws `group-active`. */
  async commit(group: string, positions: readonly GroupPosition[]): Promise<void> {
    const what = `OffsetCommit of ${group}`;
    const topics = offsetsByTopic(positions);
    const refusal = await this.#cluster.withCoordinator('group', group, async (node) => {
      const answer = await this.#cluster.call(node, 'admin', what, api.offsetCommit, group, -1, '', null, topics);
      return commitRefusal(what, answer.topics);
    });
    if (refusal !== undefined) throw logErrors.groupActive(group, Math.max(1, await this.memberCount(group)));
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
      if (error.errorCode === CODE.NON_EMPTY_GROUP) throw logErrors.groupActive(group, await this.memberCount(group));
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

  /** Live members. */
  async memberCount(group: string): Promise<number> {
    return (await this.#membership(group)).members.length;
  }

  async #membership(group: string): Promise<Membership> {
    const what = `DescribeGroups of ${group}`;
    return await this.#cluster.withCoordinator('group', group, async (node) => {
      const answer = await this.#cluster.call(node, 'admin', what, api.describeGroups, [group], false);
      const [found] = answer.groups;
      if (found !== undefined && found.errorCode !== CODE.GROUP_ID_NOT_FOUND) expectNone(what, found.errorCode);
      if (found !== undefined && stateOf(found.groupState) !== 'DEAD') return ofClassic(found);
      // Groups of the newer protocol (KIP-848) are dead to the older request.
      if (!this.#cluster.supports(api.consumerGroupDescribe)) return NOBODY;
      const newer = await this.#cluster.call(node, 'admin', what, api.consumerGroupDescribe, [group], false);
      const [other] = newer.groups;
      return other?.errorCode === 0 ? ofConsumers(other) : NOBODY;
    });
  }
}

type Membership = Omit<GroupDescription, 'group' | 'positions'>;

const NOBODY: Membership = { state: 'DEAD', generation: null, strategy: null, members: [] };

/** The classic protocol does not tell a group's generation to whoever is no member. */
function ofClassic(found: {
  readonly groupState: string;
  readonly protocolType: string;
  readonly protocolData: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null | undefined;
    readonly clientId: string;
    readonly clientHost: string;
    readonly memberAssignment: Uint8Array;
  }[];
}): Membership {
  const members = found.members.map((one): GroupMemberDescription => ({
    memberId: one.memberId,
    instanceId: one.groupInstanceId ?? null,
    clientId: one.clientId,
    host: one.clientHost,
    // Connect workers and others share out other things than partitions, in a form of their own.
    assignment: found.protocolType === CONSUMER_PROTOCOL ? assignmentOf(one.memberAssignment) : [],
  }));
  return { state: stateOf(found.groupState), generation: null, strategy: found.protocolData || null, members };
}

function ofConsumers(found: {
  readonly groupState: string;
  readonly groupEpoch: number;
  readonly assignorName: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly instanceId: string | null | undefined;
    readonly clientId: string;
    readonly clientHost: string;
    readonly assignment: {
      readonly topicPartitions: readonly { readonly topicName: string; readonly partitions: readonly number[] }[];
    };
  }[];
}): Membership {
  const members = found.members.map(({ memberId, instanceId, clientId, clientHost, assignment }) => ({
    memberId,
    instanceId: instanceId ?? null,
    clientId,
    host: clientHost,
    assignment: assignment.topicPartitions.flatMap(({ topicName: topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition })),
    ),
  }));
  const { groupEpoch: generation, assignorName } = found;
  return { state: stateOf(found.groupState), generation, strategy: assignorName || null, members };
}

/** The brokers' words in the port's. The newer protocol's two ways of not being settled are told as the older one's. */
const STATES: ReadonlyMap<string, GroupState> = new Map([
  ['Empty', 'EMPTY'],
  ['PreparingRebalance', 'PREPARING_REBALANCE'],
  ['CompletingRebalance', 'COMPLETING_REBALANCE'],
  ['Assigning', 'PREPARING_REBALANCE'],
  ['Reconciling', 'COMPLETING_REBALANCE'],
  ['Stable', 'STABLE'],
]);

function stateOf(text: string): GroupState {
  return STATES.get(text) ?? 'DEAD';
}

/** What a coordinator answers to positions: undefined when it took them all. @throws `invalid-position` for a note that is too long. */
export function commitRefusal(
  what: string,
  topics: readonly {
    readonly name: string;
    readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: number }[];
  }[],
): GroupRefusal | undefined {
  for (const { name: topic, partitions } of topics) {
    for (const { partitionIndex: partition, errorCode } of partitions) {
      if (errorCode === CODE.OFFSET_METADATA_TOO_LARGE) {
        throw logErrors.invalidPosition({ topic, partition }, 'its note is longer than the brokers allow');
      }
      const refusal = groupRefusal(what, errorCode);
      if (refusal !== undefined) return refusal;
    }
  }
  return undefined;
}

/** Checks a call's group and positions as far as they say it themselves. @throws `invalid-group`, `invalid-position`. */
export function checkGroupPositions(group: string, positions: readonly GroupPosition[]): void {
  checkGroup(group);
  for (const position of positions) checkPosition(position);
}
