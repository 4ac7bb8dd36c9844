import {
  type Appended,
  checkWriterId,
  logErrors,
  type LogWriter,
  type PartitionRef,
  type WriterCheckpoint,
  type WriterCommit,
} from '#libs/core/log';
import type { Command } from './commands.js';
import { type CommitRequest, ENTRY_OVERHEAD, type RequestAppend } from './commit-request.js';
import { decideCheckpoints, decideOpenPositions, decidePositions } from './decisions.js';
import type { EmbeddedGroups } from './embedded-groups.js';
import { EmbeddedWriter, type WriterHost } from './embedded-writer.js';
import type { LogState } from './log-state.js';

/** What writers need of their log. */
export interface WritersHost {
  readonly state: LogState;
  readonly groups: EmbeddedGroups;
  /** @throws `log-closed`. */
  checkOpen(): void;
  /** @throws `storage-full` while users' data may not be added. */
  checkRoom(): void;
  /** Claims room for so many bytes of a copy until what it returns is called, undefined where nothing is known of the disk. @throws `storage-full`. */
  claimRoom(bytes: number): Promise<() => void> | undefined;
  /** What can be said against a batch of a commit without its turn having come. */
  checkBatch(to: PartitionRef, batch: Uint8Array, intoFenced: boolean): RequestAppend;
  /** Makes facts durable that are decided when their turn has come, with nothing undecided before them. */
  decide(decide: () => readonly Command[]): Promise<void>;
  /** Makes a request durable; resolves with where its batches are. */
  submit(request: Omit<CommitRequest, 'resolve' | 'reject'>): Promise<readonly Appended[]>;
}

/** The fenced sessions of the embedded log: which epoch of a writer is in force is decided in the line, like everything that depends on it. */
export class EmbeddedWriters implements WriterHost {
  constructor(private readonly host: WritersHost) {}

  /** Begins a session, which ends those of the same id. @throws `invalid-writer-id`, what the line throws. */
  async open(id: string): Promise<LogWriter> {
    checkWriterId(id);
    const { state, decide } = this.host;
    const { writers } = state;
    let epoch = 0;
    await decide(() => {
      epoch = (writers.get(id)?.epoch ?? state.forgottenEpoch) + 1;
      return [{ kind: 'writer-opened', writer: id, epoch }];
    });
    return new EmbeddedWriter(this, id, epoch, new Map(writers.get(id)?.checkpoints));
  }

  async forgetWriter({ id, epoch }: { readonly id: string; readonly epoch: number }): Promise<void> {
    await this.host.decide(() => {
      this.checkEpoch(id, epoch);
      return [{ kind: 'writer-forgotten', writer: id }];
    });
  }

  async commit(
    { id, epoch }: { readonly id: string; readonly epoch: number },
    commit: WriterCommit,
    decided: (checkpoints: readonly WriterCheckpoint[]) => void,
  ): Promise<readonly Appended[]> {
    const { checkOpen, checkRoom, claimRoom } = this.host;
    const { appends = [] } = commit;
    checkOpen();
    this.checkEpoch(id, epoch);
    if (appends.length > 0) checkRoom();
    // Only operations write to what is closed to others.
    const isCopy = appends.some(({ intoFenced }) => intoFenced === true);
    if (!isCopy) return await this.#commit({ id, epoch }, commit, decided);
    const written = await claimRoom(appends.reduce((sum, { batch }) => sum + batch.length, 0));
    try {
      checkOpen();
      return await this.#commit({ id, epoch }, commit, decided);
    } finally {
      written?.();
    }
  }

  async #commit(
    { id, epoch }: { readonly id: string; readonly epoch: number },
    commit: WriterCommit,
    decided: (checkpoints: readonly WriterCheckpoint[]) => void,
  ): Promise<readonly Appended[]> {
    const { state, groups, checkBatch, submit } = this.host;
    const { appends = [], positions = [], checkpoints = [], onlyVacant = false } = commit;
    const { positionsOpen = [], handOver } = commit;
    const checked = appends.map((one) => checkBatch(one, one.batch, one.intoFenced ?? false));
    let bytes = ENTRY_OVERHEAD;
    for (const { batch } of checked) bytes += batch.length + ENTRY_OVERHEAD;
    for (const { value } of typeof checkpoints === 'function' ? [] : checkpoints) bytes += 2 * (value?.length ?? 0);
    const decide = (appended: readonly Appended[]): readonly Command[] => {
      const commands = [...decidePositions(state, positions), ...decideOpenPositions(state, positionsOpen)];
      const entries = typeof checkpoints === 'function' ? checkpoints(appended) : checkpoints;
      if (entries.length > 0) commands.push(decideCheckpoints(id, entries));
      // Last, since members are fenced by it.
      if (handOver !== undefined) commands.push(...groups.decideHandOver(handOver));
      decided(entries);
      return commands;
    };
    const guard = (): void => {
      this.checkEpoch(id, epoch);
      if (onlyVacant) for (const { group } of positions) groups.checkVacant(group);
    };
    // What is decided behind it must see that topics were closed.
    const structural = positionsOpen.length > 0 || handOver !== undefined;
    return await submit({ appends: checked, guard, decide, structural, bytes });
  }

  private checkEpoch(id: string, epoch: number): void {
    if (this.host.state.writers.get(id)?.epoch !== epoch) throw logErrors.writerFenced(id, epoch);
  }
}
