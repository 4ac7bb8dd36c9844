import { Injectable } from '@nestjs/common';
import { groupErrors, GroupReset, Leases, UnreadAges, type FirstUnread, type UnreadPosition } from '#libs/core/groups';
import { Clock } from '#libs/core/kernel';
import {
  generationOf,
  knownOffsets,
  logErrors,
  TopicDirectories,
  type GroupListing,
  type GroupMemberDescription,
  type GroupPosition,
  type LogEngine,
} from '#libs/core/log';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { pageOf, type Page } from '#libs/platform/http';
import type { GroupView, ListGroupsQuery, PositionsBody } from './group-schemas.js';
import { outcomeView, planView, resetTargetOf, type ResetBody, type ResetView } from './reset-schemas.js';

/** A position as it is shown, but for its age. */
type ShownPosition = Omit<GroupView['positions'][number], 'lagSeconds' | 'lagBasis'> & {
  /** Unless the group has read everything. */
  readonly unread?: UnreadPosition;
};

/** How long a description looks for the times of records. */
const AGES_MS = 1_000;

/** Positions of groups, by logical topic names. */
@Injectable()
export class GroupsService {
  readonly #ages: UnreadAges;

  constructor(
    private readonly directories: TopicDirectories,
    private readonly authorizer: Authorizer,
    private readonly clock: Clock,
    private readonly leases: Leases,
  ) {
    this.#ages = new UnreadAges(clock);
  }

  /** The groups the principal may read, by name. */
  async list(cluster: string | undefined, query: ListGroupsQuery, principal: Principal): Promise<Page<GroupListing>> {
    const groups = await this.directories.of(cluster).engine.listGroups();
    const visible = groups
      .filter(({ state }) => query.state === undefined || state === query.state)
      .filter(({ group }) => this.authorizer.allows(principal, 'read', { kind: 'group', name: group }))
      .sort((a, b) => (a.group < b.group ? -1 : 1));
    return pageOf(visible, query, (entry) => entry.group);
  }

  /**
   * Members, and positions at the present generation of each topic the principal may read; those on superseded generations, and on topics that moved to another cluster, are left out. Positions of a deleted topic that is kept are there and say so: they are what the group
   * goes on from when it is restored.
   * @throws `group-not-found`.
   */
  async describe(cluster: string | undefined, group: string, principal: Principal): Promise<GroupView> {
    const directory = this.directories.of(cluster);
    const description = await directory.engine.describeGroup(group);
    if (description.state === 'DEAD') throw logErrors.groupNotFound(group);
    const ends = new Map((await directory.list()).map((topic) => [topic.physical, topic]));
    const deleted = new Map((await directory.listDeleted()).map(({ physical, guard }) => [physical, guard.deletion]));
    const positions: ShownPosition[] = [];
    for (const position of description.positions) {
      const { logical, generation } = generationOf(position.topic);
      const topic = ends.get(position.topic);
      const deletion = deleted.get(position.topic) ?? null;
      const isKnown = topic !== undefined || deletion !== null;
      if (!isKnown && (generation !== 1 || (await directory.generation(logical)) !== 1)) continue;
      if (!isKnown && !(await directory.isHere(logical))) continue;
      if (!this.authorizer.allows(principal, 'read', { kind: 'topic', name: logical })) continue;
      const partition = topic?.description.partitions[position.partition];
      const range = partition && knownOffsets(partition);
      const end = range?.endOffset;
      // Below what is retained, the first record that is left is the first not read.
      const offset = Math.max(position.offset, range?.startOffset ?? 0);
      const unread = { topic: position.topic, partition: position.partition, offset };
      positions.push({
        topic: logical,
        generation,
        partition: position.partition,
        offset: String(position.offset),
        endOffset: end === undefined ? null : String(end),
        lag: end === undefined ? null : String(Math.max(0, end - position.offset)),
        topicDeletedAt: deletion === null ? null : new Date(deletion.atMs).toISOString(),
        ...(position.metadata === undefined ? {} : { metadata: position.metadata }),
        ...(end !== undefined && offset < end ? { unread } : {}),
      });
    }
    positions.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
    const { state, generation, strategy, members } = description;
    return {
      group,
      state,
      generation,
      strategy,
      members: members.map((one) => this.memberView(one, principal)),
      positions: await this.withAges(directory.engine, positions),
    };
  }

