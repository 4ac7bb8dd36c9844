import { type Appended, checkCheckpoint, logErrors, LogWriter, type WriterCommit } from '../index.js';
import type { MemoryLogEngine } from './memory-engine.js';

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

  async close(): Promise<void> {
    this.ended = true;
  }

  /** Checks everything, then changes everything, in one step. */
  private apply({ appends = [], positions = [], checkpoints = [] }: WriterCommit): readonly Appended[] {
    const { engine } = this;
    const state = engine.storage.writers.get(this.id);
    if (state === undefined || state.epoch !== this.epoch) throw logErrors.writerFenced(this.id, this.epoch);
    const checked = appends.map((one) => engine.checkAppend(one, one.batch, one.intoFenced ?? false, true));
    for (const { group, ...position } of positions) engine.checkGroupPosition(group, position);
    for (const { key, value } of checkpoints) checkCheckpoint(key, value);

    const appended = checked.map(({ topic, partition, header }, i) =>
      engine.store(topic, partition, appends[i]!.batch, header),
    );
    if (!engine.capabilities.denseOffsets) {
      for (const partition of new Set(checked.map((one) => one.partition))) partition.appendMarker();
    }
    for (const { group, ...position } of positions) engine.storePosition(group, position);
    for (const { key, value } of checkpoints) {
      for (const map of [state.checkpoints, this.known]) {
        if (value === null) map.delete(key);
        else map.set(key, Uint8Array.from(value));
      }
    }
    return appended;
  }
}
