import { isAppError } from '#libs/core/kernel';
import { encodeBatch, type LogRecord, type PartitionRef, recordsFrom, type StoredRecord } from '#libs/core/log';
import type { EmbeddedLog } from '../embedded-log.js';
import type { Outcome } from './register.js';
import type { SeededRandom } from './seeded-random.js';

const COMPACTED: PartitionRef = { topic: 'gamma', partition: 0 };
const RETAINED: PartitionRef = { topic: 'delta', partition: 0 };
const RETENTION_BYTES = 3_000;
const KEYS = ['k0', 'k1', 'k2', 'k3'];

interface Write {
  /** In a header of the record: tombstones look alike. */
  readonly id: string;
  readonly key: string;
  /** null: a tombstone. Values are unique. */
  readonly value: string | null;
  readonly bytes: number;
  offset?: number;
  outcome: Outcome;
}

/** What is known of one partition over all eras. */
class Ledger {
  readonly writes: Write[] = [];
  /** Offsets that were found missing: what is gone must stay gone. */
  readonly gone = new Set<number>();
  start = 0;
  /** The start at the last check. */
  checkedStart = 0;
  end = 0;
  /** Highest position that a deletion was asked for, whatever became of it. */
  asked = 0;
}

/**
 * A client whose topics lose records: by retention, on request and by compaction. It knows what may be gone and what may not. Part of the simulation: the log
 * may stop at any call of what this client asks for.
 */
export class SegmentLifeClient {
  private readonly compacted = new Ledger();
  private readonly retained = new Ledger();
  private values = 0;
  /** Compactions and retentions that took anything, so that a run that did nothing is noticed. */
  replaced = 0;
  moved = 0;

  constructor(
    private readonly random: SeededRandom,
    private readonly outcome: (call: () => Promise<unknown>) => Promise<Outcome>,
  ) {}

  async work(log: EmbeddedLog, rounds: number, over: () => boolean): Promise<void> {
    const compact = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0', 'delete.retention.ms': '50' };
    const retain = { 'retention.bytes': String(RETENTION_BYTES) };
    await this.ensure(log, COMPACTED.topic, compact);
    await this.ensure(log, RETAINED.topic, retain);
    for (let round = 0; round < rounds && !over(); round++) {
      const action = this.random.below(10);
      let outcome: Outcome = 'done';
      if (action < 4) outcome = await this.append(log, COMPACTED, this.compacted);
      else if (action < 6) outcome = await this.append(log, RETAINED, this.retained);
      else if (action === 6) outcome = await this.deleteSome(log);
      else if (action < 9) outcome = await this.outcome(() => log.checkRetention());
      else outcome = await this.outcome(() => log.checkpoint());
      if (outcome === 'unknown') return;
    }
  }

  /** What the log shows and should not, or should and does not. */
  async check(log: EmbeddedLog): Promise<string[]> {
    const breaches: string[] = [];
    const topics = new Map((await log.listTopics()).map((one) => [one.name, one]));
    for (const [ref, ledger] of [
      [COMPACTED, this.compacted],
      [RETAINED, this.retained],
    ] as const) {
      const partition = topics.get(ref.topic)?.partitions[0];
      if (partition === undefined) continue;
      const { startOffset, endOffset, health } = partition;
      const say = (what: string): void => void breaches.push(`${ref.topic}: ${what}`);
      if (health !== 'ok') say('the partition is degraded');
      if (startOffset < ledger.start) say(`the start went back from ${ledger.start} to ${startOffset}`);
      if (endOffset < ledger.end) say(`the end went back from ${ledger.end} to ${endOffset}`);
      const records = await readFrom(log, ref, startOffset);
      checkRecords(ledger, records, startOffset, endOffset, say);
      if (ledger === this.retained) checkRetained(ledger, records, startOffset, say);
      else checkCompacted(ledger, records, say);
      if (startOffset > ledger.checkedStart) this.moved++;
      ledger.checkedStart = startOffset;
      if (records.length < endOffset - startOffset) this.replaced++;
      ledger.start = startOffset;
      ledger.end = endOffset;
    }
    return breaches;
  }

  private async ensure(log: EmbeddedLog, name: string, config: Record<string, string>): Promise<void> {
    const known = (await log.listTopics().catch(() => [])).some((one) => one.name === name);
    if (!known) await this.outcome(() => log.createTopic({ name, partitions: 1, config }));
  }

