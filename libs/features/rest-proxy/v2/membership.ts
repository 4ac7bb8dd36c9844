import { isAppError } from '#libs/core/kernel';
import type { AssignedPartition, GroupMember, GroupPosition } from '#libs/core/log';
import type { NamedCluster } from '../cluster-ids.js';
import { refusal } from '../errors.js';

/** A commit waits for the group to agree so often. */
const COMMIT_TRIES = 5;

/** What an instance is to its group: nobody, or a member for some topics. */
export class Membership {
  #joined: { readonly member: GroupMember; readonly topics: readonly string[]; revoking: boolean } | undefined;

  constructor(
    private readonly cluster: NamedCluster,
    private readonly group: string,
    private readonly name: string,
  ) {}

  /** Physical names of the topics it is a member for; undefined while it is none. */
  get topics(): readonly string[] | undefined {
    return this.#joined?.topics;
  }

  async join(topics: readonly string[]): Promise<void> {
    const member = await this.cluster.engine.joinGroup(this.group, {
      topics,
      strategies: ['range', 'cooperative-sticky'],
      clientId: clientIdOf(this.name),
      startAt: 'none',
    });
    this.#joined = { member, topics, revoking: false };
  }

  /** Harmless while it is none. */
  async leave(): Promise<void> {
    const joined = this.#joined;
    this.#joined = undefined;
    await joined?.member.leave();
  }

  /**
   * What this member reads now. Undefined when it is to give up partitions and does not yet.
   * @param revoking is called while positions of partitions that are about to go can still be stored; answered with false, it is called again by the next poll.
   */
  async poll(waitMs: number, revoking: () => Promise<boolean>): Promise<readonly AssignedPartition[] | undefined> {
    const joined = this.#joined!;
    if (!joined.revoking) {
      const { phase, assignment } = await joined.member.poll(waitMs);
      joined.revoking = phase === 'revoking';
      if (!joined.revoking) return assignment;
    }
    if (!(await revoking())) return undefined;
    // Polling again gives them up.
    const { phase, assignment } = await joined.member.poll(waitMs);
    joined.revoking = phase === 'revoking';
    return assignment;
  }

  /** As a member where it is one: then only what it reads, and only while it reads it. @param polled is to poll; asked while the group agrees. */
  async commit(positions: readonly GroupPosition[], polled: () => Promise<unknown>): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        const { member } = this.#joined ?? {};
        return await (member === undefined
          ? this.cluster.engine.commitPositions(this.group, positions)
          : member.commit(positions));
      } catch (error) {
        const waits = isAppError(error, 'group-rebalancing') || isAppError(error, 'stale-generation');
        if (!waits || tries === COMMIT_TRIES || this.#joined === undefined) throw notCommitted(error);
        await polled();
      }
    }
  }
}

/** A position that cannot be stored now may be stored later, as the reference has it. */
function notCommitted(error: unknown): unknown {
  if (!isAppError(error) || error.kind === 'internal') return error;
  const later =
    error.code === 'topic-not-found' || error.code === 'partition-not-found' || error.kind === 'unavailable';
  const refused = error.kind === 'conflict' || error.code === 'partition-not-assigned';
  return refused || later ? refusal(later ? 50_003 : 50_002, error.message) : error;
}

/** Characters that every broker takes, and at most as many. */
function clientIdOf(name: string): string {
  return `rest-${name.replace(/[^a-zA-Z0-9._-]/g, '_').slice(0, 150)}`;
}
