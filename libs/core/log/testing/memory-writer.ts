import { type Appended, checkCheckpoint, logErrors, LogWriter, type WriterCommit } from '../index.js';
import type { CheckedAppend, MemoryLogEngine } from './memory-engine.js';
import type { MemoryPartition } from './memory-storage.js';

/** A session of the test double. Its checkpoints are a copy of its own, as the port says. */
export class MemoryWriter extends LogWriter {
  private readonly known: Map<string, Uint8Array>;
  private ended = false;

  constructor(
    private readonly engine: MemoryLogEngine,
    readonly id: string,
    readonly epoch: number,
  ) {
    super();
    this.known = new Map(engine.storage.writers.get(id)?.checkpoints);
  }

  checkpoint(key: string): Uint8Array | undefined {
    return this.known.get(key);
  }

  checkpoints(): ReadonlyMap<string, Uint8Array> {
    return this.known;
  }

  async commit(commit: WriterCommit): Promise<readonly Appended[]> {
    if (this.ended) throw logErrors.writerClosed(this.id, this.epoch);
    const topics = (commit.appends ?? []).map((one) => one.topic);
    try {
      return await this.engine.withFaults({ kind: 'commit', topics, writer: this.id }, () => this.apply(commit));
    } catch (error) {
      const code = (error as { code?: unknown }).code;
      if (code === 'outcome-unknown' || code === 'writer-fenced') this.ended = true;
      throw error;
    }
  }

  async forget(): Promise<void> {
    if (this.ended) throw logErrors.writerClosed(this.id, this.epoch);
    await this.engine.withFaults({ kind: 'commit', topics: [], writer: this.id }, () => {
      const { writers } = this.engine.storage;
      if (writers.get(this.id)?.epoch !== this.epoch) throw logErrors.writerFenced(this.id, this.epoch);
      this.engine.forgetWriter(this.id);
    });
    this.ended = true;
  }

  async close(): Promise<void> {
    this.ended = true;
  }

  /** Checks everything, then changes everything, in one step. */
  private apply(commit: WriterCommit): readonly Appended[] {
    const { appends = [], positions = [], checkpoints = [], positionsOpen = [], handOver, onlyVacant } = commit;
    const { engine } = this;
    if (!engine.capabilities.handsOver && (positionsOpen.length > 0 || handOver !== undefined))
      throw logErrors.handOverNotKept();
    const state = engine.storage.writers.get(this.id);
    if (state === undefined || state.epoch !== this.epoch) throw logErrors.writerFenced(this.id, this.epoch);
    const checked = appends.map((one) => engine.checkAppend(one, one.batch, one.intoFenced ?? false, true));
    for (const { group, ...position } of positions) {
      engine.groups.checkPosition(group, position);
      if (onlyVacant) engine.groups.coordinator.checkVacant(group);
    }
    const opened = positionsOpen.map(({ topic, open }) => [engine.storage.topic(topic), open] as const);
    const carry = handOver && engine.groups.checkHandOver(handOver);
    const written = typeof checkpoints === 'function' ? checkpoints(placesOf(checked)) : checkpoints;
    for (const { key, value } of written) checkCheckpoint(key, value);

    const appended = checked.map((one) => engine.store(one));
    if (!engine.capabilities.denseOffsets) {
      for (const partition of new Set(checked.map((one) => one.partition))) partition.appendMarker();
    }
    for (const { group, ...position } of positions) engine.groups.storePosition(group, position);
    for (const [topic, open] of opened) topic.closedToPositions = !open;
    carry?.();
    for (const { key, value } of written) {
      for (const map of [state.checkpoints, this.known]) {
        if (value === null) map.delete(key);
        else map.set(key, Uint8Array.from(value));
      }
    }
    return appended;
  }
}

/** Where checked batches will lie once they are stored. */
function placesOf(checked: readonly CheckedAppend[]): readonly Appended[] {
  const ends = new Map<MemoryPartition, number>();
  return checked.map(({ topic, partition, header }) => {
    const baseOffset = ends.get(partition) ?? partition.endOffset;
    const lastOffset = baseOffset + header.lastOffsetDelta;
    ends.set(partition, lastOffset + 1);
    return { topic: topic.name, partition: partition.partition, baseOffset, lastOffset, durability: 'durable' };
  });
}
