import { Serial } from '#libs/core/kernel';
import { isUsedUp } from './errors.js';
import type { FileSystem, OpenFile } from './file-system.js';
import { flushDirectory, flushFile } from './flush.js';
import { type CachedFile, HandleCache } from './handle-cache.js';
import { encodeOffsetIndex, encodeTimeIndex, OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES } from './kafka-indexes.js';
import {
  partitionDirectory,
  SEGMENT_FILES,
  type SegmentFile,
  segmentFileName,
  topicDirectory,
  topicsDirectory,
} from './log-directory.js';
import type { PartitionIdentity } from './partition-log.js';
import type { SegmentBinding } from './segment-chain.js';
import type { Segment } from './segment.js';
import { encodeSidecarEntries, encodeSidecarHeader, SIDECAR_ENTRY_BYTES, SIDECAR_HEADER_BYTES } from './sidecar.js';
import { writeAll, writeInPool } from './write-all.js';

/** Where a segment's files lie. */
export type SegmentPlace = Pick<SegmentBinding, 'topic' | 'partition' | 'revision'>;

/** Bytes for one segment file, all of one group. */
export interface SegmentWrite {
  readonly identity: PartitionIdentity & SegmentPlace;
  readonly segmentBase: number;
  readonly position: number;
  readonly bytes: Uint8Array;
  /** The bytes and the file's name must be durable before the journal is written. */
  readonly flush?: boolean;
  /** Recovery writes again what the file may hold already, and must not take away what lies behind. */
  readonly again?: boolean;
}

/**
 * The files of all segments: writes and reads them, flushes them, and knows which directories have new names that are not durable yet.
 * It does not know what is visible; offsets and sizes are the caller's.
 */
export class SegmentStore {
  readonly handles: HandleCache;
  /** Directories known to exist. */
  readonly #made = new Set<string>();
  /** Directories with names that a crash could lose. */
  readonly #unsynced = new Set<string>();
  /** The flush of directories that is under way, or that failed. */
  #syncing: Promise<void> = Promise.resolve();
  /** Index files of one segment are written by one at a time. */
  readonly #indexWrites = new Serial();

  constructor(
    private readonly files: FileSystem,
    private readonly directory: string,
    openSegments: number,
    failed: (error: unknown) => void,
  ) {
    this.handles = new HandleCache(files, openSegments, failed);
  }

  path({ topic, partition, revision }: SegmentPlace, baseOffset: number, file: SegmentFile): string {
    return `${partitionDirectory(this.directory, topic, partition)}/${segmentFileName(baseOffset, revision)}.${file}`;
  }

  /** Writes bytes into a `.log` file, creating file and directories where position 0 begins one. Undefined when it is done already, as small writes are unless they are to go to the thread `pool`. */
  write(write: SegmentWrite, pool = false): Promise<void> | undefined {
    const path = this.path(write.identity, write.segmentBase, 'log');
    const cached = write.position === 0 ? undefined : this.handles.get(path);
    if (cached === undefined) return this.writePinned(path, write);
    cached.dirty = true;
    const writing = (pool ? writeInPool : writeAll)(cached.file, write.bytes, write.position);
    if (writing === undefined) return undefined;
    cached.pins++;
    return writing.finally(() => {
      // A flush that began meanwhile has not covered it.
      cached.dirty = true;
      this.handles.unpin(cached);
    });
  }

  private async writePinned(path: string, write: SegmentWrite): Promise<void> {
    const begins = write.position === 0 || write.again === true;
    if (begins) await this.makeDirectories(write.identity);
    const store = async (cached: CachedFile): Promise<void> => {
      // A new segment must not begin in the remains of one that was never acknowledged.
      if (write.position === 0 && !write.again) await cached.file.truncate(0);
      cached.dirty = true;
      await writeAll(cached.file, write.bytes, write.position);
      // A flush that began meanwhile has not covered it.
      cached.dirty = true;
    };
    await this.withFile(path, store, begins ? 'create' : 'write');
    // Only now: a flush of directories that ran before the file was there would have taken the name for durable.
    if (begins) this.#unsynced.add(partitionDirectory(this.directory, write.identity.topic, write.identity.partition));
  }

