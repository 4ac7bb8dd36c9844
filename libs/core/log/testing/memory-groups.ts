import { randomUUID } from 'node:crypto';
import type { Clock } from '#libs/core/kernel';
import {
  checkGroup,
  checkJoin,
  checkPosition,
  CoordinatedMember,
  GroupCoordinator,
  type GroupDescription,
  type GroupGenerations,
  type GroupListing,
  type GroupMember,
  type GroupPosition,
  type GroupRefusal,
  handedOverPositions,
  type HandOver,
  type JoinGroup,
  LocalLink,
  logErrors,
  type MemberClaim,
} from '../index.js';
import type { MemoryLogEngine } from './memory-engine.js';
import type { MemoryLogStorage } from './memory-storage.js';

/** Groups of the test double: their members live with the engine, positions and generations with the storage. */
export class MemoryGroups implements GroupGenerations {
  readonly coordinator: GroupCoordinator;
  readonly #storage: MemoryLogStorage;
  readonly #link: LocalLink;

  constructor(
    engine: MemoryLogEngine,
    private readonly clock: Clock,
  ) {
    this.#storage = engine.storage;
    this.coordinator = new GroupCoordinator({ clock, generations: this, newId: randomUUID });
    this.#link = new LocalLink(
      engine,
      this.coordinator,
      (topics) => this.#counts(topics),
      (group, claim, positions) => engine.commitAsMember(group, claim, positions),
    );
  }

  list(): readonly GroupListing[] {
    const names = new Set([...this.#storage.groups.keys(), ...this.coordinator.names()]);
    return [...names].sort().map((group) => {
      return { group, state: this.coordinator.stateOf(group, this.#storage.groups.has(group)) };
    });
  }

  describe(group: string): GroupDescription {
    const positions = [...(this.#storage.groups.get(group)?.values() ?? [])];
    positions.sort((a, b) => (a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1));
    return this.coordinator.describe(group, positions);
  }

  join(group: string, options: JoinGroup): GroupMember {
    checkJoin(group, options);
    return new CoordinatedMember(group, options, this.#link, this.clock);
  }

  /** Stores positions if the member, or whoever is none, may store them now. @throws `group-active`, and what is wrong with them. */
  store(group: string, claim: MemberClaim | undefined, positions: readonly GroupPosition[]): GroupRefusal | undefined {
    if (claim === undefined) this.coordinator.checkVacant(group);
    const refusal = claim === undefined ? undefined : this.coordinator.refusalOfCommit(group, claim);
    if (refusal !== undefined) return refusal;
    for (const position of positions) this.checkPosition(group, position);
    for (const position of positions) this.storePosition(group, position);
    return undefined;
  }

  /** @throws `invalid-group`, `invalid-position`, `topic-not-found`, `partition-not-found`, `positions-closed`. */
  checkPosition(group: string, position: GroupPosition): void {
    checkGroup(group);
    checkPosition(position);
    this.#storage.partition(position);
    if (this.#storage.topic(position.topic).closedToPositions) throw logErrors.positionsClosed(position.topic);
  }

  /** Stores a checked position. */
  storePosition(group: string, { topic, partition, offset, metadata }: GroupPosition): void {
    const positions = this.#storage.groups.get(group) ?? new Map<string, GroupPosition>();
    this.#storage.groups.set(group, positions);
    const note = metadata === undefined || metadata === '' ? {} : { metadata };
    positions.set(`${topic}/${partition}`, { topic, partition, offset, ...note });
  }

  /** Checks what a commit hands over. @returns what carries it, which cannot fail. */
  checkHandOver({ from, to, groups }: HandOver): () => void {
    const [source, target] = [this.#storage.topic(from), this.#storage.topic(to)];
    const carried = groups.map((one) => ({ group: one.group, positions: handedOverPositions(to, one) }));
    for (const { positions } of carried) for (const position of positions) this.#storage.partition(position);
    return () => {
      for (const { group, positions } of carried) this.#carry(group, positions);
      target.partitions.forEach(({ producers }, partition) => {
        const known = source.partitions[partition]?.producers;
        if (known !== undefined) producers.takeOver(known, from, to);
      });
    };
  }

  /** Stores checked positions whoever is a member, and fences those. */
  #carry(group: string, positions: readonly GroupPosition[]): void {
    for (const position of positions) this.storePosition(group, position);
    const generation = this.coordinator.fence(group);
    if (generation !== undefined) this.#storage.generations.set(group, generation);
  }

  /** @throws `group-not-found`, `group-active`. */
  delete(group: string): void {
    this.coordinator.checkVacant(group);
    this.#storage.generations.delete(group);
    if (!this.#storage.groups.delete(group)) throw logErrors.groupNotFound(group);
  }

  generationOf(group: string): number {
    return this.#storage.generations.get(group) ?? 0;
  }

  async raiseGeneration(group: string, generation: number): Promise<void> {
    this.#storage.generations.set(group, Math.max(this.generationOf(group), generation));
  }

  release(group: string): void {
    if (!this.#storage.groups.has(group)) this.#storage.generations.delete(group);
  }

  #counts(topics: readonly string[] | null): ReadonlyMap<string, number> {
    const found = new Map<string, number>();
    for (const name of topics ?? this.#storage.topics.keys()) {
      const topic = this.#storage.topics.get(name);
      if (topic !== undefined) found.set(name, topic.partitions.length);
    }
    return found;
  }
}
