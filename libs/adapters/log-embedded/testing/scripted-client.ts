import { isAppError } from '#libs/core/kernel';
import { encodeBatch, type LogEngine, type PartitionRef, recordsFrom } from '#libs/core/log';
import { breachesOf, type HistoryRead, type HistoryWrite } from '#libs/core/log/testing';
import type { EmbeddedLog } from '../embedded-log.js';

const TOPIC = 'script';
const OLD = 'old';
const PARTITIONS = 2;

type Note = HistoryWrite & { acknowledged?: { offset: number }; refused?: boolean };

/**
 * A client that does a bit of everything, always the same, and remembers what it was told; `check` says what the log does not keep. For tests that break one
 * thing after another.
 */
export class ScriptedClient {
  readonly notes: Note[] = [];
  /** Codes of the refusals it got. */
  readonly refusals = new Set<string>();
  private checkpoint = { known: 0, maybe: 0 };
  private position = { known: 0, maybe: 0 };
  private topic: 'absent' | 'maybe' | 'there' = 'absent';
  private old: 'absent' | 'maybe' | 'there' = 'absent';

  /** Nothing it does throws; it goes on as far as the log lets it. */
  async work(log: EmbeddedLog): Promise<void> {
    this.topic = (await this.call(() => log.createTopic({ name: TOPIC, partitions: PARTITIONS }))) ?? 'there';
    this.old = (await this.call(() => log.createTopic({ name: OLD, partitions: 1 }))) ?? 'there';
    await this.call(() => log.append({ topic: OLD, partition: 0 }, batchOf('old', 10)));
    for (let round = 1; round <= 3; round++) {
      await Promise.all([this.append(log, 0, 40), this.append(log, 1, 40), this.append(log, 0, 300)]);
      await this.commit(log, round, 30);
      if (round === 2) await this.call(() => log.checkpoint());
      if (round === 2 && this.old === 'there') {
        const outcome = await this.call(() => log.deleteTopic(OLD));
        if (outcome !== 'absent') this.old = outcome ?? 'absent';
      }
      await this.commitPosition(log, round);
    }
    await this.commit(log, 4, 900);
    await this.append(log, 1, 40);
    // The journal will only refer to it: where it is refused, what was acknowledged right before must stay.
    await this.append(log, 0, 1_100);
  }

  /** What the log should hold and does not, or holds and should not. */
  async check(log: EmbeddedLog, forgiven: (place: PartitionRef) => boolean = () => false): Promise<string[]> {
    const breaches: string[] = [];
    const topics = new Map((await log.listTopics()).map((one) => [one.name, one]));
    for (const [name, state] of [
      [TOPIC, this.topic],
      [OLD, this.old],
    ] as const) {
      if (state !== 'maybe' && topics.has(name) !== (state === 'there')) breaches.push(`topic ${name} is not ${state}`);
    }
    const reads: HistoryRead[] = [];
    for (let partition = 0; topics.has(TOPIC) && partition < PARTITIONS; partition++) {
      reads.push(await readAll(log, { topic: TOPIC, partition }));
    }
    const sound = this.notes.filter((one) => !forgiven(one));
    breaches.push(
      ...breachesOf(
        sound,
        reads.filter((one) => !forgiven(one)),
      ),
    );
    const writer = await log.openWriter('script');
    const stored = Number(Buffer.from(writer.checkpoint('number') ?? []).toString() || '0');
    if (stored !== this.checkpoint.known && stored !== this.checkpoint.maybe) breaches.push(`checkpoint is ${stored}`);
    const { positions } = await log.describeGroup('script');
    const offset = positions[0]?.offset ?? 0;
    if (offset !== this.position.known && offset !== this.position.maybe) breaches.push(`position is ${offset}`);
    return breaches;
  }

  private async append(log: LogEngine, partition: number, bytes: number): Promise<void> {
    const note = this.note(partition, 'appends');
    const outcome = await this.call(async () => {
      const { baseOffset } = await log.append({ topic: TOPIC, partition }, batchOf(note.value, bytes));
      note.acknowledged = { offset: baseOffset };
    });
    if (outcome === 'absent') note.refused = true;
  }

  private async commit(log: LogEngine, number: number, bytes: number): Promise<void> {
    const notes = [this.note(0, 'commits'), this.note(1, 'commits')];
    const before = { ...this.checkpoint };
    const outcome = await this.call(async () => {
      const writer = await log.openWriter('script');
      this.checkpoint.maybe = number;
      const appended = await writer.commit({
        appends: notes.map(({ topic, partition, value }) => ({ topic, partition, batch: batchOf(value, bytes) })),
        checkpoints: [{ key: 'number', value: Buffer.from(String(number)) }],
      });
      notes.forEach((note, i) => (note.acknowledged = { offset: appended[i]!.baseOffset }));
      this.checkpoint.known = number;
    });
    if (outcome === 'absent') {
      this.checkpoint = before;
      for (const note of notes) note.refused = true;
    }
  }

  private async commitPosition(log: LogEngine, offset: number): Promise<void> {
    const before = { ...this.position };
    this.position.maybe = offset;
    const position = { topic: TOPIC, partition: 0, offset };
    const outcome = await this.call(() => log.commitPositions('script', [position]));
    if (outcome === undefined) this.position.known = offset;
    if (outcome === 'absent') this.position = before;
  }

  private note(partition: number, producer: string): Note {
    const sequence = this.notes.length;
    const note: Note = { topic: TOPIC, partition, producer, sequence, value: `v${sequence}` };
    this.notes.push(note);
    return note;
  }

  /** Undefined: done. `absent`: refused, so it did not take place. `maybe`: nobody knows. */
  private async call(call: () => Promise<unknown>): Promise<'absent' | 'maybe' | undefined> {
    try {
      await call();
      return undefined;
    } catch (error) {
      if (!isAppError(error)) throw error;
      this.refusals.add(error.code);
      return error.code === 'outcome-unknown' ? 'maybe' : 'absent';
    }
  }
}

function batchOf(value: string, bytes: number): Uint8Array {
  return encodeBatch([
    { key: Buffer.alloc(bytes), value: Buffer.from(value), headers: [], timestamp: 1_700_000_000_000 },
  ]);
}

/** Everything that can be read of a partition. Stops at damage. */
export async function readAll(log: LogEngine, place: PartitionRef): Promise<HistoryRead> {
  const records: { offset: number; value: Uint8Array | null }[] = [];
  for (let offset = 0; ;) {
    const [fetched] = await log.fetch({ positions: [{ ...place, offset }], maxBytes: 400 });
    if (fetched === undefined || isAppError(fetched.error, 'partition-degraded')) break;
    for (const { offset: at, value } of recordsFrom(fetched, offset)) records.push({ offset: at, value });
    if (fetched.nextOffset === offset) break;
    offset = fetched.nextOffset;
  }
  return { ...place, records };
}
