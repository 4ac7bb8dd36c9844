import { randomUUID } from 'node:crypto';
import { type Clock, isAppError } from '#libs/core/kernel';
import {
  checkJoin,
  CoordinatedMember,
  GroupCoordinator,
  type GroupDescription,
  type GroupGenerations,
  type GroupListing,
  type GroupMember,
  type GroupPosition,
  type GroupRefusal,
  type HandOver,
  type JoinGroup,
  LocalLink,
  type LogEngine,
  logErrors,
  type MemberClaim,
  type RestingGroups,
} from '#libs/core/log';
import type { Command } from './commands.js';
import { decideHandOver, decidePositions } from './decisions.js';
import type { LogState } from './log-state.js';
import type { EmbeddedLogLogger } from './options.js';

/** What groups need of their log. */
export interface GroupsHost {
  readonly engine: Pick<LogEngine, 'describeGroup' | 'describeTopic'>;
  readonly clock: Clock;
  readonly state: LogState;
  readonly logger: EmbeddedLogLogger;
  /**
   * Makes facts durable. Both functions are called when the request's turn has come; `guard` first: throwing refuses it. `structural`: no later request is decided
   * before these facts hold.
   */
  decide(decide: () => readonly Command[], options?: { readonly structural?: boolean; guard?(): void }): Promise<void>;
}

/**
 * Groups of the embedded log: members in memory, positions and generations in the journal. Who may change a group is looked at when the change has its turn in the line,
 * and a generation goes through the same line before a member hears of it; so what a former member had accepted is there when its successor reads the positions,
 * and nothing is accepted from it later.
 */
export class EmbeddedGroups implements GroupGenerations {
  private readonly coordinator: GroupCoordinator;
  private readonly link: LocalLink;

  constructor(private readonly host: GroupsHost) {
    const { clock, engine } = host;
    this.coordinator = new GroupCoordinator({ clock, generations: this, newId: randomUUID });
    this.link = new LocalLink(
      engine,
      this.coordinator,
      (topics) => this.partitionCounts(topics),
      (group, claim, positions) => this.commitAsMember(group, claim, positions),
    );
  }

  list(): readonly GroupListing[] {
    const { groups } = this.host.state;
    return [...new Set([...groups.keys(), ...this.coordinator.names()])].sort().map((group) => {
      return { group, state: this.coordinator.stateOf(group, groups.has(group)) };
    });
  }

  describe(group: string): GroupDescription {
    const { state } = this.host;
    const positions: GroupPosition[] = [];
    for (const { topic: number, partition, offset, metadata } of state.groups.get(group)?.values() ?? []) {
      const topic = state.byNumber.get(number)?.name;
      if (topic !== undefined) positions.push({ topic, partition, offset, ...(metadata ? { metadata } : {}) });
    }
    positions.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
    return this.coordinator.describe(group, positions);
  }

  join(group: string, options: JoinGroup): GroupMember {
    checkJoin(group, options);
    return new CoordinatedMember(group, options, this.link, this.host.clock);
  }

  /** From outside. @throws `group-active`, and what {@link decidePositions} throws. */
  async commit(group: string, positions: readonly GroupPosition[]): Promise<void> {
    const { state } = this.host;
    const ofGroup = positions.map((one) => ({ ...one, group }));
    const guard = (): void => this.coordinator.checkVacant(group);
    await this.host.decide(() => decidePositions(state, ofGroup), { structural: false, guard });
  }

  /** For the moment a change has its turn. @throws `group-active`. */
  checkVacant(group: string): void {
    this.coordinator.checkVacant(group);
  }

  rest(topic: string, forMs: number): RestingGroups {
    return this.coordinator.rest(topic, forMs);
  }

  /** For the moment a hand-over has its turn: from then on nothing is taken that members of these groups claim by their present generation. @throws what {@link decideHandOver} throws. */
  decideHandOver(change: HandOver): readonly Command[] {
    const commands = decideHandOver(this.host.state, change);
    for (const { group } of change.groups) {
      const generation = this.coordinator.fence(group);
      if (generation !== undefined) commands.push({ kind: 'generation-raised', group, generation });
    }
    return commands;
  }

  /** @throws `group-not-found`, `group-active`. */
  async delete(group: string): Promise<void> {
    const guard = (): void => this.coordinator.checkVacant(group);
    const decide = (): readonly Command[] => {
      if (!this.host.state.groups.has(group)) throw logErrors.groupNotFound(group);
      return [{ kind: 'group-deleted', group }];
    };
    await this.host.decide(decide, { structural: true, guard });
  }

  close(): void {
    this.coordinator.close();
  }

  generationOf(group: string): number {
    return this.host.state.generations.get(group) ?? 0;
  }

  async raiseGeneration(group: string, generation: number): Promise<void> {
    await this.host.decide(() => [{ kind: 'generation-raised', group, generation }], { structural: false });
  }

  release(group: string): void {
    const { state, logger } = this.host;
    if (state.groups.has(group) || !state.generations.has(group)) return;
    this.host
      .decide(() => [{ kind: 'group-released', group }], { structural: false })
      .catch((error: unknown) => {
        // It is forgotten when the group has had members again.
        logger.warn('the end of a group was not made durable', { code: isAppError(error) ? error.code : 'unknown' });
      });
  }

  private async commitAsMember(
    group: string,
    claim: MemberClaim,
    positions: readonly GroupPosition[],
  ): Promise<GroupRefusal | undefined> {
    const { state } = this.host;
    const ofGroup = positions.map((one) => ({ ...one, group }));
    let refusal: GroupRefusal | undefined;
    const guard = (): void => {
      refusal = this.coordinator.refusalOfCommit(group, claim);
      if (refusal !== undefined) throw new Error(refusal);
    };
    try {
      await this.host.decide(() => decidePositions(state, ofGroup), { structural: false, guard });
    } catch (error) {
      if (refusal === undefined) throw error;
    }
    return refusal;
  }

  private partitionCounts(topics: readonly string[] | null): ReadonlyMap<string, number> {
    const known = this.host.state.topics;
    const counts = new Map<string, number>();
    for (const name of topics ?? known.keys()) {
      const topic = known.get(name);
      if (topic !== undefined) counts.set(name, topic.partitions.length);
    }
    return counts;
  }
}
