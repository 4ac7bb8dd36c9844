/**
 * The journal on disk: two files that take turns, one per generation. A generation begins at the start of a file and ends when its checkpoint begins;
 * then the other file, whose content the checkpoint before has made superfluous, takes the next generation. Nothing is created, renamed or
 * removed on the way, and bytes are overwritten where they lie, so that a flush has little to do but flush.
 *
 * Files grow in steps and never shrink (journal-file.ts). The lsn of the first byte behind the head is the generation's start.
 */
import type { FileSystem, OpenFile } from './file-system.js';
import { isUsedUp, usedUp } from './errors.js';
import { flushFile } from './flush.js';
import { entryShape, saltOf, writeEntryFrame } from './journal-entry.js';
import { encodeJournalHead, JOURNAL_HEAD_BYTES, readJournalHead } from './journal-file.js';
import { writeAll } from './write-all.js';

export const JOURNAL_SLOTS = 2;

export function journalPath(directory: string, slot: number): string {
  return `${directory}/journal-${slot}`;
}

/** The file of a generation. */
export function slotOf(generation: number): number {
  return generation % JOURNAL_SLOTS;
}

const WATERMARK = entryShape(0, 0, 0);
const ZEROS = new Uint8Array(256 * 1024);

export interface JournalPlace {
  readonly generation: number;
  readonly startLsn: number;
}

/** Writes entries one group at a time: `write`, `flush`, and only then the next. */
export class Journal {
  #generation = 0;
  #startLsn = 0;
  /** Where in the file the next entry goes. */
  #position = JOURNAL_HEAD_BYTES;
  #durableLsn = 0;
  #salt = 0;
  /** What the last note said. */
  #noted = 0;
  /** Where in the file the last write was to end. */
  #reach = JOURNAL_HEAD_BYTES;
  readonly #watermark = Buffer.alloc(WATERMARK.entryLength);

  private constructor(
    private readonly slots: readonly OpenFile[],
    private readonly sizes: number[],
    private readonly key: Uint8Array,
    private readonly stepBytes: number,
  ) {}

  /** Opens both files, creating missing ones. What they hold stays, unless their heads cannot be read. @throws `storage-full`. */
  static async open(files: FileSystem, directory: string, key: Uint8Array, stepBytes: number): Promise<Journal> {
    const slots: OpenFile[] = [];
    const journal = new Journal(slots, [], key, stepBytes);
    try {
      for (let slot = 0; slot < JOURNAL_SLOTS; slot++) {
        const file = await files.open(journalPath(directory, slot), 'create');
        slots.push(file);
        const size = await file.size();
        const head = Buffer.alloc(JOURNAL_HEAD_BYTES);
        await file.read(head, 0);
        // A longer file was growing when the process ended. A shorter or unknown one comes here only when nothing in it is needed.
        const known = readJournalHead(key, slot, head) ?? 0;
        journal.sizes.push(known <= size ? known : 0);
        await journal.grow(slot, JOURNAL_HEAD_BYTES);
        await flushFile(file);
      }
    } catch (error) {
      await journal.close();
      throw error;
    }
    return journal;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Bytes written in this generation. */
  get position(): number {
    return this.#position - JOURNAL_HEAD_BYTES;
  }

  /** Lsn of the next entry. */
  get lsn(): number {
    return this.#startLsn + this.position;
  }

  /** Everything below is flushed. */
  get durableLsn(): number {
    return this.#durableLsn;
  }

  /** First value of the header checksums of this generation. */
  get salt(): number {
    return this.#salt;
  }

  /** Begins a generation in its file. Everything of earlier generations must be flushed, and what the file held must not be needed any more. */
  begin({ generation, startLsn }: JournalPlace): void {
    this.#generation = generation;
    this.#startLsn = startLsn;
    this.#position = JOURNAL_HEAD_BYTES;
    this.#reach = JOURNAL_HEAD_BYTES;
    this.#durableLsn = startLsn;
    this.#noted = startLsn;
    this.#salt = saltOf(this.key, generation);
  }

  /** Begins the next generation where this one was flushed to: a note behind that is left out. */
  beginNext(): JournalPlace {
    const next = { generation: this.#generation + 1, startLsn: this.#durableLsn };
    this.begin(next);
    return next;
  }

  /** Writes entries at the end. @throws `storage-full`: call {@link retract} then. */
  async write(entries: Uint8Array): Promise<void> {
    const slot = slotOf(this.#generation);
    const from = this.#position;
    const to = from + entries.length;
    if (to > this.sizes[slot]!) await this.grow(slot, to);
    this.#reach = to;
    await writeAll(this.slots[slot]!, entries, from);
    this.#position = to;
  }

  /** Makes what was written durable. A failure is final: nobody knows what is on the disk. */
  async flush(): Promise<void> {
    const upTo = this.lsn;
    await flushFile(this.slots[slotOf(this.#generation)]!);
    this.#durableLsn = upTo;
  }

  /**
   * Goes back to where the journal stood ({@link position}) and wipes out what was written since, whether that ended, was flushed, or stopped half-way; durably, so that no recovery takes it
   * for a commit. To be called before anything else is written. A failure is final.
   */
  async retract(position: number): Promise<void> {
    const from = JOURNAL_HEAD_BYTES + position;
    const to = this.#reach;
    this.#position = from;
    this.#reach = from;
    this.#durableLsn = Math.min(this.#durableLsn, this.lsn);
    if (from >= to) return;
    const file = this.slots[slotOf(this.#generation)]!;
    for (let at = from; at < to; at += ZEROS.length) {
      await writeAll(file, ZEROS.subarray(0, Math.min(ZEROS.length, to - at)), at);
    }
    await flushFile(file);
  }

  /**
   * Notes behind the last entry that it was flushed, without flushing the note: after a kill the page cache keeps it, and damage to the last
   * entries is then known not to be a torn tail. Skipped where there is no room.
   */
  noteDurable(appendTimeMs: number): void {
    if (this.#noted === this.#durableLsn) return;
    const slot = slotOf(this.#generation);
    if (this.#position + WATERMARK.entryLength > this.sizes[slot]!) return;
    const { generation, lsn, durableLsn: durableUpTo } = this;
    const facts = { generation, lsn, durableUpTo, appendTimeMs, sections: [], commands: new Uint8Array() };
    writeEntryFrame(this.#watermark, 0, WATERMARK, facts, this.#salt);
    try {
      void writeAll(this.slots[slot]!, this.#watermark, this.#position);
    } catch (error) {
      if (isUsedUp(error)) return;
      throw error;
    }
    this.#position += WATERMARK.entryLength;
    this.#noted = durableUpTo;
  }

  async close(): Promise<void> {
    for (const slot of this.slots) await slot.close();
  }

  /** Extends a file to hold `bytes`, durably, so that no entry can lie behind the end a crash leaves; leaves it as it was when there is no room. */
  private async grow(slot: number, bytes: number): Promise<void> {
    const before = this.sizes[slot]!;
    if (bytes <= before) return;
    const after = Math.ceil(bytes / this.stepBytes) * this.stepBytes;
    const file = this.slots[slot]!;
    try {
      // Nothing of a file without a readable head is kept.
      if (before === 0) await file.truncate(0);
      await file.truncate(after);
    } catch (error) {
      throw isUsedUp(error) ? usedUp(file.path, error) : error;
    }
    await flushFile(file);
    await writeAll(file, encodeJournalHead(this.key, slot, after), 0);
    this.sizes[slot] = after;
  }
}
