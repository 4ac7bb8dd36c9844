import {
  type CoordinatorLink,
  type GroupPosition,
  type GroupRefusal,
  type JoinGroup,
  type JoinOutcome,
  type JoinRequest,
  type MemberClaim,
  type SyncOutcome,
  type SyncRequest,
} from '#libs/core/log';
import type { BrokerLink } from './broker-link.js';
import * as api from './client.js';
import { CODE } from './error-codes.js';
import { groupRefusal } from './group-refusals.js';
import { commitRefusal, type Groups, offsetsByTopic } from './groups.js';
import type { KafkaCluster, TopicLayout } from './kafka-cluster.js';
import type { PartitionOffsets } from './partition-offsets.js';

/** Time for an answer to arrive beyond what the coordinator may wait. */
const ANSWER_SLACK_MS = 10_000;

/**
 * From one member to its group's coordinator at the brokers, by the classic protocol, so that consumers of any client share the group. A join waits at the broker
 * until everybody has joined: it has a connection of its own, heartbeats and commits another.
 */
export class KafkaGroupLink implements CoordinatorLink {
  readonly heartbeatEveryMs: number;
  readonly #joining: string;
  readonly #living: string;
  readonly #rebalanceMs: number;
  #counts:
    | { readonly key: string | undefined; readonly atMs: number; readonly counts: ReadonlyMap<string, number> }
    | undefined;

  constructor(
    private readonly cluster: KafkaCluster,
    private readonly groups: Groups,
    private readonly offsets: PartitionOffsets,
    private readonly member: Required<Pick<JoinGroup, 'clientId' | 'sessionTimeoutMs' | 'rebalanceTimeoutMs'>>,
  ) {
    this.heartbeatEveryMs = Math.min(cluster.settings.heartbeatEveryMs, member.sessionTimeoutMs / 3);
    this.#joining = cluster.newPurpose('member');
    this.#living = cluster.newPurpose('member');
    this.#rebalanceMs = member.rebalanceTimeoutMs + ANSWER_SLACK_MS;
  }

