/** The requests of Kafka's classic group protocol and their outcomes, without their wire form. */

/** Why a coordinator refuses; each is an error code of Kafka's protocol, named in the comment. */
export type GroupRefusal =
  /** UNKNOWN_MEMBER_ID 25: never seen, left, or removed. Join again without an id. */
  | 'unknown-member'
  /** ILLEGAL_GENERATION 22: the group has gone on. */
  | 'illegal-generation'
  /** REBALANCE_IN_PROGRESS 27: join again under the same id. */
  | 'rebalance-in-progress'
  /** FENCED_INSTANCE_ID 82: another member came under this instance id. */
  | 'fenced-instance'
  /** INCONSISTENT_GROUP_PROTOCOL 23: nothing in common with the members there are. */
  | 'inconsistent-protocol'
  /** INVALID_SESSION_TIMEOUT 26. */
  | 'invalid-session-timeout'
  /** GROUP_MAX_SIZE_REACHED 81. */
  | 'group-full';

/** What a member offers: the name of a way to share out, and what whoever shares out must know of it, opaque here. */
export interface GroupProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

/** JoinGroup. */
export interface JoinRequest {
  /** Empty for a member that is new. */
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly host: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocolType: string;
  /** In order of preference. */
  readonly protocols: readonly GroupProtocol[];
}

export type JoinOutcome =
  | {
      readonly kind: 'joined';
      readonly memberId: string;
      readonly generation: number;
      readonly protocol: string;
      readonly leader: string;
      /** For the leader: everyone, with what they offered under the chosen protocol. Empty for others. */
      readonly members: readonly JoinedMember[];
      /** The leader came back under its instance id and nothing changed: the assignment in force stays. */
      readonly skipAssignment: boolean;
    }
  /** MEMBER_ID_REQUIRED 79: join again under this id, so that a lost answer leaves no member behind that nobody knows. */
  | { readonly kind: 'id-given'; readonly memberId: string }
  | { readonly kind: 'refused'; readonly reason: GroupRefusal };

export interface JoinedMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly metadata: Uint8Array;
}

/** Who speaks: what SyncGroup, Heartbeat and OffsetCommit name. */
export interface MemberClaim {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly generation: number;
}

/** SyncGroup. Only the leader's assignments are looked at; a member without one gets none. */
export interface SyncRequest extends MemberClaim {
  readonly assignments: ReadonlyMap<string, Uint8Array>;
}

export type SyncOutcome =
  | { readonly kind: 'synced'; readonly assignment: Uint8Array }
  | { readonly kind: 'refused'; readonly reason: GroupRefusal };
