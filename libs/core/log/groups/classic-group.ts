import type { GroupState } from '../group-membership.js';
import { GROUP_LIMITS } from '../group-membership.js';
import type {
  GroupProtocol,
  GroupRefusal,
  JoinedMember,
  JoinOutcome,
  JoinRequest,
  MemberClaim,
  SyncOutcome,
  SyncRequest,
} from './group-protocol.js';

/** A member of the group. */
interface Member {
  id: string;
  instanceId: string | null;
  clientId: string;
  host: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocols: readonly GroupProtocol[];
  assignment: Uint8Array;
  /** Removed then, unless it is waiting for an answer. */
  expiresAtMs: number;
  /** Tickets of the calls that wait for an answer. */
  joining: number | undefined;
  syncing: number | undefined;
}

/** The answer to a call that was handed in under a ticket, now or earlier. */
export type GroupAnswer =
  | { readonly kind: 'join'; readonly ticket: number; readonly outcome: JoinOutcome }
  | { readonly kind: 'sync'; readonly ticket: number; readonly outcome: SyncOutcome };

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

const NO_ASSIGNMENT = new Uint8Array();

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
  #leader: string | null = null;
  /** In the order they came. */
  readonly #members = new Map<string, Member>();
  readonly #instances = new Map<string, string>();
  /** Ids that were given and not yet used, and until when they are held. */
  readonly #given = new Map<string, number>();
  /** Members of the present generation that have not asked for their assignment. */
  readonly #unsynced = new Set<string>();
  /** End of waiting for members to join, or for assignments to be asked for. */
  #deadlineMs = Infinity;
  /** Before it a join of all known members does not end the waiting: more may come. */
  #holdUntilMs = -Infinity;
  #holdAtMostMs = -Infinity;
  #answers: GroupAnswer[] = [];

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
    return this.#leader;
  }

  get size(): number {
    return this.#members.size;
  }

  /** Nobody is in it and nobody is about to be. */
  get idle(): boolean {
    return this.#members.size === 0 && this.#given.size === 0;
  }

  members(): readonly ClassicMember[] {
    return [...this.#members.values()].map(({ id, instanceId, clientId, host, assignment }) => {
      return { memberId: id, instanceId, clientId, host, assignment };
    });
  }

  /** When {@link tick} has something to do if nothing happens before; Infinity for never. */
  nextDeadlineMs(): number {
    let next = this.#deadlineMs;
    if (this.#state === 'PREPARING_REBALANCE' && this.#holdUntilMs > -Infinity)
      next = Math.min(next, this.#holdUntilMs);
    for (const until of this.#given.values()) next = Math.min(next, until);
    for (const member of this.#members.values()) if (!isWaiting(member)) next = Math.min(next, member.expiresAtMs);
    return next;
  }

  /** Lets time take its effect: silent members go, waiting ends. Every other call does this first. */
  tick(nowMs: number): readonly GroupAnswer[] {
    this.#expire(nowMs);
    return this.#taken();
  }

  /**
   * A member comes, comes back, or changes what it offers. Answered when the group agreed, or at once. `newId` is used for a member that has none: dynamic
   * ones are told it and come again.
   */
  join(ticket: number, request: JoinRequest, newId: string, nowMs: number): readonly GroupAnswer[] {
    this.#expire(nowMs);
    const refusal = this.#refusalOf(request);
    if (refusal !== undefined) this.#refuseJoin(ticket, refusal);
    else if (request.memberId !== '') this.#joinKnown(ticket, request, nowMs);
    else if (request.instanceId !== null) this.#joinStatic(ticket, request, newId, request.instanceId, nowMs);
    else {
      this.#given.set(newId, nowMs + request.sessionTimeoutMs);
      this.#answers.push({ kind: 'join', ticket, outcome: { kind: 'id-given', memberId: newId } });
    }
    return this.#taken();
  }

  /** A member asks for its assignment; the leader brings everybody's. Answered when the leader has. */
  sync(ticket: number, request: SyncRequest, nowMs: number): readonly GroupAnswer[] {
    this.#expire(nowMs);
    const refusal = this.#refusalOfClaim(request) ?? (this.#state === 'PREPARING_REBALANCE' ? BUSY : undefined);
    const member = this.#members.get(request.memberId);
    if (refusal !== undefined || member === undefined) {
      this.#answers.push({ kind: 'sync', ticket, outcome: refused(refusal ?? 'unknown-member') });
      return this.#taken();
    }
    this.#unsynced.delete(member.id);
    if (this.#state === 'COMPLETING_REBALANCE') {
      this.#refuseSync(member, BUSY);
      member.syncing = ticket;
      if (member.id === this.#leader) this.#assign(request.assignments, nowMs);
    } else {
      this.#answers.push({ kind: 'sync', ticket, outcome: { kind: 'synced', assignment: member.assignment } });
      this.#refresh(member, nowMs);
    }
    if (this.#unsynced.size === 0 && this.#state === 'STABLE') this.#deadlineMs = Infinity;
    return this.#taken();
  }

  /** A member lives. Answers why it must do something else than go on, undefined when it need not. */
  heartbeat(claim: MemberClaim, nowMs: number): GroupRefusal | undefined {
    const refusal = this.#refusalOfClaim(claim);
    if (refusal !== undefined) return refusal;
    this.#refresh(this.#members.get(claim.memberId)!, nowMs);
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
    this.#refresh(this.#members.get(claim.memberId)!, nowMs);
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
    const given = this.#given.delete(memberId);
    const known = memberId === '' && instanceId !== null ? (this.#instances.get(instanceId) ?? '') : memberId;
    const refusal = given ? undefined : this.#refusalOfMember(known, instanceId);
    if (given && this.#state === 'PREPARING_REBALANCE') this.#completeWhenAllJoined(nowMs);
    if (!given && refusal === undefined) this.#remove(this.#members.get(known)!, 'unknown-member', nowMs);
    return { refusal, answers: this.#taken() };
  }

  /** Ends every call that waits, since the coordinator closes. */
  abandon(): readonly GroupAnswer[] {
    for (const member of this.#members.values()) {
      this.#refuseWaiting(member, 'unknown-member');
    }
    return this.#taken();
  }

  #refusalOf(request: JoinRequest): GroupRefusal | undefined {
    const { sessionTimeoutMs, memberId, protocols, protocolType } = request;
    const { minSessionTimeoutMs, maxSessionTimeoutMs } = GROUP_LIMITS;
    if (sessionTimeoutMs < minSessionTimeoutMs || sessionTimeoutMs > maxSessionTimeoutMs)
      return 'invalid-session-timeout';
    if (memberId !== '' && !this.#given.has(memberId)) {
      const unknown = this.#refusalOfMember(memberId, request.instanceId);
      if (unknown !== undefined) return unknown;
    }
    if (protocols.length === 0 || protocolType === '') return 'inconsistent-protocol';
    const others = [...this.#members.values()].filter((one) => !isSame(one, request));
    if (others.length > 0) {
      if (protocolType !== this.#protocolType) return 'inconsistent-protocol';
      const common = commonNames(others);
      if (!protocols.some(({ name }) => common.has(name))) return 'inconsistent-protocol';
    }
    // Ids that were given hold a place, or a crowd that comes at once would pass the limit.
    const places = others.length + [...this.#given.keys()].filter((id) => id !== memberId).length;
    const bytes = others.reduce((sum, one) => sum + metadataBytes(one.protocols), metadataBytes(protocols));
    const full = places >= this.settings.maxMembers || bytes > GROUP_LIMITS.metadataBytesPerGroup;
    return full ? 'group-full' : undefined;
  }

  #refusalOfMember(memberId: string, instanceId: string | null): GroupRefusal | undefined {
    if (instanceId !== null) {
      const present = this.#instances.get(instanceId);
      if (present === undefined) return 'unknown-member';
      if (present !== memberId) return 'fenced-instance';
    }
    return this.#members.has(memberId) ? undefined : 'unknown-member';
  }

  #refusalOfClaim({ memberId, instanceId, generation }: MemberClaim): GroupRefusal | undefined {
    const refusal = this.#refusalOfMember(memberId, instanceId);
    return refusal ?? (generation === this.#generation ? undefined : 'illegal-generation');
  }

  #joinKnown(ticket: number, request: JoinRequest, nowMs: number): void {
    const member = this.#members.get(request.memberId);
    if (member === undefined) {
      this.#given.delete(request.memberId);
      return this.#add(ticket, request, request.memberId, nowMs);
    }
    const changed = !sameProtocols(member.protocols, request.protocols);
    const stays =
      !changed && (this.#state === 'COMPLETING_REBALANCE' || (this.#state === 'STABLE' && member.id !== this.#leader));
    this.#update(member, request, nowMs);
    if (stays) return this.#answerJoin(member, ticket, false);
    this.#park(member, ticket);
    this.#rebalance(nowMs);
  }

  #joinStatic(ticket: number, request: JoinRequest, newId: string, instanceId: string, nowMs: number): void {
    const known = this.#instances.get(instanceId);
    if (known === undefined) return this.#add(ticket, request, newId, nowMs);
    const member = this.#members.get(known)!;
    this.#refuseWaiting(member, 'fenced-instance');
    const changed = !sameProtocols(member.protocols, request.protocols);
    const led = this.#leader === known;
    this.#members.delete(known);
    member.id = newId;
    this.#members.set(newId, member);
    this.#instances.set(instanceId, newId);
    if (led) this.#leader = newId;
    if (this.#unsynced.delete(known)) this.#unsynced.add(newId);
    this.#update(member, request, nowMs);
    if (this.#state === 'STABLE' && !changed) return this.#answerJoin(member, ticket, led);
    this.#park(member, ticket);
    this.#rebalance(nowMs);
  }

  #add(ticket: number, request: JoinRequest, id: string, nowMs: number): void {
    const { instanceId, clientId, host, sessionTimeoutMs, rebalanceTimeoutMs, protocols } = request;
    const first = this.#members.size === 0;
    const member: Member = {
      id,
      instanceId,
      clientId,
      host,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      protocols,
      assignment: NO_ASSIGNMENT,
      expiresAtMs: nowMs + sessionTimeoutMs,
      joining: ticket,
      syncing: undefined,
    };
    this.#members.set(id, member);
    if (instanceId !== null) this.#instances.set(instanceId, id);
    this.#leader ??= id;
    if (first) this.#protocolType = request.protocolType;
    const { initialDelayMs } = this.settings;
    if (this.#state === 'EMPTY' && initialDelayMs > 0) {
      this.#holdUntilMs = nowMs + initialDelayMs;
      this.#holdAtMostMs = nowMs + rebalanceTimeoutMs;
    } else if (this.#holdUntilMs > nowMs) {
      this.#holdUntilMs = Math.min(nowMs + initialDelayMs, this.#holdAtMostMs);
    }
    this.#rebalance(nowMs);
  }

  #update(member: Member, request: JoinRequest, nowMs: number): void {
    member.clientId = request.clientId;
    member.host = request.host;
    member.sessionTimeoutMs = request.sessionTimeoutMs;
    member.rebalanceTimeoutMs = request.rebalanceTimeoutMs;
    member.protocols = request.protocols;
    this.#refresh(member, nowMs);
  }

  #refresh(member: Member, nowMs: number): void {
    member.expiresAtMs = nowMs + member.sessionTimeoutMs;
  }

  /** Keeps a join waiting; an earlier one of the same member is answered as overtaken. */
  #park(member: Member, ticket: number): void {
    if (member.joining !== undefined) this.#refuseJoin(member.joining, BUSY);
    member.joining = ticket;
  }

  /** Begins to wait for everybody to join, or goes on waiting. */
  #rebalance(nowMs: number): void {
    if (this.#state !== 'PREPARING_REBALANCE') {
      for (const member of this.#members.values()) this.#refuseSync(member, BUSY);
      this.#unsynced.clear();
      this.#state = 'PREPARING_REBALANCE';
      this.#protocol = null;
      this.#deadlineMs = nowMs + this.#longestRebalanceMs();
    }
    this.#completeWhenAllJoined(nowMs);
  }

  #completeWhenAllJoined(nowMs: number): void {
    if (this.#given.size > 0 || nowMs < this.#holdUntilMs) return;
    for (const member of this.#members.values()) if (member.joining === undefined) return;
    this.#completeJoin(nowMs);
  }

  /** The generation is whoever has joined. */
  #completeJoin(nowMs: number): void {
    for (const member of [...this.#members.values()]) {
      // A static member may come back until its session ends; the others go on without it.
      if (member.joining === undefined && member.instanceId === null) this.#forget(member);
    }
    this.#holdUntilMs = -Infinity;
    const joined = [...this.#members.values()].filter((one) => one.joining !== undefined);
    if (joined.length === 0 && this.#members.size > 0) {
      this.#deadlineMs = nowMs + this.#longestRebalanceMs();
      return;
    }
    this.#generation++;
    if (joined.length === 0) {
      this.#state = 'EMPTY';
      this.#protocolType = this.#protocol = this.#leader = null;
      this.#deadlineMs = Infinity;
      return;
    }
    if (this.#members.get(this.#leader ?? '')?.joining === undefined) this.#leader = joined[0]!.id;
    this.#protocol = chooseProtocol([...this.#members.values()]);
    this.#state = 'COMPLETING_REBALANCE';
    this.#deadlineMs = nowMs + this.#longestRebalanceMs();
    for (const member of this.#members.values()) {
      member.assignment = NO_ASSIGNMENT;
      this.#unsynced.add(member.id);
    }
    for (const member of joined) {
      const ticket = member.joining!;
      member.joining = undefined;
      this.#refresh(member, nowMs);
      this.#answerJoin(member, ticket, false);
    }
  }

  #assign(assignments: ReadonlyMap<string, Uint8Array>, nowMs: number): void {
    this.#state = 'STABLE';
    for (const member of this.#members.values()) {
      member.assignment = assignments.get(member.id) ?? NO_ASSIGNMENT;
      if (member.syncing === undefined) continue;
      const { syncing: ticket, assignment } = member;
      member.syncing = undefined;
      this.#refresh(member, nowMs);
      this.#answers.push({ kind: 'sync', ticket, outcome: { kind: 'synced', assignment } });
    }
  }

  #answerJoin(member: Member, ticket: number, skipAssignment: boolean): void {
    const leader = this.#leader ?? '';
    const outcome: JoinOutcome = {
      kind: 'joined',
      memberId: member.id,
      generation: this.#generation,
      protocol: this.#protocol ?? '',
      leader,
      members: member.id === leader ? this.#offers() : [],
      skipAssignment,
    };
    this.#answers.push({ kind: 'join', ticket, outcome });
  }

  #offers(): readonly JoinedMember[] {
    return [...this.#members.values()].map(({ id, instanceId, protocols }) => {
      const offer = protocols.find((one) => one.name === this.#protocol);
      return { memberId: id, instanceId, metadata: offer?.metadata ?? NO_ASSIGNMENT };
    });
  }

  /** Takes a member out and lets the others agree anew. */
  #remove(member: Member, reason: GroupRefusal, nowMs: number): void {
    this.#refuseWaiting(member, reason);
    this.#forget(member);
    this.#rebalance(nowMs);
  }

  #forget(member: Member): void {
    this.#members.delete(member.id);
    this.#unsynced.delete(member.id);
    if (member.instanceId !== null) this.#instances.delete(member.instanceId);
    if (this.#leader !== member.id) return;
    const [next] = this.#members.keys();
    this.#leader = next ?? null;
  }

  #expire(nowMs: number): void {
    for (const [id, until] of this.#given) if (until <= nowMs) this.#given.delete(id);
    for (const member of [...this.#members.values()]) {
      if (!isWaiting(member) && member.expiresAtMs <= nowMs) this.#remove(member, 'unknown-member', nowMs);
    }
    if (this.#state === 'PREPARING_REBALANCE') {
      if (this.#deadlineMs <= nowMs) this.#completeJoin(nowMs);
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

  #refuseJoin(ticket: number, reason: GroupRefusal): void {
    this.#answers.push({ kind: 'join', ticket, outcome: { kind: 'refused', reason } });
  }

  #refuseSync(member: Member, reason: GroupRefusal): void {
    if (member.syncing === undefined) return;
    this.#answers.push({ kind: 'sync', ticket: member.syncing, outcome: refused(reason) });
    member.syncing = undefined;
  }

  #refuseWaiting(member: Member, reason: GroupRefusal): void {
    if (member.joining !== undefined) this.#refuseJoin(member.joining, reason);
    member.joining = undefined;
    this.#refuseSync(member, reason);
  }

  #longestRebalanceMs(): number {
    let longest = 0;
    for (const { rebalanceTimeoutMs } of this.#members.values()) longest = Math.max(longest, rebalanceTimeoutMs);
    return longest;
  }

  #taken(): readonly GroupAnswer[] {
    const answers = this.#answers;
    this.#answers = [];
    return answers;
  }
}

const BUSY: GroupRefusal = 'rebalance-in-progress';

function refused(reason: GroupRefusal): { readonly kind: 'refused'; readonly reason: GroupRefusal } {
  return { kind: 'refused', reason };
}

function isWaiting({ joining, syncing }: Member): boolean {
  return joining !== undefined || syncing !== undefined;
}

function isSame(member: Member, { memberId, instanceId }: JoinRequest): boolean {
  return member.id === memberId || (instanceId !== null && member.instanceId === instanceId);
}

function metadataBytes(protocols: readonly GroupProtocol[]): number {
  return protocols.reduce((sum, one) => sum + one.name.length + one.metadata.length, 0);
}

/** Names every member offers. */
function commonNames(members: readonly Member[]): Set<string> {
  const [first, ...others] = members;
  const common = new Set((first?.protocols ?? []).map((one) => one.name));
  for (const { protocols } of others) {
    const offered = new Set(protocols.map((one) => one.name));
    for (const name of common) if (!offered.has(name)) common.delete(name);
  }
  return common;
}

/** The one with most votes, each member voting for the first it offers that all have; of equals the one voted for first. */
function chooseProtocol(members: readonly Member[]): string {
  const common = commonNames(members);
  const votes = new Map<string, number>();
  for (const { protocols } of members) {
    const vote = protocols.find(({ name }) => common.has(name));
    if (vote !== undefined) votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1);
  }
  let chosen = '';
  for (const [name, count] of votes) if (chosen === '' || count > votes.get(chosen)!) chosen = name;
  return chosen;
}

function sameProtocols(one: readonly GroupProtocol[], other: readonly GroupProtocol[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ name, metadata }, i) => {
      const { name: otherName, metadata: otherMetadata } = other[i]!;
      return name === otherName && Buffer.compare(metadata, otherMetadata) === 0;
    })
  );
}
