import { type Clock, isAppError } from '#libs/core/kernel';
import { generationOf, isLeaseNoted, type TopicDirectories, type TopicDirectory } from '#libs/core/log';
import { groupLeased, leaseLost, partitionNotLeased } from '../errors.js';
import { bury } from './dead-letters.js';
import { cutReads, type DueRecord, type DueRecords, readDue } from './due-records.js';
import { GroupLeases, type GroupInLog } from './group-leases.js';
import { heldBy, type HeldLease } from './held-lease.js';
import { ack, evict, extend, forget, handOut, leaseOf, nack, type RecordChoice, release } from './lease-book.js';
import { candidatesOf, choose, type LeaseRequest, mayBegin, type NoLease } from './lease-choice.js';
import type { LeaseName } from './lease-id.js';
import { type Lease, type LeaseBook, type PartitionWork, placeOf } from './lease.js';

/** A record in the hand of a lease. */
export interface HandedOut extends DueRecord {
  /** How often it was handed out, this time included. */
  readonly deliveries: number;
}

/** What a lease may be given now. Nothing is handed out before {@link take}. */
export interface LeasePage {
  readonly due: readonly DueRecord[];
  /** Hands out the first `count` of the records due, durably before it resolves. What was acknowledged meanwhile is left out. @throws `lease-lost`, `group-active`. */
  take(count: number): Promise<readonly HandedOut[]>;
}

export interface LeaseTools {
  readonly directories: TopicDirectories;
  readonly clock: Clock;
  /** Text nobody guesses or repeats. */
  readonly nonce: () => string;
}

/** Bytes of batches that one read looks at. */
const READ_BYTES = 1024 * 1024;
/** Groups whose books are kept at hand; others are read again when they are needed. */
const MAX_GROUPS = 500;
/** How long requests wait for a cutover that has closed their topic to positions, and how often they look. */
const CUTOVER_MS = 5_000;
const CUTOVER_LOOK_MS = 20;
/** How long nobody looks whether a lease has ended elsewhere. */
const LOOK_EVERY_MS = 500;

/**
 * Leases over partitions of groups: whoever holds one works on its partitions alone, acknowledges record by record in any order, and loses it when its time is over. A committed
 * position never passes a record that is not acknowledged.
 */
export class Leases {
  readonly #groups = new Map<string, GroupLeases>();

  constructor(private readonly tools: LeaseTools) {}

  /**
   * A lease over partitions that have something to read and that nobody holds: those furthest behind, as many as were asked for.
   * @throws `topic-not-found`, `partition-not-found`; `group-active` when the group has live members; `offset-out-of-range` when the group stands at what
   * retention has removed in everything that it could be given; `too-many-leases`; what {@link GroupLeases.run} throws.
   */
  async acquire(cluster: string | undefined, group: string, request: LeaseRequest): Promise<HeldLease | NoLease> {
    const { clock } = this.tools;
    const directory = this.tools.directories.of(cluster);
    const deadline = clock.monotonic() + request.waitMs;
    const nonce = this.tools.nonce();
    for (;;) {
      const candidates = await candidatesOf(directory, request);
      // While a cutover speaks to the leases by their own writer it is not opened for a mere look.
      const current = !candidates.some((one) => one.inCutover);
      const leases = this.#of(cluster, group);
      let worked: ReadonlySet<string> = new Set();
      const decide = (book: LeaseBook, now: number, inLog: GroupInLog) => {
        worked = inLog.worked;
        return choose(book, now, inLog, candidates, request, nonce);
      };
      // Of a topic that is about to move nothing is begun; the next look finds what carries its name.
      const answer = await leases.run(decide, { fresh: true, current }).catch(emptyWhileClosed);
      if (typeof answer !== 'string') {
        const { lease } = answer;
        const begins = await mayBegin(directory, lease, worked).catch((error: unknown) => ({ error }));
        if (begins === true) return answer;
        // Nobody knows its name: should this fail, it ends when its time is over.
        await leases.run((book) => ({ book: release(book, lease), reply: undefined })).catch(() => undefined);
        if (begins !== false) throw begins.error;
      }
      const leftMs = deadline - clock.monotonic();
      if (leftMs <= 0) return typeof answer === 'string' ? answer : 'empty';
      const maxWaitMs = Math.min(leftMs, LOOK_EVERY_MS);
      await clock.sleep(maxWaitMs, request.signal);
    }
  }

  /**
   * What a lease may be given now; waits for it when there is nothing. Records that have had their deliveries are written to the dead letter topic on the way, in one commit with the position.
   * @throws `lease-lost`; `group-active`; `offset-out-of-range`, `partition-degraded`; what the dead letter topic refuses.
   */
  async read(cluster: string | undefined, name: LeaseName, waitMs: number, signal?: AbortSignal): Promise<LeasePage> {
    return await this.#overCutover(() => this.#read(cluster, name, waitMs, signal));
  }

