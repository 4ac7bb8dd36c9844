import type { GroupState } from '../group-membership.js';
import { GROUP_LIMITS } from '../group-membership.js';
import { type GroupAnswer, GroupAnswers } from './group-answers.js';
import { GroupMembers, isReading, isSame, isWaiting, type Member, NO_ASSIGNMENT, refresh } from './group-members.js';
import type {
  GroupRefusal,
  JoinedMember,
  JoinOutcome,
  JoinRequest,
  MemberClaim,
  SyncRequest,
} from './group-protocol.js';
import { chooseProtocol, commonNames, metadataBytes, sameProtocols } from './offered-protocols.js';

export type { GroupAnswer } from './group-answers.js';

/** How a coordinator paces a group. */
export interface ClassicGroupSettings {
  /** How long the first members of an empty group wait for more, each further one extending it. */
  readonly initialDelayMs: number;
  readonly maxMembers: number;
}

/** A member as the group knows it. */
export interface ClassicMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly host: string;
  /** As the leader wrote it; empty while there is none. */
  readonly assignment: Uint8Array;
}

/**
 * The coordinator's side of one classic group, as decisions: calls come in with the time and, where they may have to wait, a ticket; what
 * is decided comes out as answers to tickets. It knows no clock, no durability and no network. Rules: Kafka's group coordinator.
 *
 * ```text
 * EMPTY ──join──▶ PREPARING ──all joined, or time──▶ COMPLETING ──leader syncs──▶ STABLE
 *   ▲                ▲   └─nobody left─▶ EMPTY          │                           │
 *   └────────────────┴────── a member comes, goes, changes or falls silent ─────────┘
 * ```
 */
export class ClassicGroup {
  #state: Exclude<GroupState, 'DEAD'> = 'EMPTY';
  #generation: number;
  #protocolType: string | null = null;
  #protocol: string | null = null;
  readonly #members = new GroupMembers();
  readonly #answers = new GroupAnswers();
  /** Members of the present generation that have not asked for their assignment. */
  readonly #unsynced = new Set<string>();
  /** End of waiting for members to join, or for assignments to be asked for. */
  #deadlineMs = Infinity;
  /** Before it a join of all known members does not end the waiting: more may come. */
  #holdUntilMs = -Infinity;
  #holdAtMostMs = -Infinity;
  /** How many ask it to rest. While any does no join is answered: members give up what they read and get nothing. */
  #rests = 0;

  /** `generation`: of the last agreement that anybody may know of. */
  constructor(
    generation: number,
    private readonly settings: ClassicGroupSettings,
  ) {
    this.#generation = generation;
  }

  get state(): GroupState {
    return this.#state;
  }

  get generation(): number {
    return this.#generation;
  }

  get protocolType(): string | null {
    return this.#protocolType;
  }

  /** Chosen by the members; null while they are agreeing. */
  get protocol(): string | null {
    return this.#protocol;
  }

