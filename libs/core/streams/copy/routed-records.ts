import type { LogRecord, RecordCursor } from '#libs/core/log';

/**
 * Where each record of a batch goes, as columns of numbers: its target, its timestamp, and where its fields lie in the batch. Nothing is made for a
 * record, and the memory is used again for the next batch. Records that do not stay what they were are kept beside, as objects.
 */
export class RoutedRecords {
  targets = new Uint16Array(64);
  timestamps = new Float64Array(64);
  /** The fields of a record reach from here … */
  starts = new Int32Array(64);
  /** … up to, not including, here. */
  ends = new Int32Array(64);
  count = 0;
  readonly #rewritten = new Map<number, LogRecord>();

  /** Takes the record that the cursor stands on. */
  add(target: number, { timestamp, fieldsAt, recordEnd }: RecordCursor): void {
    const at = this.#place(target);
    this.timestamps[at] = timestamp;
    this.starts[at] = fieldsAt;
    this.ends[at] = recordEnd;
  }

  /** Takes a record that is not what lies in the batch. */
  addRewritten(target: number, record: LogRecord): void {
    this.#rewritten.set(this.#place(target), record);
  }

  /** The record at a place, where it was rewritten. */
  rewritten(at: number): LogRecord | undefined {
    return this.#rewritten.size === 0 ? undefined : this.#rewritten.get(at);
  }

  clear(): void {
    this.count = 0;
    this.#rewritten.clear();
  }

  #place(target: number): number {
    const at = this.count++;
    if (at === this.targets.length) this.#grow();
    this.targets[at] = target;
    return at;
  }

  #grow(): void {
    const length = this.targets.length * 2;
    const grown = <T extends { set(from: T): void }>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.targets = grown(new Uint16Array(length), this.targets);
    this.timestamps = grown(new Float64Array(length), this.timestamps);
    this.starts = grown(new Int32Array(length), this.starts);
    this.ends = grown(new Int32Array(length), this.ends);
  }
}
