import type { Clock } from '#libs/core/kernel';
import { BATCH_PREFIX_BYTES, type CompactionScope, readInt32, segmentGroups } from '#libs/core/log';
import type { Command } from './commands.js';
import type { CompactionWork } from './compaction-work.js';
import type { LogState, Topic } from './log-state.js';
import type { EmbeddedLogSettings, FailPoint } from './options.js';
import type { PartitionLog } from './partition-log.js';
import { Segment } from './segment.js';
import type { SegmentReader } from './segment-reader.js';
import type { SegmentStore } from './segment-store.js';

export interface CompactorParts {
  readonly clock: Clock;
  readonly state: LogState;
  readonly segments: SegmentStore;
  readonly reader: SegmentReader;
  readonly settings: EmbeddedLogSettings;
  readonly work: CompactionWork;
  /** Makes facts durable that are decided when their turn has come, with nothing on its way behind them. */
  readonly decide: (facts: () => readonly Command[]) => Promise<void>;
  readonly failPoint: (name: FailPoint) => void;
  readonly signal: AbortSignal;
}

export interface Compacted {
  readonly readBytes: number;
  readonly keptBytes: number;
  readonly segments: number;
}

/** Bytes that are read, looked through and written at a time: a few milliseconds of the main thread. */
const RUN_BYTES = 256 * 1024;
/**
 * Bytes that are written between two flushes. Flushed at the end only, a whole segment would keep the disk from whoever waits for a flush of the journal meanwhile.
 */
const FLUSH_BYTES = 1024 * 1024;
/** A pause shorter than this is saved up. */
const PAUSE_MS = 20;

/**
 * Compacts one partition at a time. Segments are written anew under another name, flushed with their indexes and names, and only then take the place of the old
 * ones, by a fact in the journal. So a crash leaves the old or the new one: without the fact the new files are nobody's and the next start removes them; with it
 * they are whole. The old files stay until a checkpoint has the fact, for a replay may still write into them and then replace them again.
 */
export class SegmentCompactor {
  #paidUpToMs = 0;

  constructor(private readonly parts: CompactorParts) {}

  /** @throws {SegmentDamage} and what the disk, the work and the journal throw; what was put in place by then stays. */
  async compact(
    topic: Topic,
    partition: PartitionLog,
    scope: CompactionScope,
    rules: { readonly deleteRetentionMs: number },
  ): Promise<Compacted> {
    const { work, clock, settings } = this.parts;
    const { from, to } = scope;
    const sources = partition.segments.filter((one) => one.baseOffset < to && one.nextOffset > partition.startOffset);
    const { deleteRetentionMs } = rules;
    const compacted = { readBytes: 0, keptBytes: 0, segments: 0 };
    this.#paidUpToMs = clock.monotonic();
    try {
      await work.begin({ from, to, mapBytes: settings.compactionMapBytes, nowMs: clock.now(), deleteRetentionMs });
      const upTo = await this.noteKeys(sources.filter((one) => one.nextOffset > from));
      const within = sources.filter((one) => one.baseOffset < upTo);
      const last = within.at(-1);
      const most = Math.min(settings.segmentBytes, topic.segmentBytes);
      for (const group of segmentGroups(within, most)) await this.compactGroup(partition, group, last, upTo, compacted);
      await this.parts.decide(() => (this.holds(partition, [], upTo) ? [this.fact(partition, [], null, upTo)] : []));
    } finally {
      await work.end();
    }
    return compacted;
  }

  /** Answers the offset up to which the keys are known. */
  private async noteKeys(dirty: readonly Segment[]): Promise<number> {
    const { work } = this.parts;
    for (const segment of dirty) {
      for await (const run of this.runsOf(segment)) {
        if (!(await work.note(run.bytes))) return await work.known();
      }
    }
    return await work.known();
  }

  private async compactGroup(
    partition: PartitionLog,
    group: readonly Segment[],
    last: Segment | undefined,
    upTo: number,
    compacted: { readBytes: number; keptBytes: number; segments: number },
  ): Promise<void> {
    const { segments, failPoint, reader } = this.parts;
    const revision = partition.revision + 1;
    const target = new Segment({ ...partition.identity, baseOffset: group[0]!.baseOffset, revision });
    try {
      const changed = await this.rewrite(group, target, last);
      for (const { sizeBytes } of group) compacted.readBytes += sizeBytes;
      compacted.keptBytes += target.sizeBytes;
      // A single segment of which all stays is left as it is.
      if (!changed && group.length === 1) return await segments.removeSegment(target.binding, target.baseOffset);
      failPoint('compaction-written');
      if (target.sizeBytes > 0) await this.makeDurable(target);
      failPoint('compaction-flushed');
      let taken = false;
      const by = target.sizeBytes > 0 ? target.state : null;
      await this.parts.decide(() => {
        taken = this.holds(partition, group, upTo);
        return taken ? [this.fact(partition, group, by, 0)] : [];
      });
      failPoint('compaction-swapped');
      if (!taken || by === null) await segments.removeSegment(target.binding, target.baseOffset);
      if (!taken) return;
      compacted.segments += group.length;
      for (const one of group) reader.forget(one);
      partition.wake();
    } catch (error) {
      // Whether the fact is in the journal is not known when writing has ended: a name that it may mean must stay.
      if (!this.isIn(partition, target) && (error as { code?: unknown }).code !== 'outcome-unknown') {
        await segments.removeSegment(target.binding, target.baseOffset).catch(() => undefined);
      }
      throw error;
    }
  }

