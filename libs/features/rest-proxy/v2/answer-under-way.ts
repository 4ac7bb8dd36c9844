import type { ReadPartition } from './read-partition.js';
import type { RecordPage } from './record-page.js';

type Standing = Pick<ReadPartition, 'next' | 'delivered' | 'told'>;

/** The answer of a read while it is put together: records that nobody has been given yet, and where their partitions stood before. */
export class AnswerUnderWay {
  readonly #before = new Map<ReadPartition, Standing>();

  constructor(readonly page: RecordPage) {}

  /** Whether positions of now are behind records that nobody was given: then nothing may be stored, and no partition be given up by them. */
  get holdsRecords(): boolean {
    return !this.page.isEmpty;
  }

  /** Remembers where a partition stands, unless it was remembered before: to be called before anything of it is taken. */
  note(read: ReadPartition): void {
    if (this.#before.has(read)) return;
    const { next, delivered, told } = read;
    this.#before.set(read, { next, delivered, told });
  }

  /** The next offset of whoever was given nothing of this answer. */
  nextWithout(read: ReadPartition): number | null {
    return (this.#before.get(read) ?? read).next;
  }

  /** Nobody will be given it: its partitions stand where they stood. */
  undo(): void {
    for (const [read, standing] of this.#before) Object.assign(read, standing);
  }
}