  private async withAges(engine: LogEngine, positions: readonly ShownPosition[]): Promise<GroupView['positions']> {
    const unread = positions.flatMap((one) => one.unread ?? []);
    const found = await this.#ages.find(engine, unread, AGES_MS);
    const ages = new Map(unread.map((one, index) => [one, found[index]]));
    const now = this.clock.now();
    return positions.map(({ unread: at, ...rest }) => {
      const first: FirstUnread | undefined = at && ages.get(at);
      if (at === undefined) return { ...rest, lagSeconds: rest.lag === null ? null : 0, lagBasis: null };
      const timestampMs = first?.timestampMs ?? null;
      const lagSeconds = timestampMs === null ? null : Math.max(0, now - timestampMs) / 1_000;
      return { ...rest, lagSeconds, lagBasis: lagSeconds === null ? null : first!.basis };
    });
  }

  private memberView(
    { assignment, ...member }: GroupMemberDescription,
    principal: Principal,
  ): GroupView['members'][number] {
    const places = assignment.map(({ topic: physical, partition }) => {
      const { logical: topic, generation } = generationOf(physical);
      return { topic, generation, partition };
    });
    const mayRead = (topic: string): boolean =>
      this.authorizer.allows(principal, 'read', { kind: 'topic', name: topic });
    return { ...member, assignment: places.filter(({ topic }) => mayRead(topic)) };
  }

  /**
   * Stores positions durably. All of them or none.
   * @throws `topic-not-found`, `partition-not-found`, `position-out-of-range`, `forbidden` for a topic the principal may not read,
   * `group-active`, `group-leased`.
   */
  async setPositions(
    cluster: string | undefined,
    group: string,
    body: PositionsBody,
    principal: Principal,
  ): Promise<void> {
    const directory = this.directories.of(cluster);
    const positions: GroupPosition[] = [];
    const seen = new Set<string>();
    for (const { topic, partition, offset, metadata } of body.positions) {
      this.authorizer.demand(principal, 'read', { kind: 'topic', name: topic });
      const resolved = await directory.resolve(topic);
      const range = resolved.description.partitions[partition];
      if (range === undefined)
        throw logErrors.partitionNotFound(topic, partition, resolved.description.partitions.length);
      const next = Number(offset);
      const place = `${topic}/${partition}`;
      if (next > range.endOffset) {
        const message = `offset ${offset} lies beyond the end ${range.endOffset}`;
        throw groupErrors.positionOutOfRange([{ path: place, message }]);
      }
      if (seen.has(place)) throw groupErrors.duplicatePosition(place);
      seen.add(place);
      positions.push({
        topic: resolved.physical,
        partition,
        offset: next,
        ...(metadata === undefined ? {} : { metadata }),
      });
    }
    await this.leases.demandNone(cluster, group);
    await directory.engine.commitPositions(group, positions);
  }

  /**
   * Shows what a reset does, or does what was shown.
   * @throws `plan-needed`, `forbidden` for a topic the principal may not read, and what {@link GroupReset} throws.
   */
  async reset(cluster: string | undefined, group: string, body: ResetBody, principal: Principal): Promise<ResetView> {
    const { topics, partitions } = body;
    const to = resetTargetOf(body.to, this.clock.now());
    const named = to.kind === 'vector' ? to.offsets.map((one) => one.topic) : (topics ?? []);
    for (const name of new Set(named)) this.authorizer.demand(principal, 'read', { kind: 'topic', name });
    const reset = new GroupReset(this.directories.of(cluster), (name) =>
      this.authorizer.allows(principal, 'read', { kind: 'topic', name }),
    );
    const request = {
      to,
      ...(topics === undefined ? {} : { topics }),
      ...(partitions === undefined ? {} : { partitions }),
    };
    if (body.dryRun) {
      const plan = await reset.plan(group, request);
      return planView(plan, (await this.leases.held(cluster, group)).length);
    }
    if (body.plan === undefined) throw groupErrors.planNeeded(group);
    if (body.evict) await this.leases.evict(cluster, group);
    await this.leases.demandNone(cluster, group);
    return outcomeView(group, body.plan, await reset.apply(group, request, body.plan));
  }

  /** @throws `group-not-found`, `group-active`, `group-leased`. */
  async delete(cluster: string | undefined, group: string): Promise<void> {
    await this.leases.demandNone(cluster, group);
    const leased = await this.leases.everHeld(cluster, group);
    await this.directories.of(cluster).engine.deleteGroup(group);
    if (leased) await this.leases.forget(cluster, group);
  }

  /** What {@link delete} would refuse; changes nothing. @throws what it throws. */
  async tryDelete(cluster: string | undefined, group: string): Promise<void> {
    await this.leases.demandNone(cluster, group);
    const { state, members } = await this.directories.of(cluster).engine.describeGroup(group);
    if (state === 'DEAD') throw logErrors.groupNotFound(group);
    if (members.length > 0) throw logErrors.groupActive(group, members.length);
  }
}
