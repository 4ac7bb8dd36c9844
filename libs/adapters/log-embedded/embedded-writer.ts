import { isAppError } from '#libs/core/kernel';
import { type Appended, logErrors, LogWriter, type WriterCheckpoint, type WriterCommit } from '#libs/core/log';

/** What a session needs of its log. */
export interface WriterHost {
  /**
   * Makes a commit durable, if the session's epoch is still that of its writer when its turn comes. `decided` is told the checkpoints
   * that are written with it.
   */
  commit(
    writer: { readonly id: string; readonly epoch: number },
    commit: WriterCommit,
    decided: (checkpoints: readonly WriterCheckpoint[]) => void,
  ): Promise<readonly Appended[]>;
  /** Makes it durable that nothing of a writer is kept, if the session's epoch is still that of the writer when its turn comes. */
  forgetWriter(writer: { readonly id: string; readonly epoch: number }): Promise<void>;
}

/** A session of the embedded log. Its checkpoints are a copy of its own. */
export class EmbeddedWriter extends LogWriter {
  #ended = false;

  constructor(
    private readonly host: WriterHost,
    readonly id: string,
    readonly epoch: number,
    private readonly known: Map<string, Uint8Array>,
  ) {
    super();
  }

  checkpoint(key: string): Uint8Array | undefined {
    return this.known.get(key);
  }

  checkpoints(): ReadonlyMap<string, Uint8Array> {
    return this.known;
  }

  async commit(commit: WriterCommit): Promise<readonly Appended[]> {
    if (this.#ended) throw logErrors.writerClosed(this.id, this.epoch);
    let checkpoints: readonly WriterCheckpoint[] = [];
    try {
      const appended = await this.host.commit(this, commit, (decided) => (checkpoints = decided));
      for (const { key, value } of checkpoints) {
        if (value === null) this.known.delete(key);
        else this.known.set(key, Uint8Array.from(value));
      }
      return appended;
    } catch (error) {
      if (isAppError(error, 'outcome-unknown') || isAppError(error, 'writer-fenced')) this.#ended = true;
      throw error;
    }
  }

  async forget(): Promise<void> {
    if (this.#ended) throw logErrors.writerClosed(this.id, this.epoch);
    try {
      await this.host.forgetWriter(this);
      this.#ended = true;
    } catch (error) {
      if (isAppError(error, 'outcome-unknown') || isAppError(error, 'writer-fenced')) this.#ended = true;
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#ended = true;
  }
}
