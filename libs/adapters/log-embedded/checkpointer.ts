import { type AppError, type Clock } from '#libs/core/kernel';
import { isUsedUp, usedUp } from './errors.js';
import type { FileSystem } from './file-system.js';
import type { Journal } from './journal.js';
import type { LogState } from './log-state.js';
import type { DroppedSegment, PartitionLog } from './partition-log.js';
import type { EmbeddedLogObserver, EmbeddedLogSettings, FailPoint } from './options.js';
import type { Segment } from './segment.js';
import type { SegmentStore } from './segment-store.js';
import { encodeSnapshot, writeSnapshot } from './state-snapshot.js';

export interface CheckpointParts {
  readonly clock: Clock;
  readonly files: FileSystem;
  readonly directory: string;
  readonly state: LogState;
  readonly journal: Journal;
  readonly segments: SegmentStore;
  readonly settings: EmbeddedLogSettings;
  readonly observer: EmbeddedLogObserver;
  readonly failPoint: (name: FailPoint) => void;
  /** Whether segments of a topic, by its number, are being written anew: its files stay until a later checkpoint. */
  readonly compacts: (topic: number) => boolean;
  /** A checkpoint failed to flush: writing must end. */
  readonly failed: (error: unknown) => void;
}

/** What is no part of the captured state any more, so that no recovery will ask for its files. */
interface Dropped {
  readonly topics: readonly number[];
  readonly segments: readonly DroppedOf[];
}

interface DroppedOf {
  readonly partition: PartitionLog;
  readonly segment: DroppedSegment;
}

function* droppedSegments(state: LogState): Generator<DroppedOf> {
  for (const partition of state.partitions()) {
    for (const segment of partition.dropped) yield { partition, segment };
  }
}

/** How long a checkpoint that found no room waits before it tries again. */
const RETRY_MS = 1_000;

/**
 * Lets the journal begin anew: the state as of now is captured, the journal turns to its other file, and in the background the segments written so far
 * are flushed and the captured state takes the place of the last one. From then on the old file is free. Writing goes on meanwhile.
 *
 * A full disk holds a checkpoint up: it is tried again, with what was captured, until there is room. The journal only grows until then.
 */
export class Checkpointer {
  #dirty = new Set<Segment>();
  #running: Promise<void> | undefined;
  /** Who needs files that are no part of the log any more. */
  #holds = 0;
  /** Why the running checkpoint waits. */
  #noRoom: AppError | undefined;
  readonly #stop = new AbortController();

  constructor(private readonly parts: CheckpointParts) {}

  get running(): Promise<void> | undefined {
    return this.#running;
  }

  /** Keeps the files of everything that goes from now on, until the returned function is called; a later checkpoint removes them then. */
  holdFiles(): () => void {
    this.#holds++;
    let isHeld = true;
    return () => {
      if (isHeld) this.#holds--;
      isHeld = false;
    };
  }

  /** A segment got bytes that a checkpoint must flush. */
  touch(segment: Segment): void {
    this.#dirty.add(segment);
  }

  /** Whether the journal is long enough for a checkpoint and no other one runs. */
  get due(): boolean {
    const { journal, settings } = this.parts;
    return this.#running === undefined && journal.position >= settings.checkpointBytes;
  }

  /** Between groups, everything flushed: begins a checkpoint when it is due. */
  considerStarting(): void {
    if (this.due) this.begin(false).catch(() => undefined); // A failing checkpoint reports itself.
  }

  /** Between groups: waits when the journal is too long because the running checkpoint is slow. Answers the refusal when there is no room for it. */
  async makeRoom(): Promise<AppError | undefined> {
    const { journal, settings } = this.parts;
    while (this.#running !== undefined && journal.position >= 2 * settings.checkpointBytes) {
      if (this.#noRoom !== undefined) return this.#noRoom;
      const retried = this.parts.clock.sleep(RETRY_MS, this.#stop.signal);
      await Promise.race([this.#running, retried]).catch(() => undefined);
    }
    return undefined;
  }

  /** Resolves when no checkpoint runs. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => undefined);
  }

  /** The running checkpoint does not wait for room any more, but fails. */
  stopWaiting(): void {
    this.#stop.abort();
  }

  /**
   * Must be called between groups, with the journal flushed, and while no other checkpoint runs. What has to be captured is captured before this returns. `clean`: nothing will
   * be written behind it. The promise rejects with `storage-full` after {@link stopWaiting}, and with what ended the log.
   */
  begin(clean: boolean): Promise<void> {
    const { journal, state, clock, failPoint, failed } = this.parts;
    failPoint('checkpoint-begin');
    const segments = [...this.#dirty].filter((one) => !one.gone);
    this.#dirty = new Set();
    const dropped = { topics: [...state.dropped], segments: [...droppedSegments(state)] };
    state.forgetProducers(clock.now());
    const place = journal.beginNext();
    const bytes = encodeSnapshot({ journal: place, clean, state: state.image() });
    const running = this.insist(() => this.carryOut(bytes, segments, dropped, clock.monotonic())).finally(() => {
      this.#running = undefined;
    });
    this.#running = running;
    running.catch((error: unknown) => {
      if (!isUsedUp(error)) failed(error);
    });
    return running;
  }

  /** Tries until there is room. Every step of a checkpoint may be done twice. */
  private async insist(attempt: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        await attempt();
        this.#noRoom = undefined;
        return;
      } catch (error) {
        if (!isUsedUp(error) || this.#stop.signal.aborted) throw error;
        this.#noRoom = usedUp(this.parts.directory, error);
        await this.parts.clock.sleep(RETRY_MS, this.#stop.signal).catch(() => undefined);
      }
    }
  }

  private async carryOut(
    snapshot: Uint8Array,
    segments: readonly Segment[],
    dropped: Dropped,
    started: number,
  ): Promise<void> {
    const { files, directory, segments: store, state, clock, observer, failPoint } = this.parts;
    // Files of topics and segments deleted since then are still there: they go in the loops below, or in those of the next checkpoint.
    for (const segment of segments) {
      await store.writeIndexes(segment);
      await store.flush(segment.binding, segment.baseOffset);
    }
    await store.syncDirectories();
    failPoint('checkpoint-segments-flushed');
    await writeSnapshot(files, directory, snapshot, () => failPoint('checkpoint-snapshot-renamed'));
    for (const { partition, segment } of dropped.segments) {
      if (this.#holds > 0) break;
      await store.removeSegment({ ...partition.identity, ...segment }, segment.baseOffset);
      partition.dropped.delete(segment);
      failPoint('files-removed');
    }
    for (const topic of dropped.topics) {
      if (this.#holds > 0) break;
      // What is written there would be left behind, in a directory that is gone.
      if (this.parts.compacts(topic)) continue;
      await store.removeTopic(topic);
      state.dropped.delete(topic);
    }
    observer.checkpointed?.({ durationMs: clock.monotonic() - started, segments: segments.length });
  }
}
