import type { GroupPosition } from '../engine.js';
import type {
  GroupRefusal,
  JoinOutcome,
  JoinRequest,
  MemberClaim,
  SyncOutcome,
  SyncRequest,
} from './group-protocol.js';

/** What a member needs of its log: the group's coordinator, wherever that is, and what there is to read. */
export interface CoordinatorLink {
  /** A poll within this time of the last heartbeat sends none. */
  readonly heartbeatEveryMs: number;
  /** Resolves when the group agreed, which may take the longest rebalance timeout of its members. */
  join(group: string, request: JoinRequest): Promise<JoinOutcome>;
  /** Resolves when the leader has shared out. */
  sync(group: string, request: SyncRequest, protocol: string): Promise<SyncOutcome>;
  heartbeat(group: string, claim: MemberClaim): Promise<GroupRefusal | undefined>;
  /** Ends what the link holds too. Without a member id nobody has to be told. */
  leave(group: string, claim: MemberClaim): Promise<void>;
  /** Durable before it resolves, and decided when it is written. */
  commit(group: string, claim: MemberClaim, positions: readonly GroupPosition[]): Promise<GroupRefusal | undefined>;
  positions(group: string): Promise<readonly GroupPosition[]>;
  /** Partition counts of the topics that exist among these, of all when null. May be some seconds old where asking is costly. */
  partitionCounts(topics: readonly string[] | null): Promise<ReadonlyMap<string, number>>;
  /** Present start and end offset by partition; a topic that is gone has none. */
  ranges(topic: string): Promise<readonly { readonly startOffset: number; readonly endOffset: number }[]>;
}
