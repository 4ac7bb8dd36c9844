import { assignmentOf, decodeSubscription } from './consumer-protocol.js';
import type { GroupProtocol, GroupRefusal, JoinRequest } from './group-protocol.js';

/** A member of a group. */
export interface Member {
  id: string;
  readonly instanceId: string | null;
  clientId: string;
  host: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocols: readonly GroupProtocol[];
  /** As the leader wrote it; empty while there is none. */
  assignment: Uint8Array;
  /** Removed then, unless it is waiting for an answer. */
  expiresAtMs: number;
  /** Tickets of the calls that wait for an answer. */
  joining: number | undefined;
  syncing: number | undefined;
}

export const NO_ASSIGNMENT = new Uint8Array();

/** Who is in a group, in the order they came; who leads it; which static member has which id; ids that were given and not yet used. */
export class GroupMembers {
  readonly #byId = new Map<string, Member>();
  readonly #instances = new Map<string, string>();
  /** Until when each is held. */
  readonly #given = new Map<string, number>();
  /** The first who came, until it goes or somebody else is named. */
  leader: string | null = null;

  get size(): number {
    return this.#byId.size;
  }

  /** How many ids are held for members that are about to come. */
  get expected(): number {
    return this.#given.size;
  }

  all(): readonly Member[] {
    return [...this.#byId.values()];
  }

  get(id: string): Member | undefined {
    return this.#byId.get(id);
  }

  /** The id of the static member of this name. */
  idOf(instanceId: string): string | undefined {
    return this.#instances.get(instanceId);
  }

  add(id: string, request: JoinRequest, ticket: number, nowMs: number): void {
    const { instanceId, clientId, host, sessionTimeoutMs, rebalanceTimeoutMs, protocols } = request;
    this.#byId.set(id, {
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
    });
    if (instanceId !== null) this.#instances.set(instanceId, id);
    this.leader ??= id;
  }

  /** What a member says of itself when it joins again; counts as a sign of life. */
  update(member: Member, request: JoinRequest, nowMs: number): void {
    member.clientId = request.clientId;
    member.host = request.host;
    member.sessionTimeoutMs = request.sessionTimeoutMs;
    member.rebalanceTimeoutMs = request.rebalanceTimeoutMs;
    member.protocols = request.protocols;
    refresh(member, nowMs);
  }

  /** A static member that came back goes on under another id, as the leader if it was that. */
  rename(member: Member, id: string): void {
    const led = this.leader === member.id;
    this.#byId.delete(member.id);
    member.id = id;
    this.#byId.set(id, member);
    if (member.instanceId !== null) this.#instances.set(member.instanceId, id);
    if (led) this.leader = id;
  }

  /** Whoever came first of those left leads then. */
  forget(member: Member): void {
    this.#byId.delete(member.id);
    if (member.instanceId !== null) this.#instances.delete(member.instanceId);
    if (this.leader !== member.id) return;
    const [next] = this.#byId.keys();
    this.leader = next ?? null;
  }

  /** Holds an id for a member that was told it. */
  give(id: string, untilMs: number): void {
    this.#given.set(id, untilMs);
  }

  wasGiven(id: string): boolean {
    return this.#given.has(id);
  }

  /** An id that was given is used, or not wanted any more. Answers whether it was held. */
  take(id: string): boolean {
    return this.#given.delete(id);
  }

  /** Holds ids no longer than was said. */
  expireGiven(nowMs: number): void {
    for (const [id, until] of this.#given) if (until <= nowMs) this.#given.delete(id);
  }

  /** Places taken beside that of whoever joins: ids that were given hold one, or a crowd that comes at once would pass the limit. */
  placesBeside(others: number, memberId: string): number {
    return others + this.#given.size - (this.#given.has(memberId) ? 1 : 0);
  }

  /** Why somebody is not who they say, undefined when they are. */
  refusalOf(memberId: string, instanceId: string | null): GroupRefusal | undefined {
    if (instanceId !== null) {
      const present = this.#instances.get(instanceId);
      if (present === undefined) return 'unknown-member';
      if (present !== memberId) return 'fenced-instance';
    }
    return this.#byId.has(memberId) ? undefined : 'unknown-member';
  }

  /** When the first id or silent member expires; Infinity for never. */
  nextExpiryMs(): number {
    let next = Infinity;
    for (const until of this.#given.values()) next = Math.min(next, until);
    for (const member of this.#byId.values()) if (!isWaiting(member)) next = Math.min(next, member.expiresAtMs);
    return next;
  }

  longestRebalanceMs(): number {
    let longest = 0;
    for (const { rebalanceTimeoutMs } of this.#byId.values()) longest = Math.max(longest, rebalanceTimeoutMs);
    return longest;
  }
}

/** A member lives: its session begins anew. */
export function refresh(member: Member, nowMs: number): void {
  member.expiresAtMs = nowMs + member.sessionTimeoutMs;
}

/** Whether a call of this member waits for an answer. */
export function isWaiting({ joining, syncing }: Member): boolean {
  return joining !== undefined || syncing !== undefined;
}

/** Whether a request comes from this member. */
export function isSame(member: Member, { memberId, instanceId }: JoinRequest): boolean {
  return member.id === memberId || (instanceId !== null && member.instanceId === instanceId);
}

/** Whether a member is assigned a partition of a topic, or subscribes to it. */
export function isReading({ assignment, protocols }: Member, topic: string): boolean {
  if (assignmentOf(assignment).some((one) => one.topic === topic)) return true;
  return protocols.some(({ metadata }) => decodeSubscription(metadata)?.topics.includes(topic) ?? false);
}
