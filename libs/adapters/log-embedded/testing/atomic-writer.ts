import type { LogEngine, LogWriter, PartitionRef } from '#libs/core/log';
import type { HistoryWrite } from '#libs/core/log/testing';
import { type Outcome, Register } from './register.js';
import type { SeededRandom } from './seeded-random.js';

/** What the writer needs of the simulation it lives in. */
export interface AtomicWorld {
  readonly random: SeededRandom;
  /** Where it may append. */
  readonly places: readonly PartitionRef[];
  /** A value nothing else has. */
  value(): string;
  /** A batch with one record of this value. */
  batch(value: string): Uint8Array;
  /** Takes note of writes; `refuse` says later that they never took place. */
  note(writes: readonly Omit<HistoryWrite, 'sequence'>[]): { refuse(): void };
  outcome(call: () => Promise<unknown>): Promise<Outcome>;
  over(log: LogEngine): boolean;
  pause(): Promise<void>;
  breach(what: string): void;
}

interface CommitNote {
  readonly values: readonly string[];
  outcome: Outcome;
}

/**
 * A client that commits over several partitions, with a checkpoint and a position that each tell the number of the commit: whatever becomes of a commit, all of it must
 * say the same.
 */
export class AtomicWriter {
  readonly group: string;
  private readonly commits: CommitNote[] = [];
  private readonly checkpoint = new Register(0);
  private begun = false;

  /** `position`: what is known of the group's position, which others check, too. */
  constructor(
    private readonly id: string,
    private readonly position: Register<number>,
    private readonly world: AtomicWorld,
  ) {
    this.group = `writer-${id}`;
  }

  async work(log: LogEngine, rounds: number): Promise<void> {
    const { random, places: all, outcome } = this.world;
    let writer: LogWriter | undefined;
    this.begun = true;
    for (let round = 0; round < rounds && !this.world.over(log); round++) {
      if (writer === undefined || random.chance(0.1)) {
        await outcome(async () => (writer = await log.openWriter(this.id)));
        if (writer === undefined) return;
      }
      const session = writer;
      const number = this.commits.length + 1;
      const places = Array.from({ length: random.between(0, 4) }, () => random.pick(all));
      const note: CommitNote = { values: places.map(() => this.world.value()), outcome: 'unknown' };
      this.commits.push(note);
      const writes = places.map((place, i) => ({ ...place, producer: `w-${this.id}`, value: note.values[i]! }));
      const noted = this.world.note(writes);
      const appends = writes.map(({ topic, partition, value }) => {
        return { topic, partition, batch: this.world.batch(value), intoFenced: true };
      });
      const commit = {
        appends,
        positions: [{ group: this.group, topic: 'alpha', partition: 0, offset: number }],
        checkpoints: [{ key: 'number', value: Buffer.from(String(number)) }],
      };
      note.outcome = await this.checkpoint.set(number, () =>
        this.position.set(number, () => outcome(async () => void (await session.commit(commit)))),
      );
      if (note.outcome === 'refused') noted.refuse();
      if (note.outcome === 'unknown') return;
      await this.world.pause();
    }
  }

  /** Compares the stored checkpoint with what it knows, and each commit with the checkpoint. `there`: every value in the log. */
  async check(log: LogEngine, there: ReadonlySet<string>): Promise<void> {
    if (!this.begun) return;
    const writer = await log.openWriter(this.id);
    const stored = Number(Buffer.from(writer.checkpoint('number') ?? [48]).toString('utf8'));
    const breach = this.checkpoint.settled(`checkpoint of ${this.id}`, stored);
    if (breach !== undefined) this.world.breach(breach);
    this.commits.forEach((note, index) => {
      const number = index + 1;
      const expected = number <= stored && note.outcome !== 'refused';
      const present = note.values.filter((value) => there.has(value)).length;
      if (present !== (expected ? note.values.length : 0)) {
        const { outcome, values } = note;
        const what = `${present} of ${values.length} appends, checkpoint ${stored}`;
        this.world.breach(`commit ${number} of ${this.id} (${outcome}): ${what}`);
      }
      note.outcome = expected ? 'done' : 'refused';
    });
  }
}
