import type { GroupPosition, LogEngine } from '../engine.js';
import type { CoordinatorLink } from './coordinator-link.js';
import type { GroupCoordinator } from './group-coordinator.js';
import type {
  GroupRefusal,
  JoinOutcome,
  JoinRequest,
  MemberClaim,
  SyncOutcome,
  SyncRequest,
} from './group-protocol.js';

/** Writes positions if {@link GroupCoordinator.refusalOfCommit} has nothing against the member at the moment they are decided. */
export type CommitAsMember = (
  group: string,
  claim: MemberClaim,
  positions: readonly GroupPosition[],
) => Promise<GroupRefusal | undefined>;

/** From a member to a coordinator in the same process. */
export class LocalLink implements CoordinatorLink {
  /** A heartbeat costs nothing here: every poll is one. */
  readonly heartbeatEveryMs = 0;

  constructor(
    private readonly engine: Pick<LogEngine, 'describeGroup' | 'describeTopic'>,
    private readonly coordinator: GroupCoordinator,
    private readonly counts: (topics: readonly string[] | null) => ReadonlyMap<string, number>,
    readonly commit: CommitAsMember,
  ) {}

  join(group: string, request: JoinRequest): Promise<JoinOutcome> {
    return this.coordinator.join(group, request);
  }

  sync(group: string, request: SyncRequest): Promise<SyncOutcome> {
    return this.coordinator.sync(group, request);
  }

  async heartbeat(group: string, claim: MemberClaim): Promise<GroupRefusal | undefined> {
    return this.coordinator.heartbeat(group, claim);
  }

  async leave(group: string, claim: MemberClaim): Promise<void> {
    this.coordinator.leave(group, claim);
  }

  async positions(group: string): Promise<readonly GroupPosition[]> {
    return (await this.engine.describeGroup(group)).positions;
  }

  async partitionCounts(topics: readonly string[] | null): Promise<ReadonlyMap<string, number>> {
    return this.counts(topics);
  }

  async ranges(topic: string): Promise<readonly { readonly startOffset: number; readonly endOffset: number }[]> {
    return (await this.engine.describeTopic(topic)).partitions;
  }
}
