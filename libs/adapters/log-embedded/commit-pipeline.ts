import { setImmediate as turn } from 'node:timers/promises';
import { type AppError, type Clock } from '#libs/core/kernel';
import { logErrors } from '#libs/core/log';
import type { Checkpointer } from './checkpointer.js';
import { CommitGroup } from './commit-group.js';
import { type CommitRequest, type PlacedRequest, Placement, placeRequest } from './commit-request.js';
import { isUsedUp, logFailed, logOverloaded, usedUp } from './errors.js';
import type { Journal } from './journal.js';
import type { LogState } from './log-state.js';
import type { EmbeddedLogObserver, EmbeddedLogSettings, FailPoint } from './options.js';
import type { PartitionLog } from './partition-log.js';
import type { Segment } from './segment.js';
import type { SegmentStore, SegmentWrite } from './segment-store.js';
import { UnflushedWrites } from './unflushed-writes.js';

export interface PipelineParts {
  readonly clock: Clock;
  readonly state: LogState;
  readonly journal: Journal;
  readonly segments: SegmentStore;
  readonly checkpointer: Checkpointer;
  readonly settings: EmbeddedLogSettings;
  readonly waitingBytes: number;
  /** Producers of partitions that are remembered at most. */
  readonly producers: number;
  readonly observer: EmbeddedLogObserver;
  readonly failPoint: (name: FailPoint) => void;
  /** Told once, when writing has ended for good. */
  readonly failed: (error: unknown) => void;
}

/**
 * The one writer of the log. Requests wait in line; a group of them is placed, written to the segments and the journal, flushed as far as the strongest level
 * in it wants that, and only then made visible and acknowledged. While one group is on its way the next one gathers, so that one flush serves all who wait (G3).
 *
 * Placing a request is the moment of its decision: fences, writer epochs and offsets are looked at there, one request after another, in the
 * state that all durable requests before it have made. So there is nothing to take back but places when a group cannot be written.
 */
export class CommitPipeline {
  #queue: CommitRequest[] = [];
  #queuedBytes = 0;
  #running: Promise<void> | undefined;
  /** Work to be done between two groups, when nothing is on its way. */
  #between: (() => void)[] = [];
  #failure: unknown;
  readonly #unflushed: UnflushedWrites;
  /** What was acknowledged unflushed has come to its time. */
  #flushDue = false;
  #flushTimer: AbortController | undefined;
  #memory: Buffer = Buffer.allocUnsafeSlow(256 * 1024);

  constructor(private readonly parts: PipelineParts) {
    const { flushBytes: bytes, flushIntervalMs: ms } = parts.settings;
    this.#unflushed = new UnflushedWrites({ bytes, ms });
  }

  /** What is acknowledged or shown and not flushed: bytes of the journal, and how long ago the first of them were written. */
  get unflushed(): { readonly bytes: number; readonly ageMs: number } {
    return { bytes: this.#unflushed.bytes, ageMs: this.#unflushed.ageMs(this.parts.clock.monotonic()) };
  }

  /** Why writing has ended, undefined while it has not. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Bytes that wait to be written. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Puts a request into the line. It is resolved or rejected through its own functions. @throws `log-overloaded`, `log-failed`. */
  submit(request: CommitRequest): void {
    if (this.#failure !== undefined) throw logFailed(this.#failure);
    const { waitingBytes } = this.parts;
    if (this.#queuedBytes + request.bytes > waitingBytes) throw logOverloaded(this.#queuedBytes, waitingBytes);
    this.#queuedBytes += request.bytes;
    this.#queue.push(request);
    this.start();
  }

  /** Runs `work` between two groups: everything placed before is durable and visible then, and nothing is on its way. */
  async between<T>(work: () => T): Promise<T> {
    if (this.#failure !== undefined) throw logFailed(this.#failure);
    return await new Promise<T>((resolve, reject) => {
      this.#between.push(() => {
        if (this.#failure !== undefined) return reject(logFailed(this.#failure));
        try {
          resolve(work());
        } catch (error) {
          reject(error as Error);
        }
      });
      this.start();
    });
  }

  /** Flushes what was written without, and resolves when nothing waits any more. */
  async flush(): Promise<void> {
    this.#flushDue = true;
    this.start();
    await this.drain();
  }

  /** Resolves when nothing waits any more. */
  async drain(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Ends writing: everyone who waits learns that the outcome is unknown, and nobody is served any more (G8). */
  fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#flushTimer?.abort();
    const waiting = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const request of waiting) request.reject(logErrors.outcomeUnknown('the write', error));
    this.parts.failed(error);
  }

  private start(): void {
    this.#running ??= this.run().finally(() => {
      this.#running = undefined;
      if (this.hasWork) this.start();
    });
  }

  private get hasWork(): boolean {
    return this.#queue.length > 0 || this.#between.length > 0 || this.#flushDue;
  }