  private async append(log: EmbeddedLog, ref: PartitionRef, ledger: Ledger): Promise<Outcome> {
    const dead = ledger === this.compacted && this.random.chance(0.2);
    const id = `s${++this.values}`;
    const value = dead ? null : id;
    const key = this.random.pick(KEYS);
    const padding = Buffer.alloc(this.random.pick([10, 200, 700]));
    const record: LogRecord = {
      key: Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers: [
        { key: 'id', value: Buffer.from(id) },
        { key: 'padding', value: padding },
      ],
      timestamp: 1_700_000_000_000,
    };
    const batch = encodeBatch([record]);
    const write: Write = { id, key, value, bytes: batch.length, outcome: 'unknown' };
    ledger.writes.push(write);
    write.outcome = await this.outcome(async () => {
      write.offset = (await log.append(ref, batch)).baseOffset;
      ledger.end = Math.max(ledger.end, write.offset + 1);
    });
    return write.outcome;
  }

  private async deleteSome(log: EmbeddedLog): Promise<Outcome> {
    const { start, end } = this.retained;
    const offset = this.random.between(start, Math.max(start, end));
    this.retained.asked = Math.max(this.retained.asked, offset);
    return await this.outcome(async () => {
      const [answer] = await log.deleteRecords([{ ...RETAINED, offset }]);
      if (answer!.error !== undefined) throw answer!.error;
      this.retained.start = Math.max(this.retained.start, answer!.startOffset);
    });
  }
}

/** Every record is one that was written, in its place, and none that was gone. */
function checkRecords(
  ledger: Ledger,
  records: readonly StoredRecord[],
  startOffset: number,
  endOffset: number,
  say: (what: string) => void,
): void {
  const there = new Set<number>();
  for (const record of records) {
    const { offset } = record;
    there.add(offset);
    if (offset < startOffset) say(`offset ${offset} is shown below the start ${startOffset}`);
    if (ledger.gone.has(offset)) say(`offset ${offset} was gone and is back`);
    const key = text(record.key);
    const value = text(record.value);
    const id = text(record.headers[0]!.value);
    const write = ledger.writes.find((one) => one.id === id && (one.offset ?? offset) === offset);
    const wrong = write === undefined || write.outcome === 'refused' || write.key !== key || write.value !== value;
    if (wrong) say(`nobody wrote ${key}=${value} at ${offset}`);
    else write.offset = offset;
  }
  for (let offset = 0; offset < endOffset; offset++) if (!there.has(offset)) ledger.gone.add(offset);
  // What is not there now and was not acknowledged never took place, or is gone for good.
  for (const write of ledger.writes)
    if (write.outcome === 'unknown' && write.offset === undefined) write.outcome = 'refused';
}

/** Everything from the start on is there, and no more is gone than was asked for or is too much. */
function checkRetained(
  ledger: Ledger,
  records: readonly StoredRecord[],
  startOffset: number,
  say: (what: string) => void,
): void {
  const there = new Set(records.map((one) => one.offset));
  let bytes = 0;
  for (const { offset, outcome, value, bytes: size } of ledger.writes) {
    if (outcome === 'refused' || offset === undefined || offset < startOffset) continue;
    bytes += size;
    if (outcome === 'done' && !there.has(offset)) say(`acknowledged ${value} at ${offset} is lost`);
  }
  if (startOffset > ledger.asked && bytes < RETENTION_BYTES) {
    say(`only ${bytes} bytes are left from ${startOffset} on, and nobody asked for more than ${ledger.asked}`);
  }
}

/** Of each key the newest is there, or a tombstone whose time is over. */
function checkCompacted(ledger: Ledger, records: readonly StoredRecord[], say: (what: string) => void): void {
  const newest = new Map<string, Write & { offset: number }>();
  for (const write of ledger.writes) {
    const { offset, key, outcome } = write;
    if (outcome === 'refused' || offset === undefined) continue;
    if (offset >= (newest.get(key)?.offset ?? -1)) newest.set(key, write as Write & { offset: number });
  }
  for (const [key, { offset, value }] of newest) {
    const last = records.findLast((one) => text(one.key) === key);
    const shown = last === undefined ? 'nothing' : `${text(last.value)} at ${last.offset}`;
    const right = last === undefined ? value === null : last.offset === offset;
    if (!right) say(`the newest of ${key} is ${shown}, not ${value} at ${offset}`);
  }
}

async function readFrom(log: EmbeddedLog, ref: PartitionRef, start: number): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for (let offset = start; ;) {
    const [fetched] = await log.fetch({ positions: [{ ...ref, offset }], maxBytes: 2_000 });
    if (fetched === undefined || isAppError(fetched.error, 'partition-degraded')) return records;
    for (const one of recordsFrom(fetched, offset)) records.push(one);
    if (fetched.nextOffset === offset) return records;
    offset = fetched.nextOffset;
  }
}

function text(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('utf8');
}
