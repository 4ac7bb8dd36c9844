import type { Clock } from '#libs/core/kernel';
import { generationOf, physicalName, type LogEngine, type TopicDirectory, type TopicName } from '#libs/core/log';

/** An instance that has read its part of a superseded generation waits so long for the others of its group to have read theirs. */
const PATIENCE_MS = 30_000;

/** How one generation of a topic gave way to the next: where its readers end, and where they go on. */
export interface Cutover {
  /** The generation that was superseded, by physical name. */
  readonly from: string;
  /** Its partitions are read up to here and no further. */
  readonly closedAt: readonly number[];
  /** Where whoever has read all of that goes on, in the partitions of the next one. */
  readonly opensAt: readonly number[];
}

/** A partition of a generation, and the next offset of its reader; null where that is not known. */
export interface PlaceRead {
  readonly physical: string;
  readonly partition: number;
  readonly next: number | null;
}

/**
 * How one consumer instance goes over cutovers. A group that the cutover carried over, by the positions it had stored, goes on at its positions in the next generation at once. Of any other, and where the log carries no
 * groups with members, the instance reads the superseded generation to where it was closed, and the next one from where it opened, once all of the former was read by its group. Nothing is lost
 * then, and nothing repeated. Where another instance leaves its part unread for half a minute, the group goes on at its translated positions, and may see records twice.
 */
export class Cutovers {
  /** Ends of generations this instance knows to be closed, by physical name. */
  readonly #closedAt = new Map<string, readonly number[]>();
  /** Since when it has waited for the end of each. */
  readonly #since = new Map<string, number>();
  /** How far this instance itself came in generations it has left. */
  readonly #left = new Map<string, Map<number, number>>();

  constructor(
    private readonly engine: LogEngine,
    private readonly directory: TopicDirectory,
    private readonly group: string,
    private readonly clock: Clock,
  ) {}

  /** Where a partition of this generation ends for its readers; Infinity while it is the present one. */
  endOf({ physical, partition }: Pick<PlaceRead, 'physical' | 'partition'>): number {
    const ends = this.#closedAt.get(physical);
    return ends === undefined ? Infinity : (ends[partition] ?? 0);
  }

  /** Learns which of these generations were closed meanwhile: to be asked after records were fetched, which may have been copied back since. */
  async learn(physical: Iterable<string>): Promise<void> {
    for (const one of new Set(physical)) {
      const { logical, generation } = generationOf(one);
      const row = await this.directory.nameOf(logical);
      const cutover = lastOf(row);
      if (row?.place?.kind === 'moved' && row.generation === generation) this.#closedAt.set(one, row.place.closedAt);
      else if (cutover?.from === one) this.#closedAt.set(one, cutover.closedAt);
      else this.#closedAt.delete(one);
    }
  }

  /** The generations to be a member for: those wanted, except where the one before is not read out yet. @param present those it is a member for now. */
  async staying(
    wanted: readonly string[],
    present: readonly string[],
    reads: Iterable<PlaceRead>,
  ): Promise<readonly string[]> {
    const here = [...reads];
    const topics: string[] = [];
    for (const physical of wanted) {
      const cutover = present.includes(physical) ? undefined : await this.#last(generationOf(physical).logical);
      const mayStay = cutover !== undefined && present.includes(cutover.from) && !(await this.isCarried(physical));
      const stays = mayStay && !(await this.#isOver(cutover, here));
      topics.push(stays ? cutover.from : physical);
    }
    return topics.sort();
  }

  /** Whether the group was carried over to this generation: nothing that is stored in an earlier one counts any more. */
  async isCarried(physical: string): Promise<boolean> {
    if (!this.engine.capabilities.handsOver) return false;
    const { positions } = await this.engine.describeGroup(this.group);
    return positions.some((one) => one.topic === physical);
  }

  /** Whether this generation is known to be closed, and the group was carried over from it. */
  async isCarriedAway(physical: string): Promise<boolean> {
    if (!this.#closedAt.has(physical)) return false;
    const logical = await this.directory.presentName(generationOf(physical).logical);
    const present = physicalName(logical, await this.directory.generation(logical));
    return present !== physical && (await this.isCarried(present));
  }

  /** Keeps how far this instance came, for when it goes on in the next generation. */
  leave(reads: Iterable<PlaceRead>): void {
    for (const { physical, partition, next } of reads) {
      if (next === null) continue;
      const known = this.#left.get(physical) ?? new Map<number, number>();
      this.#left.set(physical, known.set(partition, next));
    }
  }

  /** Whether this instance has read an earlier generation of the topic than this one. */
  hasLeft(logical: string, present: string): boolean {
    return [...this.#left.keys()].some((one) => one !== present && generationOf(one).logical === logical);
  }

  /** Where a partition is read on, given the group's position in it: behind the opening, when all that was before it has been read. */
  async begin(physical: string, partition: number, offset: number | null): Promise<number | null> {
    const cutover = await this.#last(generationOf(physical).logical);
    const opens = cutover?.from === physical ? undefined : cutover?.opensAt[partition];
    if (opens === undefined || (offset !== null && offset >= opens)) return offset;
    return (await this.#isReadOut(cutover!, [])) ? opens : offset;
  }

  async #isOver(cutover: Cutover, reads: readonly PlaceRead[]): Promise<boolean> {
    this.#closedAt.set(cutover.from, cutover.closedAt);
    const now = this.clock.monotonic();
    const since = this.#since.get(cutover.from) ?? now;
    this.#since.set(cutover.from, since);
    const own = reads.filter(({ physical }) => physical === cutover.from);
    const mine = own.every((one) => one.next !== null && one.next >= this.endOf(one));
    if (!mine || !((await this.#isReadOut(cutover, own)) || now - since > PATIENCE_MS)) return false;
    this.#since.delete(cutover.from);
    return true;
  }

  /** Whether the group, or this instance, has read every partition of the superseded generation to its end. Of a group that never read there nothing is known. */
  async #isReadOut({ from, closedAt }: Cutover, reads: readonly PlaceRead[]): Promise<boolean> {
    const upTo = new Map(this.#left.get(from));
    const note = (partition: number, next: number): void => {
      upTo.set(partition, Math.max(next, upTo.get(partition) ?? 0));
    };
    for (const { partition, next } of reads) if (next !== null) note(partition, next);
    const { positions } = await this.engine.describeGroup(this.group);
    for (const { topic, partition, offset } of positions) if (topic === from) note(partition, offset);
    return upTo.size > 0 && closedAt.every((end, partition) => (upTo.get(partition) ?? 0) >= end);
  }

  /** How the topic came to what its name stands for now: from another generation, or from another name. Undefined where it never did, or how is not known. */
  async #last(logical: string): Promise<Cutover | undefined> {
    const row = await this.directory.nameOf(logical);
    const before = row?.place?.kind === 'arriving' ? row.place.topic : undefined;
    if (before === undefined) return lastOf(row);
    const left = await this.directory.nameOf(before);
    if (left?.place?.kind !== 'moved' || left.place.closedAt.length === 0) return undefined;
    const { closedAt, opensAt } = left.place;
    return { from: physicalName(before, left.generation), closedAt, opensAt };
  }
}

function lastOf(row: TopicName | undefined): Cutover | undefined {
  if (row === undefined || row.closedAt.length === 0 || row.opensAt.length === 0) return undefined;
  const { logical, openedFrom, closedAt, opensAt, generation } = row;
  return openedFrom === generation ? undefined : { from: physicalName(logical, openedFrom), closedAt, opensAt };
}