  private async run(): Promise<void> {
    const { clock, settings, journal, checkpointer } = this.parts;
    // Everyone who was woken by the last flush gets a chance to be on the next.
    if (settings.groupWaitMs > 0) await clock.sleep(settings.groupWaitMs);
    else await turn();
    while (this.hasWork) {
      if (this.#flushDue || this.#between.length > 0) await this.flushWritten();
      const between = this.#between;
      this.#between = [];
      for (const work of between) work();
      if (this.#queue.length === 0) break;
      try {
        const noRoom = await checkpointer.makeRoom();
        if (noRoom === undefined) await this.writeGroup();
        else this.refuseAll(noRoom);
        if (checkpointer.due) await this.flushWritten();
        checkpointer.considerStarting();
        if (this.#queue.length === 0) journal.noteDurable(clock.now());
      } catch (error) {
        this.fail(error);
      }
      if (this.#failure === undefined) await turn();
    }
  }

  /** Flushes what was acknowledged without: a checkpoint begins where the journal is flushed, and work between groups finds everything durable. */
  private async flushWritten(): Promise<void> {
    const { clock, journal, observer } = this.parts;
    const { any, bytes, commits } = this.#unflushed;
    this.#flushDue = false;
    if (!any || this.#failure !== undefined) return;
    const startedMs = clock.monotonic();
    try {
      await journal.flush();
    } catch (error) {
      return this.fail(error);
    }
    this.flushed();
    observer.flushed?.({ durationMs: clock.monotonic() - startedMs, bytes, commits });
  }

  private flushed(): void {
    this.#unflushed.clear();
    this.#flushTimer?.abort();
    this.#flushTimer = undefined;
  }

  /** Sees to it that what has just been acknowledged unflushed is flushed in time. */
  private armFlush(): void {
    if (this.#flushTimer !== undefined || !this.#unflushed.bounded) return;
    const { clock, settings } = this.parts;
    const timer = new AbortController();
    this.#flushTimer = timer;
    const due = (): void => {
      if (timer.signal.aborted) return;
      this.#flushTimer = undefined;
      this.#flushDue = true;
      this.start();
    };
    clock.sleep(settings.flushIntervalMs, timer.signal).then(due, () => undefined);
  }

  /** Places as many requests as fit and carries them through. Throws only what ends the log. */
  private async writeGroup(): Promise<void> {
    const { state, clock, settings, journal } = this.parts;
    const place = {
      generation: journal.generation,
      salt: journal.salt,
      lsn: journal.lsn,
      durableUpTo: journal.durableLsn,
      appendTimeMs: clock.now(),
    };
    const group = new CommitGroup(this.#memory, place, settings.bulkBytes);
    try {
      this.gather(group, new Placement(state, settings.segmentBytes, place.appendTimeMs, this.parts.producers));
    } catch (error) {
      return this.leave(group, error);
    }
    if (group.requests.length > 0) await this.carryThrough(group, place.appendTimeMs);
    this.#memory = group.memory;
  }

  /** Moves requests from the line into a group, refusing those that cannot be done. */
  private gather(group: CommitGroup, placement: Placement): void {
    const { groupBytes } = this.parts.settings;
    let taken = 0;
    let bytes = 0;
    for (const request of this.#queue) {
      if (group.requests.length > 0 && bytes + request.bytes > groupBytes) break;
      taken++;
      bytes += request.bytes;
      let placed: PlacedRequest;
      try {
        placed = placeRequest(request, placement);
      } catch (error) {
        request.reject(error);
        continue;
      }
      group.add(placed);
      if (request.structural) break;
    }
    this.#queue.splice(0, taken);
    this.#queuedBytes -= bytes;
    group.seal();
  }

  private async carryThrough(group: CommitGroup, appendTimeMs: number): Promise<void> {
    const { journal, clock, observer, failPoint } = this.parts;
    const { entries, level, requests } = group;
    const writes = group.segmentWrites();
    const unflushed = this.#unflushed;
    const { position } = journal;
    // Repetitions of what is durable already, or as durable as they ask for.
    if (entries.length === 0 && !(level === 'durable' && unflushed.any)) return this.makeVisible(group, appendTimeMs);
    const flush = unflushed.needsFlush(level, entries.length, clock.monotonic());
    let startedMs = 0;
    try {
      await this.writeReferenced(writes.filter((one) => one.flush));
      await journal.write(entries);
      failPoint('journal-append');
      startedMs = clock.monotonic();
      const others = writes.filter((one) => !one.flush);
      await (flush ? this.flushWhileWriting(others) : this.writeSegments(others));
    } catch (error) {
      if (isUsedUp(error)) await this.giveUp(group, writes, position, error);
      else this.leave(group, error);
      return;
    }
    if (flush) failPoint('journal-flushed');
    // Something else failed meanwhile, a checkpoint perhaps: nothing is acknowledged any more.
    if (this.#failure !== undefined) return this.leave(group, this.#failure);
    const nowMs = clock.monotonic();
    if (!flush) unflushed.add(level, entries.length, requests.length, nowMs);
    this.makeVisible(group, appendTimeMs);
    if (flush) {
      const bytes = entries.length + unflushed.bytes;
      const commits = requests.length + unflushed.commits;
      this.flushed();
      observer.flushed?.({ durationMs: nowMs - startedMs, bytes, commits });
    } else this.armFlush();
    if (group.records > 0) observer.appended?.({ records: group.records, bytes: group.recordBytes });
  }

  /** Brings to the disk what the journal will only refer to. */
  private async writeReferenced(writes: readonly SegmentWrite[]): Promise<void> {
    if (writes.length === 0) return;
    const { segments } = this.parts;
    await this.writeSegments(writes);
    for (const { identity, segmentBase } of writes) await segments.flush(identity, segmentBase);
    await segments.syncDirectories();
  }

  /**
   * The journal is flushed by another thread while this one writes the segments, which need not be durable. When they find no room the journal,
   * flushed by then, is taken back like them.
   */
  private async flushWhileWriting(writes: readonly SegmentWrite[]): Promise<void> {
    const flushing = this.parts.journal.flush();
    // Whatever becomes of the segments, the end of the flush is waited for, and its failure counts first.
    const [flushed, written] = await Promise.allSettled([flushing, this.writeSegments(writes)]);
    if (flushed.status === 'rejected') throw flushed.reason;
    if (written.status === 'rejected') throw written.reason;
  }

  private async writeSegments(writes: readonly SegmentWrite[]): Promise<void> {
    const { segments, settings } = this.parts;
    if (writes.reduce((sum, one) => sum + one.bytes.length, 0) < settings.pooledBytes) {
      for (const write of writes) {
        const writing = segments.write(write);
        if (writing !== undefined) await writing;
      }
      return;
    }
    const begun: Promise<void>[] = [];
    try {
      for (const write of writes) {
        const writing = segments.write(write, true);
        // What begins a file cuts off what is in it: it is over before anything else is written there.
        if (write.position === 0) await writing;
        else if (writing !== undefined) {
          begun.push(writing);
          // It may fail while another one is waited for; who waits for all of them is told.
          writing.catch(() => undefined);
        }
      }
    } finally {
      // All of them are over before anything is taken back.
      await Promise.allSettled(begun);
    }
    await Promise.all(begun);
  }

  /**
   * There was no room: takes the group back from the disk, so that its requests can be refused as not done (G9). @param journalPosition where the journal stood before it: nothing of it may be written there yet.
   */
  private async giveUp(
    group: CommitGroup,
    writes: readonly SegmentWrite[],
    journalPosition: number,
    cause: unknown,
  ): Promise<void> {
    const { segments, journal } = this.parts;
    try {
      // First the journal, which may refer to what lies in the segments: what it does not know of is cut by the next start anyway.
      await journal.retract(journalPosition);
      await segments.cutBack(writes);
    } catch (error) {
      this.leave(group, error);
      return;
    }
    for (const one of group.placed) one.log.rewind();
    const refusal = usedUp('', cause);
    for (const { request } of group.requests) request.reject(refusal);
  }

  /** The journal cannot go on until a checkpoint finds room. */
  private refuseAll(error: AppError): void {
    const refused = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const request of refused) request.reject(error);
  }

  /** Nobody knows whether the group is on the disk. */
  private leave(group: CommitGroup, error: unknown): void {
    for (const { request } of group.requests) request.reject(logErrors.outcomeUnknown('the write', error));
    this.fail(error);
  }

  /** Moves the visible ends over the group and applies its facts, in order, without a pause, so that readers see whole commits. */
  private makeVisible(group: CommitGroup, appendTimeMs: number): void {
    const { state, settings, checkpointer } = this.parts;
    const touched = new Set<PartitionLog>();
    let current: PartitionLog | undefined;
    let segment: Segment | undefined;
    for (const one of group.placed) {
      const { log } = one;
      if (segment === undefined || log !== current || segment.baseOffset !== one.segmentBase) {
        // A segment that is closed gets a last index entry, so it is to be flushed once more.
        if (log.active !== undefined) checkpointer.touch(log.active);
        segment = log.segmentFor(one.segmentBase);
        checkpointer.touch(segment);
        touched.add(log);
        current = log;
      }
      segment.extend(one.memory, one.at, one.length, appendTimeMs, settings.indexIntervalBytes);
      log.producers.note(one.append.header, one.baseOffset, appendTimeMs);
    }
    for (const { request, appended, commands } of group.requests) {
      for (const command of commands) state.apply(command);
      request.resolve(appended);
    }
    for (const partition of touched) {
      partition.settle();
      partition.wake();
    }
  }
}
