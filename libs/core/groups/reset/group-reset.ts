import {
  generationOf,
  type GroupDescription,
  logErrors,
  type ResolvedTopic,
  type TopicDirectory,
} from '#libs/core/log';
import { duplicatePosition, nothingToReset, stalePlan, tooManyPositions } from '../errors.js';
import { RecordCounter } from '../record-count.js';
import {
  type CountedMove,
  decideMoves,
  rangesOf,
  resetHash,
  type ResetMove,
  type ResetPartition,
} from './reset-plan.js';
import type { ResetRequest, ResetTarget } from './reset-target.js';

/** Partitions of one reset. */
export const MAX_RESET_PARTITIONS = 5_000;
/** Bytes of batches a dry run looks at where offsets alone do not count records. */
const COUNTED_BYTES = 16 * 1024 * 1024;

/** What a reset would do. */
export interface ResetPlan {
  readonly group: string;
  /** Names exactly these moves from exactly these positions; see {@link GroupReset.apply}. */
  readonly hash: string;
  /** Live members of the group: with any, the reset is refused. */
  readonly members: number;
  readonly moves: readonly CountedMove[];
}

/** What became of a move: `stored` is what the log says afterwards. */
export interface ResetOutcome extends ResetMove {
  readonly stored: number | null;
}

/** Sets positions of groups, after showing what that means. Touches the partitions named and no other. */
export class GroupReset {
  /** @param mayRead whether the one who asks may read a topic; topics that are not named are left out where not. */
  constructor(
    private readonly directory: TopicDirectory,
    private readonly mayRead: (topic: string) => boolean = () => true,
  ) {}

  /**
   * Looks and changes nothing.
   * @throws `group-not-found`, `topic-not-found`, `partition-not-found`, `position-out-of-range`, `no-position`, `duplicate-position`, `too-many-positions`.
   */
  async plan(group: string, request: ResetRequest): Promise<ResetPlan> {
    const { engine } = this.directory;
    const { description, moves, configs } = await this.decide(group, request);
    const counter = new RecordCounter(engine, COUNTED_BYTES);
    const counted: CountedMove[] = [];
    for (const move of moves) {
      const ref = { topic: move.physical, partition: move.partition };
      const config = configs.get(move.physical) ?? {};
      const { skipped, repeated } = rangesOf(move);
      counted.push({
        ...move,
        skipped: await counter.count(ref, config, skipped.from, skipped.to),
        repeated: await counter.count(ref, config, repeated.from, repeated.to),
      });
    }
    return { group, hash: resetHash(engine.logId, group, moves), members: description.members.length, moves: counted };
  }

  /**
   * Does what the plan of this hash showed, in one step for all partitions, and reads back what is stored.
   * @throws `plan-stale` when it would be something else by now; `group-active` when live members own the positions; and what {@link plan} throws. Nothing was changed then.
   */
  async apply(group: string, request: ResetRequest, hash: string): Promise<readonly ResetOutcome[]> {
    const { engine } = this.directory;
    const { description, moves } = await this.decide(group, request);
    const present = resetHash(engine.logId, group, moves);
    if (present !== hash) throw stalePlan(group, hash, present);
    if (description.members.length > 0) throw logErrors.groupActive(group, description.members.length);
    await engine.commitPositions(
      group,
      moves.map(({ physical, partition, target }) => ({ topic: physical, partition, offset: target })),
    );
    const stored = positionsOf(await engine.describeGroup(group));
    return moves.map((move) => ({ ...move, stored: stored.get(`${move.physical}/${move.partition}`) ?? null }));
  }

  private async decide(group: string, request: ResetRequest): Promise<Decided> {
    const { to } = request;
    const description = await this.directory.engine.describeGroup(group);
    const current = positionsOf(description);
    const chosen = to.kind === 'vector' ? inVector(to) : this.chosen(description, request);
    const configs = new Map<string, Readonly<Record<string, string>>>();
    const partitions: ResetPartition[] = [];
    const targets = new Map<ResetPartition, number>();
    const vector = new Map(
      to.kind === 'vector' ? to.offsets.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]) : [],
    );
    for (const { topic: logical, named } of chosen) {
      const topic = await this.directory.resolve(logical);
      configs.set(topic.physical, topic.description.config);
      for (const partition of named ?? topic.description.partitions.map((one) => one.partition)) {
        const one = partitionOf(topic, partition, current);
        partitions.push(one);
        const target = await this.targetOf(one, to, vector);
        if (target !== null) targets.set(one, target);
      }
      if (partitions.length > MAX_RESET_PARTITIONS) throw tooManyPositions(partitions.length, MAX_RESET_PARTITIONS);
    }
    const moves = decideMoves(group, partitions, (one) => targets.get(one) ?? null);
    return { description, moves: [...moves].sort(byPlace), configs };
  }

  /** The topics named, else those the group stands in, whatever generation it stands in. */
  private chosen({ group, positions }: GroupDescription, { topics, partitions }: ResetRequest): readonly ChosenTopic[] {
    const names = new Set(topics ?? positions.map(({ topic }) => generationOf(topic).logical).filter(this.mayRead));
    if (names.size === 0) throw nothingToReset(group);
    if (new Set(partitions).size < (partitions?.length ?? 0)) throw duplicatePosition('A partition');
    return [...names].map((topic) => ({ topic, ...(partitions === undefined ? {} : { named: partitions }) }));
  }

  /** @param vector the offsets of a vector by place. @returns null where a shift has nothing to start from. */
  private async targetOf(
    one: ResetPartition,
    to: ResetTarget,
    vector: ReadonlyMap<string, number>,
  ): Promise<number | null> {
    switch (to.kind) {
      case 'earliest':
        return one.startOffset;
      case 'latest':
        return one.endOffset;
      case 'offset':
        return to.offset;
      case 'shift':
        return one.current === null ? null : one.current + to.by;
      case 'vector':
        return vector.get(`${one.topic}/${one.partition}`) ?? null;
      case 'timestamp': {
        const ref = { topic: one.physical, partition: one.partition };
        return (await this.directory.engine.offsetForTimestamp(ref, to.timestampMs)) ?? one.endOffset;
      }
    }
  }
}

interface Decided {
  readonly description: GroupDescription;
  readonly moves: readonly ResetMove[];
  readonly configs: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

interface ChosenTopic {
  readonly topic: string;
  /** All partitions unless given. */
  readonly named?: readonly number[];
}

function inVector({ offsets }: ResetTarget & { readonly kind: 'vector' }): readonly ChosenTopic[] {
  const byTopic = new Map<string, Set<number>>();
  for (const { topic, partition } of offsets) {
    const named = byTopic.get(topic) ?? new Set();
    if (named.has(partition)) throw duplicatePosition(`${topic}/${partition}`);
    byTopic.set(topic, named.add(partition));
  }
  return [...byTopic].map(([topic, named]) => ({ topic, named: [...named] }));
}

function partitionOf(topic: ResolvedTopic, partition: number, current: ReadonlyMap<string, number>): ResetPartition {
  const { logical, generation, physical, description } = topic;
  const found = description.partitions[partition];
  if (found === undefined) throw logErrors.partitionNotFound(logical, partition, description.partitions.length);
  const { startOffset, endOffset } = found;
  const stands = current.get(`${physical}/${partition}`) ?? null;
  return { topic: logical, generation, physical, partition, startOffset, endOffset, current: stands };
}

function positionsOf(group: GroupDescription): ReadonlyMap<string, number> {
  return new Map(group.positions.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]));
}

function byPlace(a: ResetMove, b: ResetMove): number {
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
}
