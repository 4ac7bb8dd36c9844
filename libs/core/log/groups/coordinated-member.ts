import { type Clock, isAppError, Serial } from '#libs/core/kernel';
import { checkGroup, checkPosition } from '../commit-checks.js';
import type { GroupPosition } from '../engine.js';
import * as errors from '../errors.js';
import {
  type AssignedPartition,
  type AssignmentStrategy,
  GROUP_LIMITS,
  GroupMember,
  type GroupUpdate,
  type JoinGroup,
} from '../group-membership.js';
import type { PartitionRef } from '../topic.js';
import { checkTopicName, INTERNAL_PREFIX } from '../topic-name.js';
import { ASSIGNORS, type Subscriber } from './assignment/index.js';
import {
  assignmentOf,
  CONSUMER_PROTOCOL,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './consumer-protocol.js';
import type { CoordinatorLink } from './coordinator-link.js';
import type { GroupRefusal, JoinedMember, MemberClaim } from './group-protocol.js';

/** What a finished agreement brought. */
interface Agreement {
  readonly protocol: string;
  readonly generation: number;
  readonly partitions: readonly PartitionRef[];
  /** Partition counts the leader shared out by; undefined for others. */
  readonly counts: ReadonlyMap<string, number> | undefined;
}

/** An agreement under way. */
interface Joining {
  readonly done: Promise<void>;
  over: boolean;
  outcome?: Agreement | GroupRefusal;
  failure?: unknown;
}

const NOTHING: readonly never[] = [];

/**
 * A member's side of the classic group protocol, whatever coordinates it: subscription, heartbeats, joining anew, sharing out when it leads, revoking. The subscriptions
 * and assignments are those of Kafka's consumers, so that theirs and these share a group.
 */
export class CoordinatedMember extends GroupMember {
  readonly #claim: { memberId: string; instanceId: string | null; generation: number };
  readonly #serial = new Serial();
  readonly #cooperative: boolean;
  #strategy: string | null = null;
  #assignment: readonly AssignedPartition[] = NOTHING;
  #revoking: readonly PartitionRef[] = NOTHING;
  #lost: readonly PartitionRef[] = NOTHING;
  #topics: readonly string[] = NOTHING;
  #leaderCounts: ReadonlyMap<string, number> | undefined;
  #joining: Joining | undefined;
  #settled = false;
  #heartbeatAtMs = -Infinity;
  #closed = false;

  constructor(
    readonly group: string,
    private readonly options: JoinGroup,
    private readonly link: CoordinatorLink,
    private readonly clock: Clock,
  ) {
    super();
    this.#claim = { memberId: '', instanceId: options.instanceId ?? null, generation: -1 };
    this.#cooperative = options.strategies.every((one) => one === 'cooperative-sticky');
  }

  get memberId(): string {
    return this.#claim.memberId;
  }

  get generation(): number {
    return this.#claim.generation;
  }

  get strategy(): string | null {
    return this.#strategy;
  }

  get assignment(): readonly AssignedPartition[] {
    return this.#assignment;
  }

  poll(maxWaitMs = 0): Promise<GroupUpdate> {
    return this.#serial.run(async () => {
      this.#checkOpen();
      this.#giveUpRevoked();
      if (this.#settled) await this.#keepUp();
      if (!this.#settled && this.#revoking.length === 0) await this.#agree(maxWaitMs);
      return this.#update();
    });
  }

  commit(positions: readonly GroupPosition[]): Promise<void> {
    return this.#serial.run(async () => {
      this.#checkOpen();
      for (const position of positions) {
        checkPosition(position);
        if (!this.#reads(position)) throw errors.partitionNotAssigned(this.group, position);
      }
      if (positions.length === 0) return;
      const claim = { ...this.#claim };
      const refusal = await this.link.commit(this.group, claim, positions);
      if (refusal === undefined) return;
      // A generation that is being agreed on with this member may be known to the coordinator and not yet here.
      const agreeing = refusal === 'illegal-generation' && this.#joining !== undefined;
      if (agreeing || refusal === 'rebalance-in-progress') throw errors.groupRebalancing(this.group);
      const { generation } = claim;
      this.#dropOut(refusal);
      throw errors.staleGeneration(this.group, generation);
    });
  }

  async leave(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#serial.idle();
    this.#assignment = this.#revoking = NOTHING;
    // A join under way leaves by itself when it learns its id.
    await this.link.leave(this.group, { ...this.#claim });
  }

  #checkOpen(): void {
    if (this.#closed) throw errors.groupMemberClosed(this.group);
  }

  #reads({ topic, partition }: PartitionRef): boolean {
    const is = (one: PartitionRef): boolean => one.topic === topic && one.partition === partition;
    return this.#assignment.some(is) || this.#revoking.some(is);
  }

  #giveUpRevoked(): void {
    if (this.#revoking.length === 0) return;
    this.#revoking = NOTHING;
    this.#settled = false;
  }

  #update(): GroupUpdate {
    const phase = this.#revoking.length > 0 ? 'revoking' : this.#settled ? 'stable' : 'joining';
    const lost = this.#lost;
    this.#lost = NOTHING;
    const { generation } = this.#claim;
    return { phase, generation, assignment: this.#assignment, revoked: this.#revoking, lost };
  }

  /** In a group that has agreed: a sign of life, and a look at what there is to read. */
  async #keepUp(): Promise<void> {
    const nowMs = this.clock.monotonic();
    if (nowMs - this.#heartbeatAtMs < this.link.heartbeatEveryMs) return;
    const refusal = await this.link.heartbeat(this.group, { ...this.#claim });
    if (refusal === 'rebalance-in-progress') return this.#prepareToJoin();
    if (refusal !== undefined) return this.#dropOut(refusal);
    this.#heartbeatAtMs = nowMs;
    if (await this.#outOfDate()) this.#prepareToJoin();
  }

  /** Whether there is other work than the group shared out: other topics to read, or, for whoever leads, other partitions. */
  async #outOfDate(): Promise<boolean> {
    if ('matching' in this.options.topics && !same(await this.#subscription(), this.#topics)) return true;
    const shared = this.#leaderCounts;
    if (shared === undefined) return false;
    const counts = await this.link.partitionCounts([...shared.keys()]);
    for (const [topic, partitions] of shared) if ((counts.get(topic) ?? 0) !== partitions) return true;
    return false;
  }

  /** Everything is given up before joining anew, unless the member is cooperative and keeps what it is not asked for. */
  #prepareToJoin(): void {
    this.#settled = false;
    if (this.#cooperative) return;
    this.#revoking = this.#assignment.map(({ topic, partition }) => ({ topic, partition }));
    this.#assignment = NOTHING;
  }

  /** The group went on without this member. */
  #dropOut(refusal: GroupRefusal): void {
    this.#lost = [...this.#lost, ...this.#assignment, ...this.#revoking].map(({ topic, partition }) => {
      return { topic, partition };
    });
    this.#assignment = this.#revoking = NOTHING;
    this.#settled = false;
    if (refusal === 'illegal-generation') return;
    this.#claim.memberId = '';
    this.#claim.generation = -1;
    if (refusal !== 'fenced-instance') return;
    this.#closed = true;
    throw errors.memberFenced(this.group, this.#claim.instanceId ?? '');
  }

  async #agree(maxWaitMs: number): Promise<void> {
    const deadlineMs = this.clock.monotonic() + maxWaitMs;
    for (;;) {
      const joining = (this.#joining ??= this.#join());
      if (!joining.over) await this.#wait(joining, deadlineMs - this.clock.monotonic());
      if (!joining.over) return;
      this.#joining = undefined;
      if (joining.failure !== undefined) throw joining.failure as Error;
      const { outcome } = joining;
      if (typeof outcome === 'object') return await this.#take(outcome);
      // Refused: join again at once, under a new id where the old one is not known any more.
      if (outcome === 'group-full' || outcome === 'inconsistent-protocol' || outcome === 'invalid-session-timeout') {
        throw errors.joinRefused(this.group, outcome);
      }
      if (outcome !== undefined && outcome !== 'rebalance-in-progress') this.#dropOut(outcome);
    }
  }

  async #wait(joining: Joining, ms: number): Promise<void> {
    const stop = new AbortController();
    const time = this.clock.sleep(Math.max(0, ms), stop.signal).catch(() => undefined);
    await Promise.race([joining.done, time]);
    stop.abort();
  }

  #join(): Joining {
    const joining: Joining = { done: Promise.resolve(), over: false };
    const done = this.#joinAndSync().then(
      (outcome) => Object.assign(joining, { over: true, outcome }),
      (failure: unknown) => Object.assign(joining, { over: true, failure }),
    );
    return Object.assign(joining, { done });
  }

  async #joinAndSync(): Promise<Agreement | GroupRefusal> {
    const topics = (this.#topics = await this.#subscription());
    const { generation } = this.#claim;
    const metadata = encodeSubscription({ topics, owned: this.#assignment, generation });
    const request = {
      instanceId: this.#claim.instanceId,
      clientId: this.options.clientId,
      host: this.options.host ?? '',
      sessionTimeoutMs: this.options.sessionTimeoutMs ?? GROUP_LIMITS.defaultSessionTimeoutMs,
      rebalanceTimeoutMs: this.options.rebalanceTimeoutMs ?? GROUP_LIMITS.defaultRebalanceTimeoutMs,
      protocolType: CONSUMER_PROTOCOL,
      protocols: this.options.strategies.map((name) => ({ name, metadata })),
    };
    let joined = await this.link.join(this.group, { ...request, memberId: this.#claim.memberId });
    if (joined.kind === 'id-given') {
      this.#claim.memberId = joined.memberId;
      if (this.#closed) return await this.#leaveUnasked();
      joined = await this.link.join(this.group, { ...request, memberId: joined.memberId });
    }
    if (joined.kind !== 'joined') return joined.kind === 'refused' ? joined.reason : 'unknown-member';
    this.#claim.memberId = joined.memberId;
    if (this.#closed) return await this.#leaveUnasked();
    const claim: MemberClaim = { ...this.#claim, generation: joined.generation };
    const leads = joined.leader === joined.memberId;
    const shared = leads ? await this.#shareOut(joined.protocol, joined.members) : undefined;
    const assignments = leads && !joined.skipAssignment ? shared!.assignments : new Map<string, Uint8Array>();
    const synced = await this.link.sync(this.group, { ...claim, assignments }, joined.protocol);
    if (synced.kind === 'refused') return synced.reason;
    const partitions = assignmentOf(synced.assignment);
    return { protocol: joined.protocol, generation: joined.generation, partitions, counts: shared?.counts };
  }

  /** Left while it was joining: nobody else knows the id. */
  async #leaveUnasked(): Promise<GroupRefusal> {
    await this.link.leave(this.group, { ...this.#claim });
    return 'unknown-member';
  }

  async #subscription(): Promise<readonly string[]> {
    const { topics } = this.options;
    if (!('matching' in topics)) return topics;
    const all = [...(await this.link.partitionCounts(null)).keys()];
    const wanted = all.filter((name) => !name.startsWith(INTERNAL_PREFIX) && topics.matching(name)).sort();
    checkTopicCount(this.group, wanted.length);
    return wanted;
  }

  async #shareOut(
    protocol: string,
    members: readonly JoinedMember[],
  ): Promise<{ readonly assignments: ReadonlyMap<string, Uint8Array>; readonly counts: ReadonlyMap<string, number> }> {
    const subscribers = members.map(({ memberId, instanceId, metadata }): Subscriber => {
      const subscription = decodeSubscription(metadata) ?? { topics: [], owned: [], generation: -1 };
      return { memberId, instanceId, ...subscription };
    });
    const topics = [...new Set(subscribers.flatMap((one) => one.topics))];
    const present = await this.link.partitionCounts(topics);
    const assignor = ASSIGNORS.get(protocol as AssignmentStrategy)!;
    const assignment = assignor(subscribers, present);
    const assignments = new Map([...assignment].map(([id, partitions]) => [id, encodeAssignment(partitions)]));
    return { assignments, counts: new Map(topics.map((topic) => [topic, present.get(topic) ?? 0])) };
  }

  async #take({ protocol, generation, partitions, counts }: Agreement): Promise<void> {
    const place = ({ topic, partition }: PartitionRef): string => `${topic}/${partition}`;
    const known = new Map(this.#assignment.map((one) => [place(one), one]));
    const assigned = new Set(partitions.map(place));
    const fresh = await this.#places(partitions.filter((one) => !known.has(place(one))));
    this.#revoking = this.#assignment.filter((one) => !assigned.has(place(one)));
    this.#assignment = [...partitions.flatMap((one) => known.get(place(one)) ?? []), ...fresh];
    this.#claim.generation = generation;
    this.#strategy = protocol;
    this.#leaderCounts = counts;
    this.#settled = true;
    this.#heartbeatAtMs = this.clock.monotonic();
  }

  /** Where to go on in partitions that were just assigned. One whose topic went meanwhile is left out: the next look at the topics tells. */
  async #places(partitions: readonly PartitionRef[]): Promise<readonly AssignedPartition[]> {
    if (partitions.length === 0) return NOTHING;
    const positions = await this.link.positions(this.group);
    const stored = new Map(positions.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]));
    const ranges = new Map<string, readonly { readonly startOffset: number; readonly endOffset: number }[]>();
    const places: AssignedPartition[] = [];
    for (const { topic, partition } of partitions) {
      const offset = stored.get(`${topic}/${partition}`) ?? null;
      if (offset !== null || this.options.startAt === 'none') {
        places.push({ topic, partition, offset });
        continue;
      }
      if (!ranges.has(topic)) ranges.set(topic, await this.#rangesOf(topic));
      const range = ranges.get(topic)![partition];
      if (range === undefined) continue;
      places.push({
        topic,
        partition,
        offset: this.options.startAt === 'earliest' ? range.startOffset : range.endOffset,
      });
    }
    return places;
  }

  async #rangesOf(topic: string): Promise<readonly { readonly startOffset: number; readonly endOffset: number }[]> {
    try {
      return await this.link.ranges(topic);
    } catch (error) {
      if (isAppError(error, 'topic-not-found')) return NOTHING;
      throw error;
    }
  }
}

/**
 * Checks what a member says of itself. Whether the group takes it is its coordinator's to know.
 * @throws `invalid-group`, `invalid-group-member`, `invalid-session-timeout`, `too-many-topics-read`.
 */
export function checkJoin(group: string, { topics, strategies, clientId, instanceId, ...times }: JoinGroup): void {
  checkGroup(group);
  if (strategies.length === 0) throw errors.invalidGroupMember(group, 'it names no strategy');
  for (const name of strategies) {
    if (!ASSIGNORS.has(name)) throw errors.invalidGroupMember(group, `'${String(name).slice(0, 50)}' is no strategy`);
  }
  for (const [what, text] of [
    ['client id', clientId],
    ['instance id', instanceId ?? 'none'],
  ] as const) {
    if (text.length === 0 || text.length > GROUP_LIMITS.clientIdLength || /\p{Cc}|\p{Surrogate}/u.test(text)) {
      throw errors.invalidGroupMember(
        group,
        `its ${what} must have 1 to ${GROUP_LIMITS.clientIdLength} characters and no control characters`,
      );
    }
  }
  const { sessionTimeoutMs = GROUP_LIMITS.defaultSessionTimeoutMs, rebalanceTimeoutMs = sessionTimeoutMs } = times;
  const { minSessionTimeoutMs, maxSessionTimeoutMs } = GROUP_LIMITS;
  if (!(sessionTimeoutMs >= minSessionTimeoutMs && sessionTimeoutMs <= maxSessionTimeoutMs)) {
    throw errors.joinRefused(group, 'invalid-session-timeout');
  }
  if (!(rebalanceTimeoutMs >= 0 && rebalanceTimeoutMs < 2 ** 31)) {
    throw errors.invalidGroupMember(group, `its rebalance timeout of ${rebalanceTimeoutMs} ms is not possible`);
  }
  if ('matching' in topics) return;
  if (topics.length === 0) throw errors.invalidGroupMember(group, 'it reads no topic');
  for (const topic of topics) checkTopicName(topic);
  checkTopicCount(group, topics.length);
}

function checkTopicCount(group: string, topics: number): void {
  const { topicsPerMember } = GROUP_LIMITS;
  if (topics > topicsPerMember) throw errors.tooManyTopicsRead(group, topics, topicsPerMember);
}

function same(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, i) => name === other[i]);
}