  get leader(): string | null {
    return this.#members.leader;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Nobody is in it and nobody is about to be. */
  get idle(): boolean {
    return this.#members.size === 0 && this.#members.expected === 0;
  }

  members(): readonly ClassicMember[] {
    return this.#members.all().map(({ id, instanceId, clientId, host, assignment }) => {
      return { memberId: id, instanceId, clientId, host, assignment };
    });
  }

  /** Members that were asked to join anew and have not yet. */
  get awaited(): number {
    return this.#members.all().filter((one) => one.joining === undefined).length;
  }

  /** Whether a member reads a topic, or has said that it would. */
  reads(topic: string): boolean {
    return this.#members.all().some((one) => isReading(one, topic));
  }

  /** Asks all members to join anew, and answers none of them before as many have said {@link wake}. Who falls silent is removed all the same. */
  rest(nowMs: number): readonly GroupAnswer[] {
    this.#expire(nowMs);
    this.#rests++;
    if (this.#members.size > 0) this.#rebalance(nowMs);
    return this.#answers.taken();
  }

  /** Ends a rest: whoever has come agrees anew, and the others have the usual time to come. */
  wake(nowMs: number): readonly GroupAnswer[] {
    this.#rests--;
    if (this.#state === 'PREPARING_REBALANCE' && this.#rests === 0) {
      this.#deadlineMs = nowMs + this.#members.longestRebalanceMs();
      this.#completeWhenAllJoined(nowMs);
    }
    this.#expire(nowMs);
    return this.#answers.taken();
  }

  /** Ends the present generation: nothing that members claim by it is taken any more, and they join anew. */
  fence(nowMs: number): readonly GroupAnswer[] {
    this.#expire(nowMs);
    if (this.#members.size === 0) return this.#answers.taken();
    this.#generation++;
    this.#rebalance(nowMs);
    return this.#answers.taken();
  }

  /** When {@link tick} has something to do if nothing happens before; Infinity for never. */
  nextDeadlineMs(): number {
    if (this.#rests > 0) return this.#members.nextExpiryMs();
    let next = this.#deadlineMs;
    if (this.#state === 'PREPARING_REBALANCE' && this.#holdUntilMs > -Infinity)
      next = Math.min(next, this.#holdUntilMs);
    return Math.min(next, this.#members.nextExpiryMs());
  }

  /** Lets time take its effect: silent members go, waiting ends. Every other call does this first. */
  tick(nowMs: number): readonly GroupAnswer[] {
    this.#expire(nowMs);
    return this.#answers.taken();
  }

  /**
   * A member comes, comes back, or changes what it offers. Answered when the group agreed, or at once. `newId` is used for a member that has none: dynamic
   * ones are told it and come again.
   */
  join(ticket: number, request: JoinRequest, newId: string, nowMs: number): readonly GroupAnswer[] {
    this.#expire(nowMs);
    const refusal = this.#refusalOf(request);
    if (refusal !== undefined) this.#answers.refuseJoin(ticket, refusal);
    else if (request.memberId !== '') this.#joinKnown(ticket, request, nowMs);
    else if (request.instanceId !== null) this.#joinStatic(ticket, request, newId, request.instanceId, nowMs);
    else {
      this.#members.give(newId, nowMs + request.sessionTimeoutMs);
      this.#answers.join(ticket, { kind: 'id-given', memberId: newId });
    }
    return this.#answers.taken();
  }

  /** A member asks for its assignment; the leader brings everybody's. Answered when the leader has. */
  sync(ticket: number, request: SyncRequest, nowMs: number): readonly GroupAnswer[] {
    this.#expire(nowMs);
    const refusal = this.#refusalOfClaim(request) ?? (this.#state === 'PREPARING_REBALANCE' ? BUSY : undefined);
    const member = this.#members.get(request.memberId);
    if (refusal !== undefined || member === undefined) {
      this.#answers.refuseSync(ticket, refusal ?? 'unknown-member');
      return this.#answers.taken();
    }
    this.#unsynced.delete(member.id);
    if (this.#state === 'COMPLETING_REBALANCE') {
      this.#answers.refuseSyncOf(member, BUSY);
      member.syncing = ticket;
      if (member.id === this.#members.leader) this.#assign(request.assignments, nowMs);
    } else {
      this.#answers.sync(ticket, { kind: 'synced', assignment: member.assignment });
      refresh(member, nowMs);
    }
    if (this.#unsynced.size === 0 && this.#state === 'STABLE') this.#deadlineMs = Infinity;
    return this.#answers.taken();
  }

  /** A member lives. Answers why it must do something else than go on, undefined when it need not. */
  heartbeat(claim: MemberClaim, nowMs: number): GroupRefusal | undefined {
    const refusal = this.#refusalOfClaim(claim);
    if (refusal !== undefined) return refusal;
    refresh(this.#members.get(claim.memberId)!, nowMs);
    // Between joining and learning what it is assigned a member lives, too. Measured on brokers of 4.1.
    return this.#state === 'PREPARING_REBALANCE' ? BUSY : undefined;
  }

  /**
   * Whether a member may store positions now. While the group waits for members to join, those of the present generation still may; counts as
   * a sign of life. Without a claim: whether someone who is no member may, which is so only while there are none.
   */
  mayCommit(claim: MemberClaim | undefined, nowMs: number): GroupRefusal | undefined {
    if (claim === undefined) return this.#members.size === 0 ? undefined : 'unknown-member';
    const refusal = this.#refusalOfClaim(claim);
    if (refusal !== undefined) return refusal;
    if (this.#state === 'COMPLETING_REBALANCE') return BUSY;
    refresh(this.#members.get(claim.memberId)!, nowMs);
    return undefined;
  }

  /** A member goes. Its calls that wait are refused. */
  leave(
    { memberId, instanceId }: Omit<MemberClaim, 'generation'>,
    nowMs: number,
  ): {
    readonly refusal: GroupRefusal | undefined;
    readonly answers: readonly GroupAnswer[];
  } {
    this.#expire(nowMs);
    const given = this.#members.take(memberId);
    const known = memberId === '' && instanceId !== null ? (this.#members.idOf(instanceId) ?? '') : memberId;
    const refusal = given ? undefined : this.#members.refusalOf(known, instanceId);
    if (given && this.#state === 'PREPARING_REBALANCE') this.#completeWhenAllJoined(nowMs);
    if (!given && refusal === undefined) this.#remove(this.#members.get(known)!, 'unknown-member', nowMs);
    return { refusal, answers: this.#answers.taken() };
  }

  /** Ends every call that waits, since the coordinator closes. */
  abandon(): readonly GroupAnswer[] {
    for (const member of this.#members.all()) this.#answers.refuseAllOf(member, 'unknown-member');
    return this.#answers.taken();
  }

  #refusalOf(request: JoinRequest): GroupRefusal | undefined {
    const { sessionTimeoutMs, memberId, protocols, protocolType } = request;
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = GROUP_LIMITS;
    if (sessionTimeoutMs < minSessionTimeoutMs || sessionTimeoutMs > maxSessionTimeoutMs)
      return 'invalid-session-timeout';
    if (memberId !== '' && !this.#members.wasGiven(memberId)) {
      const unknown = this.#members.refusalOf(memberId, request.instanceId);
      if (unknown !== undefined) return unknown;
    }
    if (protocols.length === 0 || protocolType === '') return 'inconsistent-protocol';
    const others = this.#members.all().filter((one) => !isSame(one, request));
    if (others.length > 0) {
      if (protocolType !== this.#protocolType) return 'inconsistent-protocol';
      const common = commonNames(others);
      if (!protocols.some(({ name }) => common.has(name))) return 'inconsistent-protocol';
    }
    const places = this.#members.placesBeside(others.length, memberId);
    const bytes = others.reduce((sum, one) => sum + metadataBytes(one.protocols), metadataBytes(protocols));
    const full = places >= this.settings.maxMembers || bytes > GROUP_LIMITS.metadataBytesPerGroup;
    return full ? 'group-full' : undefined;
  }

  #refusalOfClaim({ memberId, instanceId, generation }: MemberClaim): GroupRefusal | undefined {
    const refusal = this.#members.refusalOf(memberId, instanceId);
    return refusal ?? (generation === this.#generation ? undefined : 'illegal-generation');
  }

  #joinKnown(ticket: number, request: JoinRequest, nowMs: number): void {
    const member = this.#members.get(request.memberId);
    if (member === undefined) {
      this.#members.take(request.memberId);
      return this.#add(ticket, request, request.memberId, nowMs);
    }
    const changed = !sameProtocols(member.protocols, request.protocols);
    const stays =
      !changed &&
      (this.#state === 'COMPLETING_REBALANCE' || (this.#state === 'STABLE' && member.id !== this.#members.leader));
    this.#members.update(member, request, nowMs);
    if (stays) return this.#answerJoin(member, ticket, false);
    this.#park(member, ticket);
    this.#rebalance(nowMs);
  }

  #joinStatic(ticket: number, request: JoinRequest, newId: string, instanceId: string, nowMs: number): void {
    const known = this.#members.idOf(instanceId);
    if (known === undefined) return this.#add(ticket, request, newId, nowMs);
    const member = this.#members.get(known)!;
    this.#answers.refuseAllOf(member, 'fenced-instance');
    const changed = !sameProtocols(member.protocols, request.protocols);
    const led = this.#members.leader === known;
    this.#members.rename(member, newId);
    if (this.#unsynced.delete(known)) this.#unsynced.add(newId);
    this.#members.update(member, request, nowMs);
    if (this.#state === 'STABLE' && !changed) return this.#answerJoin(member, ticket, led);
    this.#park(member, ticket);
    this.#rebalance(nowMs);
  }

  #add(ticket: number, request: JoinRequest, id: string, nowMs: number): void {
    const first = this.#members.size === 0;
    this.#members.add(id, request, ticket, nowMs);
    if (first) this.#protocolType = request.protocolType;
    const { initialDelayMs } = this.settings;
    if (this.#state === 'EMPTY' && initialDelayMs > 0) {
      this.#holdUntilMs = nowMs + initialDelayMs;
      this.#holdAtMostMs = nowMs + request.rebalanceTimeoutMs;
    } else if (this.#holdUntilMs > nowMs) {
      this.#holdUntilMs = Math.min(nowMs + initialDelayMs, this.#holdAtMostMs);
    }
    this.#rebalance(nowMs);
  }

  /** Keeps a join waiting; an earlier one of the same member is answered as overtaken. */
  #park(member: Member, ticket: number): void {
    this.#answers.refuseJoinOf(member, BUSY);
    member.joining = ticket;
  }

  /** Begins to wait for everybody to join, or goes on waiting. */
  #rebalance(nowMs: number): void {
    if (this.#state !== 'PREPARING_REBALANCE') {
      for (const member of this.#members.all()) this.#answers.refuseSyncOf(member, BUSY);
      this.#unsynced.clear();
      this.#state = 'PREPARING_REBALANCE';
      this.#protocol = null;
      this.#deadlineMs = nowMs + this.#members.longestRebalanceMs();
    }
    this.#completeWhenAllJoined(nowMs);
  }

  #completeWhenAllJoined(nowMs: number): void {
    if (this.#rests > 0 && this.#members.size > 0) return;
    if (this.#members.expected > 0 || nowMs < this.#holdUntilMs) return;
    for (const member of this.#members.all()) if (member.joining === undefined) return;
    this.#completeJoin(nowMs);
  }

  /** The generation is whoever has joined. */
  #completeJoin(nowMs: number): void {
    for (const member of this.#members.all()) {
      // A static member may come back until its session ends; the others go on without it.
      if (member.joining === undefined && member.instanceId === null) this.#forget(member);
    }
    this.#holdUntilMs = -Infinity;
    const joined = this.#members.all().filter((one) => one.joining !== undefined);
    if (joined.length === 0 && this.#members.size > 0) {
      this.#deadlineMs = nowMs + this.#members.longestRebalanceMs();
      return;
    }
    this.#generation++;
    if (joined.length === 0) {
      this.#state = 'EMPTY';
      this.#protocolType = this.#protocol = this.#members.leader = null;
      this.#deadlineMs = Infinity;
      return;
    }
    if (this.#members.get(this.#members.leader ?? '')?.joining === undefined) this.#members.leader = joined[0]!.id;
    this.#protocol = chooseProtocol(this.#members.all());
    this.#state = 'COMPLETING_REBALANCE';
    this.#deadlineMs = nowMs + this.#members.longestRebalanceMs();
    for (const member of this.#members.all()) {
      member.assignment = NO_ASSIGNMENT;
      this.#unsynced.add(member.id);
    }
    for (const member of joined) {
      const ticket = member.joining!;
      member.joining = undefined;
      refresh(member, nowMs);
      this.#answerJoin(member, ticket, false);
    }
  }

  #assign(assignments: ReadonlyMap<string, Uint8Array>, nowMs: number): void {
    this.#state = 'STABLE';
    for (const member of this.#members.all()) {
      member.assignment = assignments.get(member.id) ?? NO_ASSIGNMENT;
      if (member.syncing === undefined) continue;
      const { syncing: ticket, assignment } = member;
      member.syncing = undefined;
      refresh(member, nowMs);
      this.#answers.sync(ticket, { kind: 'synced', assignment });
    }
  }

  #answerJoin(member: Member, ticket: number, skipAssignment: boolean): void {
    const leader = this.#members.leader ?? '';
    const outcome: JoinOutcome = {
      kind: 'joined',
      memberId: member.id,
      generation: this.#generation,
      protocol: this.#protocol ?? '',
      leader,
      members: member.id === leader ? this.#offers() : [],
      skipAssignment,
    };
    this.#answers.join(ticket, outcome);
  }

  #offers(): readonly JoinedMember[] {
    return this.#members.all().map(({ id, instanceId, protocols }) => {
      const offer = protocols.find((one) => one.name === this.#protocol);
      return { memberId: id, instanceId, metadata: offer?.metadata ?? NO_ASSIGNMENT };
    });
  }

  /** Takes a member out and lets the others agree anew. */
  #remove(member: Member, reason: GroupRefusal, nowMs: number): void {
    this.#answers.refuseAllOf(member, reason);
    this.#forget(member);
    this.#rebalance(nowMs);
  }

  #forget(member: Member): void {
    this.#members.forget(member);
    this.#unsynced.delete(member.id);
  }

  #expire(nowMs: number): void {
    this.#members.expireGiven(nowMs);
    for (const member of this.#members.all()) {
      if (!isWaiting(member) && member.expiresAtMs <= nowMs) this.#remove(member, 'unknown-member', nowMs);
    }
    if (this.#state === 'PREPARING_REBALANCE') {
      if (this.#deadlineMs <= nowMs && this.#rests === 0) this.#completeJoin(nowMs);
      else this.#completeWhenAllJoined(nowMs);
    } else if (this.#deadlineMs <= nowMs) {
      this.#deadlineMs = Infinity;
      if (this.#unsynced.size === 0) return;
      // Whoever joined and then never asked for its share blocks it for everybody.
      const silent = [...this.#unsynced].map((id) => this.#members.get(id)!);
      for (const member of silent) this.#forget(member);
      this.#rebalance(nowMs);
    }
  }
}

const BUSY: GroupRefusal = 'rebalance-in-progress';