  /** Takes back writes that must not stay: cuts each file where its first write began. */
  async cutBack(writes: readonly SegmentWrite[]): Promise<void> {
    const starts = new Map<string, number>();
    for (const { identity, segmentBase, position } of writes) {
      const path = this.path(identity, segmentBase, 'log');
      starts.set(path, Math.min(position, starts.get(path) ?? Infinity));
    }
    for (const [path, position] of starts) {
      const size = await this.files.fileSize(path);
      // Where nothing was written the file may not even be open, and need not be.
      if (size === undefined || size <= position) continue;
      await this.withFile(path, (cached) => cached.file.truncate(position));
    }
  }

  /** Makes the bytes of a `.log` file durable; see {@link syncDirectories} for its name. */
  async flush(identity: SegmentPlace, segmentBase: number): Promise<void> {
    await this.handles.sync(this.path(identity, segmentBase, 'log'));
  }

  /** Makes new names durable: waits for flushes under way, which may have taken names over, and flushes what is left. */
  syncDirectories(): Promise<void> {
    const syncing = this.#syncing.then(async () => {
      for (const path of [...this.#unsynced]) {
        this.#unsynced.delete(path);
        await flushDirectory(this.files, path).catch((error: unknown) => {
          this.#unsynced.add(path);
          throw error;
        });
      }
    });
    // What was not begun is done by the next call. After a flush that failed every later call fails too (G8).
    this.#syncing = syncing.catch((error: unknown) => {
      if (!isUsedUp(error)) throw error;
    });
    this.#syncing.catch(() => undefined);
    return syncing;
  }

  /** Bytes of a `.log` file, undefined when it is missing. */
  async fileSize(segment: Segment): Promise<number | undefined> {
    return await this.files.fileSize(this.path(segment.binding, segment.baseOffset, 'log'));
  }

  /** Cuts a `.log` file to its right size, if it is longer. Answers the size it had, undefined when it is missing. */
  async trim(segment: Segment): Promise<number | undefined> {
    const path = this.path(segment.binding, segment.baseOffset, 'log');
    const size = await this.fileSize(segment);
    if (size !== undefined && size > segment.sizeBytes) {
      await this.withFile(path, async (cached) => {
        await cached.file.truncate(segment.sizeBytes);
        cached.dirty = true;
      });
    }
    return size;
  }

  /** Bytes from a `.log` file, into memory that is given where it is; fewer than asked where the file ends, none where it is missing. */
  async read(segment: Segment, position: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
    return await this.readAt(segment.binding, segment.baseOffset, position, length, into);
  }

  async readAt(
    identity: SegmentPlace,
    segmentBase: number,
    position: number,
    length: number,
    into: Uint8Array = Buffer.allocUnsafeSlow(length),
  ): Promise<Uint8Array> {
    const target = into.subarray(0, length);
    try {
      const path = this.path(identity, segmentBase, 'log');
      const count = await this.withFile(path, (cached) => cached.file.read(target, position), 'write');
      return target.subarray(0, count);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return target.subarray(0, 0);
      throw error;
    }
  }

  /** Writes the index entries that a segment has in memory only, and makes them durable. */
  async writeIndexes(segment: Segment): Promise<void> {
    await this.#indexWrites.run(async () => {
      const { tail, written } = segment;
      const waypoints = tail.waypoints.count;
      const offsets = tail.offsetEntries.length / 2;
      const times = tail.timeEntries.length / 2;
      const entries = encodeSidecarEntries(segment.binding, tail.waypoints, 0, waypoints);
      const sidecarAt = SIDECAR_HEADER_BYTES + written.waypoints * SIDECAR_ENTRY_BYTES;
      if (segment.trimIndexes || waypoints > 0) {
        const header = written.waypoints === 0 ? encodeSidecarHeader(segment.binding) : undefined;
        await this.writeIndex(segment, 'sidecar', sidecarAt, entries, header);
      }
      if (offsets > 0 || (segment.trimIndexes && written.offsetEntries > 0)) {
        const bytes = encodeOffsetIndex(tail.offsetEntries, offsets);
        await this.writeIndex(segment, 'index', written.offsetEntries * OFFSET_ENTRY_BYTES, bytes);
      }
      if (times > 0 || (segment.trimIndexes && written.timeEntries > 0)) {
        const bytes = encodeTimeIndex(tail.timeEntries, times);
        await this.writeIndex(segment, 'timeindex', written.timeEntries * TIME_ENTRY_BYTES, bytes);
      }
      segment.trimIndexes = false;
      segment.noteWritten(waypoints, offsets, times);
    });
  }

  /** Replaces the sidecar of a segment, whose tail is empty or begins where `entries` end. */
  async replaceSidecar(segment: Segment, entries: Uint8Array): Promise<void> {
    await this.#indexWrites.run(() =>
      this.writeIndex(segment, 'sidecar', SIDECAR_HEADER_BYTES, entries, encodeSidecarHeader(segment.binding), true),
    );
  }

  /** Content of an index file, undefined when it is missing. */
  async readIndex(segment: Segment, file: SegmentFile): Promise<Uint8Array | undefined> {
    const path = this.path(segment.binding, segment.baseOffset, file);
    if ((await this.files.fileSize(path)) === undefined) return undefined;
    return await this.using(await this.files.open(path, 'read'), async (opened) => {
      const bytes = Buffer.allocUnsafeSlow(await opened.size());
      return bytes.subarray(0, await opened.read(bytes, 0));
    });
  }

  /** Removes the files of one segment, which nobody begins to read any more. Their names may come back with a crash. Harmless to repeat. */
  async removeSegment(identity: SegmentPlace, baseOffset: number): Promise<void> {
    await this.handles.forget(this.path(identity, baseOffset, 'log'));
    for (const file of SEGMENT_FILES) await this.files.remove(this.path(identity, baseOffset, file));
    this.#unsynced.add(partitionDirectory(this.directory, identity.topic, identity.partition));
  }

  /** Removes every file of a topic. Harmless to repeat. */
  async removeTopic(topic: number): Promise<void> {
    const path = topicDirectory(this.directory, topic);
    await this.handles.forget(`${path}/`);
    for (const partition of (await this.files.list(path)) ?? []) {
      const inner = `${path}/${partition.name}`;
      for (const file of (await this.files.list(inner)) ?? []) await this.files.remove(`${inner}/${file.name}`);
      await this.files.removeDirectory(inner);
    }
    await this.files.removeDirectory(path);
    for (const set of [this.#made, this.#unsynced]) {
      for (const known of [...set]) if (known === path || known.startsWith(`${path}/`)) set.delete(known);
    }
    await flushDirectory(this.files, topicsDirectory(this.directory));
  }

  private async makeDirectories({ topic, partition }: PartitionIdentity): Promise<void> {
    const topics = topicsDirectory(this.directory);
    const ofTopic = topicDirectory(this.directory, topic);
    const ofPartition = partitionDirectory(this.directory, topic, partition);
    for (const [path, parent] of [
      [ofTopic, topics],
      [ofPartition, ofTopic],
    ] as const) {
      if (this.#made.has(path)) continue;
      await this.files.makeDirectory(path);
      this.#made.add(path);
      this.#unsynced.add(parent);
    }
  }

  private async writeIndex(
    segment: Segment,
    ending: SegmentFile,
    position: number,
    bytes: Uint8Array,
    header?: Uint8Array,
    replace = false,
  ): Promise<void> {
    const path = this.path(segment.binding, segment.baseOffset, ending);
    await this.using(await this.files.open(path, 'create'), async (file) => {
      if (segment.trimIndexes || replace) await file.truncate(replace ? 0 : position);
      if (header !== undefined) await writeAll(file, header, 0);
      if (bytes.length > 0) await writeAll(file, bytes, position);
      await flushFile(file);
    });
    const { topic, partition } = segment.binding;
    if (position <= SIDECAR_HEADER_BYTES) this.#unsynced.add(partitionDirectory(this.directory, topic, partition));
  }

  private async withFile<T>(
    path: string,
    use: (cached: CachedFile) => Promise<T>,
    mode: 'write' | 'create' = 'create',
  ): Promise<T> {
    const cached = await this.handles.pin(path, mode);
    try {
      return await use(cached);
    } finally {
      this.handles.unpin(cached);
    }
  }

  private async using<T>(file: OpenFile, use: (file: OpenFile) => Promise<T>): Promise<T> {
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  }
}