  async join(group: string, request: JoinRequest): Promise<JoinOutcome> {
    const what = `JoinGroup of ${group}`;
    const protocols = request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) }));
    const { sessionTimeoutMs, rebalanceTimeoutMs, memberId, instanceId, protocolType } = request;
    const times = [sessionTimeoutMs, rebalanceTimeoutMs] as const;
    return await this.#ask(group, this.#joining, async (link): Promise<JoinOutcome> => {
      const answer = await link.call(
        what,
        api.joinGroup,
        group,
        ...times,
        memberId,
        instanceId,
        protocolType,
        protocols,
        null,
      );
      if (answer.errorCode === CODE.MEMBER_ID_REQUIRED) return { kind: 'id-given', memberId: answer.memberId };
      const reason = groupRefusal(what, answer.errorCode);
      if (reason !== undefined) return { kind: 'refused', reason };
      return {
        kind: 'joined',
        memberId: answer.memberId,
        generation: answer.generationId,
        protocol: answer.protocolName ?? '',
        leader: answer.leader,
        members: answer.members.map(({ memberId: id, groupInstanceId, metadata }) => {
          return { memberId: id, instanceId: groupInstanceId ?? null, metadata };
        }),
        skipAssignment: answer.skipAssignment,
      };
    });
  }

  async sync(group: string, request: SyncRequest, protocol: string): Promise<SyncOutcome> {
    const what = `SyncGroup of ${group}`;
    const { generation, memberId, instanceId, assignments } = request;
    const shares = [...assignments].map(([id, bytes]) => ({ memberId: id, assignment: Buffer.from(bytes) }));
    const claim = [group, generation, memberId, instanceId, 'consumer', protocol] as const;
    return await this.#ask(group, this.#joining, async (link): Promise<SyncOutcome> => {
      const answer = await link.call(what, api.syncGroup, ...claim, shares);
      const reason = groupRefusal(what, answer.errorCode);
      return reason === undefined ? { kind: 'synced', assignment: answer.assignment } : { kind: 'refused', reason };
    });
  }

  async heartbeat(group: string, { generation, memberId, instanceId }: MemberClaim): Promise<GroupRefusal | undefined> {
    const what = `Heartbeat of ${group}`;
    return await this.#ask(group, this.#living, async (link) => {
      const answer = await link.call(what, api.heartbeat, group, generation, memberId, instanceId);
      return groupRefusal(what, answer.errorCode);
    });
  }

  /** A coordinator that cannot be reached learns of it by the silence of the member. */
  async leave(group: string, { memberId, instanceId }: MemberClaim): Promise<void> {
    const what = `LeaveGroup of ${group}`;
    try {
      if (memberId === '') return;
      await this.#ask(group, this.#living, async (link) => {
        const answer = await link.call(what, api.leaveGroup, group, [{ memberId, groupInstanceId: instanceId }]);
        groupRefusal(what, answer.errorCode);
      });
    } finally {
      this.cluster.release(this.#joining);
      this.cluster.release(this.#living);
    }
  }

  async commit(
    group: string,
    { generation, memberId, instanceId }: MemberClaim,
    positions: readonly GroupPosition[],
  ): Promise<GroupRefusal | undefined> {
    await this.#told(async () => {
      for (const position of positions) await this.cluster.layoutWith(position);
    });
    const what = `OffsetCommit of ${group}`;
    const topics = offsetsByTopic(positions);
    return await this.#ask(group, this.#living, async (link) => {
      const answer = await link.call(what, api.offsetCommit, group, generation, memberId, instanceId, topics);
      return commitRefusal(what, answer.topics);
    });
  }

  async positions(group: string): Promise<readonly GroupPosition[]> {
    return await this.#told(() => this.groups.positions(group));
  }

  async partitionCounts(topics: readonly string[] | null): Promise<ReadonlyMap<string, number>> {
    const { clock, settings } = this.cluster;
    const key = topics?.join('/');
    const known = this.#counts;
    const nowMs = clock.monotonic();
    if (known !== undefined && known.key === key && nowMs - known.atMs < settings.metadataMaxAgeMs) return known.counts;
    const asked = topics?.length === 0 ? [] : await this.#told(() => this.#layouts(topics));
    const counts = new Map([...asked].map(([name, { leaders }]) => [name, leaders.length]));
    this.#counts = { key, atMs: nowMs, counts };
    return counts;
  }

  async ranges(topic: string): Promise<readonly { readonly startOffset: number; readonly endOffset: number }[]> {
    return await this.#told(async () => {
      const layout = await this.cluster.freshLayoutOf(topic);
      const found = await this.cluster.persist(() => this.offsets.rangesOf([layout]));
      return layout.leaders.map((_, partition) => {
        const { start, end } = found.get(`${topic}/${partition}`)!;
        return { startOffset: start, endOffset: end };
      });
    });
  }

  async #layouts(topics: readonly string[] | null): Promise<ReadonlyMap<string, TopicLayout>> {
    return await this.cluster.persist(() => this.cluster.askLayouts(topics));
  }

  /**
   * Asks the coordinator, again while that fails in passing. A request that is repeated since its answer was lost does no harm: a member joins again under its id, and
   * positions are stored twice alike.
   */
  async #ask<T>(group: string, purpose: string, ask: (link: BrokerLink) => Promise<T>): Promise<T> {
    const { clientId } = this.member;
    const waits = purpose === this.#joining;
    const traits = waits ? { clientId, requestTimeoutMs: this.#rebalanceMs } : { clientId };
    const forMs = waits ? this.#rebalanceMs : this.member.sessionTimeoutMs / 3;
    const step = (node: number): Promise<T> => ask(this.cluster.link(node, purpose, traits));
    return await this.#told(() => this.cluster.withCoordinator('group', group, step, { forMs }));
  }

  /** Gives a failure a name of the port. */
  async #told<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw this.cluster.failure(error);
    }
  }
}
