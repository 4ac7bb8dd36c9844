import type { GroupPosition } from './engine.js';
import type { PartitionRef } from './topic.js';

/** Where a classic group stands, in Kafka's words. DEAD: there is no such group. */
export type GroupState = 'EMPTY' | 'PREPARING_REBALANCE' | 'COMPLETING_REBALANCE' | 'STABLE' | 'DEAD';

/** How the partitions of a group are shared out among its members; names and results are those of Kafka's consumers. */
export type AssignmentStrategy = 'range' | 'roundrobin' | 'cooperative-sticky';

/** A live member as others see it. */
export interface GroupMemberDescription {
  readonly memberId: string;
  /** Of a static member: the name under which it comes back without a rebalance. */
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly host: string;
  /** Partitions of the present generation; empty while the group rebalances or when they are written in a form nobody else reads. */
  readonly assignment: readonly PartitionRef[];
}

/** A group in a listing. */
export interface GroupListing {
  readonly group: string;
  readonly state: GroupState;
}

export interface GroupDescription {
  readonly group: string;
  readonly state: GroupState;
  /** Of the members' last agreement; null where the engine does not tell. Rises with each rebalance, over restarts too. */
  readonly generation: number | null;
  /** Name of the strategy chosen by all members; null without members, and where members use one that only they know it is its name. */
  readonly strategy: string | null;
  readonly members: readonly GroupMemberDescription[];
  readonly positions: readonly GroupPosition[];
  /** Topics that groups are asked to rest from, by physical name: nothing of them is to be begun. Missing when there are none. */
  readonly resting?: readonly string[];
}

export interface JoinGroup {
  /**
   * Topics to read, by physical name, at most {@link GROUP_LIMITS} `topicsPerMember` of them; they need not exist yet. Or which of all topics: asked again whenever
   * topics came or went, so it must be quick; internal topics (`__` prefix) are not offered.
   */
  readonly topics: readonly string[] | { matching(topic: string): boolean };
  /** In order of preference; all members of a group must share one. Revoking before assigning happens only when `cooperative-sticky` is the only one. */
  readonly strategies: readonly AssignmentStrategy[];
  /** Shown in descriptions and part of the member's id; 1 … 200 characters. */
  readonly clientId: string;
  /** Shown in descriptions; an engine that sees the member's address itself shows that one. */
  readonly host?: string;
  /** Names a static member: it comes back under the name without a rebalance, and a second one under the name ends the first. */
  readonly instanceId?: string;
  /** Without a poll for this long the member is removed; 6 s to 30 min, 45 s by default. */
  readonly sessionTimeoutMs?: number;
  /** How long the others wait for this member to give up its partitions and join again; 5 min by default. */
  readonly rebalanceTimeoutMs?: number;
  /** Where to begin in a partition for which the group has no position. `none`: the caller decides, see {@link AssignedPartition}. */
  readonly startAt: 'earliest' | 'latest' | 'none';
}

/** A partition this member reads, and where it goes on: the group's position when it was assigned. */
export interface AssignedPartition extends PartitionRef {
  /** null only where the group has no position and the member joined with `startAt: 'none'`. */
  readonly offset: number | null;
}

/** What a poll found. */
export interface GroupUpdate {
  /**
   * `stable`: read `assignment`. `joining`: the group is still agreeing; go on with `assignment`, which is empty unless the member is cooperative. `revoking`: stop
   * reading `revoked`, commit what was read from them, and poll again: that gives them up.
   */
  readonly phase: 'stable' | 'joining' | 'revoking';
  readonly generation: number;
  readonly assignment: readonly AssignedPartition[];
  /** To be given up by the next poll; positions for them can still be committed. */
  readonly revoked: readonly PartitionRef[];
  /** Taken away without a chance to commit, since the group went on without this member. */
  readonly lost: readonly PartitionRef[];
}

/**
 * One member of a group. Nothing happens by itself: who holds it polls at least every third of the session timeout, also while it reads nothing, or the
 * group goes on without it. Calls may overlap; they are done one after another.
 */
export abstract class GroupMember {
  abstract readonly group: string;
  /** Given by the coordinator with the first join; empty before, and after the member was removed. */
  abstract readonly memberId: string;
  /** −1 before the first agreement. */
  abstract readonly generation: number;
  /** The strategy the members agreed on. */
  abstract readonly strategy: string | null;
  /** What this member reads. */
  abstract readonly assignment: readonly AssignedPartition[];

  /**
   * Tells the group that the member lives, and does what is due: joins, gives up what was named as revoked, takes what is assigned. Waits up to `maxWaitMs` (0 by default)
   * while the group is agreeing, and answers at once otherwise. Partitions added, topics created or deleted begin a rebalance here.
   * @throws `group-full`, `group-protocol-mismatch`, `invalid-session-timeout`; `member-fenced` when another member took its instance id; `group-member-closed` after {@link leave}.
   */
  abstract poll(maxWaitMs?: number): Promise<GroupUpdate>;

  /**
   * Stores positions of assigned or revoking partitions, durably before it resolves, if the member still belongs to the present generation when they are
   * written: whoever gets the partitions next goes on from them.
   * @throws `stale-generation`: nothing was stored, others may read the partitions; poll. `group-rebalancing`: nothing was stored, poll and repeat. `partition-not-assigned`,
   * `invalid-position`, `outcome-unknown`; `positions-closed`: the topic was handed over to its next generation, where the group goes on.
   */
  abstract commit(positions: readonly GroupPosition[]): Promise<void>;

  /** Leaves, so that the others get the partitions at once. Commit before it. Harmless to repeat. */
  abstract leave(): Promise<void>;
}

/** Bounds of groups that every engine of its own keeps alike. Kafka's brokers have theirs. */
export const GROUP_LIMITS = {
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  defaultSessionTimeoutMs: 45_000,
  defaultRebalanceTimeoutMs: 300_000,
  topicsPerMember: 1_000,
  clientIdLength: 200,
  membersPerGroup: 250,
  /** Over all members of a group: what they say of themselves to whoever shares out, who reads it in one go. */
  metadataBytesPerGroup: 512 * 1024,
  /** Groups with members at the same time. */
  activeGroups: 1_000,
} as const;