  async #read(cluster: string | undefined, name: LeaseName, waitMs: number, signal?: AbortSignal): Promise<LeasePage> {
    const { clock } = this.tools;
    const directory = this.tools.directories.of(cluster);
    const { engine } = directory;
    const leases = this.#of(cluster, name.group);
    const deadline = clock.monotonic() + waitMs;
    for (;;) {
      const answer = await leases.run((book, _, inLog) => ({ book, reply: { ...heldBy(book, name), ...inLog } }), {
        fresh: true,
      });
      const { lease, work, resting } = answer;
      await this.#checkGeneration(directory, leases, lease);
      const found = await readDue(engine, lease, work, resting, clock.now(), READ_BYTES);
      if (found.dead.length > 0) {
        await bury(directory, leases, name, lease, found);
        continue;
      }
      const leftMs = deadline - clock.monotonic();
      if (found.due.length > 0 || leftMs <= 0) {
        return { due: found.due, take: (count) => take(leases, name, found, count) };
      }
      const moved = found.reads.some((read) => read.to > read.from || read.vanished.length > 0);
      if (moved) await leases.run((book, now) => ({ book: handOut(book, name, found.reads, now), reply: undefined }));
      else await this.#pause(directory, work, Math.min(leftMs, LOOK_EVERY_MS), signal);
    }
  }

  /** @throws `lease-lost`, `partition-not-leased`, `not-handed-out`, `group-active`. */
  async ack(cluster: string | undefined, name: LeaseName, choices: readonly RecordChoice[]): Promise<HeldLease> {
    return await this.#overCutover(() =>
      this.#change(cluster, name, choices, (book, physical) => ack(book, name, physical)),
    );
  }

  /** @throws as {@link ack} does. */
  async nack(
    cluster: string | undefined,
    name: LeaseName,
    choices: readonly RecordChoice[],
    delayMs: number,
  ): Promise<HeldLease> {
    return await this.#overCutover(() =>
      this.#change(cluster, name, choices, (book, physical, now) => nack(book, name, physical, delayMs, now)),
    );
  }

  /** @throws `lease-lost`, `group-active`. */
  async extend(cluster: string | undefined, name: LeaseName, visibilityMs: number | undefined): Promise<HeldLease> {
    return await this.#overCutover(() =>
      this.#change(cluster, name, [], (book, _, now) => extend(book, name, visibilityMs, now)),
    );
  }

  /** @throws `lease-lost`. */
  async release(cluster: string | undefined, name: LeaseName): Promise<void> {
    await this.#overCutover(() =>
      this.#of(cluster, name.group).run((book) => ({ book: release(book, name), reply: undefined })),
    );
  }

  /** @throws `lease-lost`. */
  async describe(cluster: string | undefined, name: LeaseName): Promise<HeldLease> {
    return await this.#of(cluster, name.group).run((book) => ({ book, reply: heldBy(book, name) }));
  }

  /** Leases of a group that are held now; asks no more than the log's description of the group where none was ever acquired. */
  async held(cluster: string | undefined, group: string): Promise<readonly HeldLease[]> {
    if (!(await this.everHeld(cluster, group))) return [];
    return await this.#of(cluster, group).run(
      (book) => ({ book, reply: [...book.leases.values()].map((lease) => heldBy(book, lease)) }),
      { current: true },
    );
  }

  /** Whether anything may be in the log of leases of a group, by its description. */
  async everHeld(cluster: string | undefined, group: string): Promise<boolean> {
    const { positions } = await this.tools.directories.of(cluster).engine.describeGroup(group);
    return positions.some(isLeaseNoted);
  }

  /** Leaves nothing of a group's leases in the log. For a group that was deleted. */
  async forget(cluster: string | undefined, group: string): Promise<void> {
    await this.#of(cluster, group).forget();
  }

  /** @throws `group-leased` when the group is worked on under leases. */
  async demandNone(cluster: string | undefined, group: string): Promise<void> {
    const { length } = await this.held(cluster, group);
    if (length > 0) throw groupLeased(group, length);
  }

  /** Ends all leases of a group. What was unacknowledged is forgotten where its positions are set to another place then. */
  async evict(cluster: string | undefined, group: string): Promise<void> {
    if ((await this.held(cluster, group)).length === 0) return;
    await this.#of(cluster, group).run((book) => ({ book: evict(book), reply: undefined }));
  }

  async close(): Promise<void> {
    for (const leases of this.#groups.values()) await leases.close();
    this.#groups.clear();
  }

  /** @param choices by logical names. */
  async #change(
    cluster: string | undefined,
    name: LeaseName,
    choices: readonly RecordChoice[],
    change: (book: LeaseBook, physical: readonly RecordChoice[], now: number) => LeaseBook,
  ): Promise<HeldLease> {
    const directory = this.tools.directories.of(cluster);
    const leases = this.#of(cluster, name.group);
    const lease = await leases.run((book) => ({ book, reply: leaseOf(book, name) }));
    await this.#checkGeneration(directory, leases, lease);
    const physical = new Map(lease.partitions.map(({ topic }) => [generationOf(topic).logical, topic]));
    const named: RecordChoice[] = [];
    for (const one of choices) {
      const topic = physical.get(one.topic) ?? physical.get(await directory.presentName(one.topic));
      if (topic === undefined) throw partitionNotLeased(placeOf(one));
      named.push({ ...one, topic });
    }
    return await leases.run((book, now) => {
      const changed = change(book, named, now);
      return { book: changed, reply: heldBy(changed, name) };
    });
  }

  /** Does again what a cutover has no place for at this moment: when it is over the work goes on where it was, or its lease is lost. */
  async #overCutover<T>(attempt: () => Promise<T>): Promise<T> {
    const { clock } = this.tools;
    const until = clock.monotonic() + CUTOVER_MS;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!isAppError(error, 'positions-closed') || clock.monotonic() >= until) throw error;
        await clock.sleep(CUTOVER_LOOK_MS);
      }
    }
  }

  /** A lease over a generation that no longer carries the name ends: its position was carried over at the cutover. */
  async #checkGeneration(directory: TopicDirectory, leases: GroupLeases, lease: Lease): Promise<void> {
    for (const physical of new Set(lease.partitions.map((one) => one.topic))) {
      if (!(await directory.isSuperseded(physical))) continue;
      const { logical } = generationOf(physical);
      const gone = new Set([physical]);
      await leases.run((book) => ({ book: forget(book, gone), reply: undefined })).catch(() => undefined);
      throw leaseLost(`topic '${logical}' has moved to another generation`);
    }
  }

  /** Until something is written behind what was handed out, or the time is over. */
  async #pause(
    directory: TopicDirectory,
    work: readonly PartitionWork[],
    maxWaitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const positions = work.map(({ topic, partition, next }) => ({ topic, partition, offset: next }));
    const found = await directory.engine.fetch({ positions, maxBytes: 1, minBytes: 1, maxWaitMs, signal });
    // Something is there that the lease has no room for, or cannot read: such a fetch waits for nothing, so this does.
    const unmoved = found.some(({ batches, error }) => batches.length > 0 || error !== undefined);
    if (unmoved) await this.tools.clock.sleep(maxWaitMs, signal);
  }

  #of(cluster: string = this.tools.directories.clusters.defaultName, group: string): GroupLeases {
    const key = `${cluster}\n${group}`;
    const known = this.#groups.get(key);
    if (known !== undefined) this.#groups.delete(key);
    const leases = known ?? this.#opened(cluster, group);
    this.#groups.set(key, leases);
    if (this.#groups.size > MAX_GROUPS) this.#forgetOldest();
    return leases;
  }

  #opened(cluster: string, group: string): GroupLeases {
    const directory = this.tools.directories.of(cluster);
    return new GroupLeases(directory.engine, this.tools.clock, group, (physical) => directory.isSuperseded(physical));
  }

  /** What is forgotten is read from the log again. */
  #forgetOldest(): void {
    for (const [key, leases] of this.#groups) {
      if (!leases.idle) continue;
      this.#groups.delete(key);
      // Somebody else may have taken it over meanwhile; then it is theirs.
      leases.retire().catch(() => undefined);
      return;
    }
  }
}

