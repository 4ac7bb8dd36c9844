import {
  type AppendOptions,
  type HeldPosition,
  type Appended,
  type TopicDescription,
  type TopicSpec,
  type TopicState,
} from '#libs/core/log';
import {
  type NameMove,
  type TopicGuard,
  type TopicName,
  TopicNames,
  type TopicPlace,
  type Opening,
} from '#libs/core/log';
import { MemoryLogEngine, type MemoryLogOptions, type WriteCall } from '#libs/core/log/testing';

/** Thrown where a process dies. Nothing it does afterwards has any effect. */
export class Killed extends Error {
  override readonly name = 'Killed';
}

/**
 * Decides at which durable effect a process dies, and whether the effect still takes place. Shared by everything the process writes to, so that a run can be
 * killed before and after each of its effects, one after another.
 */
export class Mortality {
  dead = false;
  /** Effects so far. */
  effects = 0;
  readonly names: string[] = [];

  /** Dies at effect number `at` (from 1), after it took place when `after`. Never for 0. */
  constructor(
    private readonly at = 0,
    private readonly after = false,
  ) {}

  async effect<T>(name: string, perform: () => Promise<T> | T): Promise<T> {
    if (this.dead) throw new Killed('dead already');
    this.effects++;
    this.names.push(name);
    const now = this.effects === this.at;
    if (now && !this.after) this.die();
    try {
      return await perform();
    } finally {
      // Also when it failed: what the process would have made of the failure is what it does not live to do.
      if (now && this.after) this.die();
    }
  }

  private die(): never {
    this.dead = true;
    throw new Killed(`killed at effect ${this.at}`);
  }
}

/** The log as a process sees it that may be killed. Another instance over the same storage is the next process. */
export class MortalLogEngine extends MemoryLogEngine {
  constructor(
    private readonly mortality: Mortality,
    options: MemoryLogOptions,
  ) {
    super(options);
  }

  override async createTopic(spec: TopicSpec): Promise<TopicDescription> {
    return await this.mortality.effect(`create ${spec.name}`, () => super.createTopic(spec));
  }

  override async alterTopicConfig(
    name: string,
    changes: Readonly<Record<string, string | null>>,
  ): Promise<TopicDescription> {
    return await this.mortality.effect(`alter ${name}`, () => super.alterTopicConfig(name, changes));
  }

  override async setTopicState(name: string, state: TopicState): Promise<TopicDescription> {
    return await this.mortality.effect(`${state} ${name}`, () => super.setTopicState(name, state));
  }

  override async deleteTopic(name: string): Promise<void> {
    await this.mortality.effect(`delete ${name}`, () => super.deleteTopic(name));
  }

  override async holdRetention(id: string, positions: readonly HeldPosition[] | null): Promise<void> {
    await this.mortality.effect(positions === null ? `release ${id}` : `hold ${id}`, () =>
      super.holdRetention(id, positions),
    );
  }

  override async append(
    to: { topic: string; partition: number },
    batch: Uint8Array,
    options?: AppendOptions,
  ): Promise<Appended> {
    if (this.mortality.dead) throw new Killed('dead already');
    return await super.append(to, batch, options);
  }

  override async withFaults<T>(call: WriteCall, write: () => T): Promise<T> {
    return await this.mortality.effect(`${call.kind} ${call.writer ?? call.topics.join()}`, () =>
      super.withFaults(call, write),
    );
  }

  override raiseEpoch(id: string): number {
    if (this.mortality.dead) throw new Killed('dead already');
    return super.raiseEpoch(id);
  }
}

/** The name table as a process sees it that may be killed. */
export class MortalTopicNames extends TopicNames {
  constructor(
    private readonly mortality: Mortality,
    private readonly names: TopicNames,
  ) {
    super();
  }

  async find(logId: string, logical: string): Promise<TopicName | undefined> {
    return await this.names.find(logId, logical);
  }

  async list(logId: string): Promise<readonly TopicName[]> {
    return await this.names.list(logId);
  }

  async listPlaced(logId: string): Promise<readonly TopicName[]> {
    return await this.names.listPlaced(logId);
  }

  async compareAndSet(
    logId: string,
    logical: string,
    expectedRevision: number,
    generation: number,
    opening?: Opening,
    place?: TopicPlace | null,
  ): Promise<TopicName | undefined> {
    return await this.mortality.effect(`name ${logical} ${generation}`, () =>
      this.names.compareAndSet(logId, logical, expectedRevision, generation, opening, place),
    );
  }

  async compareAndSetAll(logId: string, moves: readonly NameMove[]): Promise<boolean> {
    const names = moves.map((one) => `${one.logical} ${one.generation}`).join(', ');
    return await this.mortality.effect(`names ${names}`, () => this.names.compareAndSetAll(logId, moves));
  }

  async setGuard(
    logId: string,
    logical: string,
    expectedRevision: number,
    guard: TopicGuard,
  ): Promise<TopicName | undefined> {
    return await this.mortality.effect(`guard ${logical}`, () =>
      this.names.setGuard(logId, logical, expectedRevision, guard),
    );
  }

  async remove(logId: string, logical: string): Promise<void> {
    await this.mortality.effect(`forget ${logical}`, () => this.names.remove(logId, logical));
  }
}