  /** Writes what is left of a group. Answers whether anything is different. */
  private async rewrite(group: readonly Segment[], target: Segment, last: Segment | undefined): Promise<boolean> {
    const { work, segments, settings } = this.parts;
    let changed = false;
    let flushed = 0;
    for (const source of group) {
      for await (const run of this.runsOf(source)) {
        const left = await work.compact(run.bytes, source === last && run.ends);
        changed ||= left.changed;
        if (left.bytes.length === 0) continue;
        const { sizeBytes: position } = target;
        await segments.write({ identity: target.binding, segmentBase: target.baseOffset, position, bytes: left.bytes });
        for (const at of placesIn(left.bytes)) {
          target.extend(left.bytes, at, lengthAt(left.bytes, at), source.maxAppendTimeMs, settings.indexIntervalBytes);
        }
        if (target.sizeBytes - flushed < FLUSH_BYTES) continue;
        await this.flushAndRest(target);
        flushed = target.sizeBytes;
      }
    }
    // As old as what it was made of, whatever of that stayed.
    target.firstAppendTimeMs = group[0]!.firstAppendTimeMs;
    target.maxAppendTimeMs = Math.max(...group.map((one) => one.maxAppendTimeMs));
    target.seal();
    return changed;
  }

  /** Flushes what was written so far, and leaves the disk to others for as long as that took: they wait for flushes of the journal. */
  private async flushAndRest(target: Segment): Promise<void> {
    const { segments, clock, signal } = this.parts;
    const began = clock.monotonic();
    await segments.flush(target.binding, target.baseOffset);
    const tookMs = clock.monotonic() - began;
    if (tookMs > 0) await clock.sleep(tookMs, signal);
  }

  private async makeDurable(target: Segment): Promise<void> {
    const { segments } = this.parts;
    // What the fact will say of the indexes counts them as written.
    await segments.writeIndexes(target);
    await segments.flush(target.binding, target.baseOffset);
    await segments.syncDirectories();
  }

  /** The batches of a segment in runs of some length, with a pause where work is ahead of its pace. */
  private async *runsOf(segment: Segment): AsyncGenerator<{ readonly bytes: Uint8Array; readonly ends: boolean }> {
    const { reader, signal } = this.parts;
    const { end } = segment;
    for (let offset = segment.baseOffset; offset < end.offset;) {
      signal.throwIfAborted();
      const batches = await reader.readFrom(segment, offset, RUN_BYTES, end);
      if (batches.length === 0) return;
      offset = batches.at(-1)!.header.lastOffset + 1;
      const bytes = concatenated(batches.map((one) => one.bytes));
      // Whoever gets the bytes may give them away.
      const { length } = bytes;
      yield { bytes, ends: offset >= end.offset };
      await this.pace(length);
    }
  }

  /** Sleeps so long that no more bytes are worked through in a second than the settings allow. */
  private async pace(bytes: number): Promise<void> {
    const { clock, settings, signal } = this.parts;
    if (settings.compactionBytesPerSecond === Infinity) return;
    const now = clock.monotonic();
    this.#paidUpToMs = Math.max(this.#paidUpToMs, now - PAUSE_MS) + (bytes * 1_000) / settings.compactionBytesPerSecond;
    const aheadMs = Math.ceil(this.#paidUpToMs - now);
    if (aheadMs >= PAUSE_MS) await clock.sleep(aheadMs, signal);
  }

  /** Whether what was compacted still stands in the partition as it was read, and nobody holds it. */
  private holds(partition: PartitionLog, group: readonly Segment[], upTo: number): boolean {
    const { state } = this.parts;
    const { topic, partition: number } = partition.identity;
    if (state.partition(topic, number) !== partition || partition.degradedAt !== undefined) return false;
    if (group.some((one) => one.gone)) return false;
    return upTo <= state.holds.on(topic, number).from;
  }

  private isIn(partition: PartitionLog, { baseOffset, binding }: Segment): boolean {
    return partition.segments.some((one) => one.baseOffset === baseOffset && one.binding.revision === binding.revision);
  }

  private fact(
    partition: PartitionLog,
    group: readonly Segment[],
    by: Segment['state'] | null,
    cleanUpTo: number,
  ): Command {
    const { topic, partition: number } = partition.identity;
    const replaced = group.map((one) => one.baseOffset);
    return { kind: 'segments-compacted', topic, partition: number, replaced, by, cleanUpTo };
  }
}

/** A copy in memory of its own, which a worker may be given. */
function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function* placesIn(bytes: Uint8Array): Generator<number> {
  for (let at = 0; at < bytes.length; at += lengthAt(bytes, at)) yield at;
}

/** Length of the batch at `at`: its header counts what follows the first two fields. */
function lengthAt(bytes: Uint8Array, at: number): number {
  return readInt32(bytes, at + 8) + BATCH_PREFIX_BYTES;
}