/** Its topic is being handed over: there is nothing to be had of it now. */
function emptyWhileClosed(error: unknown): NoLease {
  if (isAppError(error, 'positions-closed')) return 'empty';
  throw error;
}

async function take(
  leases: GroupLeases,
  name: LeaseName,
  found: DueRecords,
  count: number,
): Promise<readonly HandedOut[]> {
  const reads = cutReads(found, count);
  const isIdle = count === 0 && reads.every((read) => read.to === read.from && read.vanished.length === 0);
  if (isIdle) return [];
  // Also when all of it is in hand already: only the fence tells that no other instance has had it acknowledged.
  const run = leases.run(
    (book, now, { resting }) => {
      // What began to rest since it was read stays where it is.
      const begun = reads.filter((read) => !resting.has(read.topic));
      const changed = handOut(book, name, begun, now);
      return { book: changed, reply: heldBy(changed, name).work };
    },
    { confirmed: true },
  );
  const work = await run.catch((error: unknown) => {
    if (isAppError(error, 'positions-closed')) return [];
    throw error;
  });
  const deliveries = new Map(
    work.flatMap((one) =>
      one.unacked
        .filter((record) => record.inHand)
        .map((record) => [`${placeOf(one)}/${record.offset}`, record.deliveries] as const),
    ),
  );
  return found.due.slice(0, count).flatMap((one) => {
    const times = deliveries.get(`${placeOf(one)}/${one.record.offset}`);
    return times === undefined ? [] : [{ ...one, deliveries: times }];
  });
}
