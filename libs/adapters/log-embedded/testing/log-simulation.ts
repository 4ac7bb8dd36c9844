import { isAppError } from '#libs/core/kernel';
import { encodeBatch, type LogEngine, type PartitionRef, recordsFrom, type StoredRecord } from '#libs/core/log';
import { breachesOf, type HistoryRead, type HistoryWrite } from '#libs/core/log/testing';
import { type EmbeddedLog, openEmbeddedLog } from '../embedded-log.js';
import type { EmbeddedLogSettings } from '../options.js';
import { Administrator } from './administrator.js';
import { AtomicWriter } from './atomic-writer.js';
import { type Outcome, Register } from './register.js';
import { RepeatingProducer } from './repeating-producer.js';
import { SeededRandom } from './seeded-random.js';
import { SegmentLifeClient } from './segment-life-client.js';
import { WeakerTopics } from './weaker-topics.js';
import { type DiskCall, type DiskFault, SimulatedFileSystem } from './simulated-file-system.js';
import { SimulatedClock, SimulatedLock } from './simulated-machine.js';

export interface SimulationOptions {
  /** Starts and ends of the log in one run. */
  readonly eras?: number;
  /** false: flushes do nothing. */
  readonly honest?: boolean;
  /** How often an era ends in a power cut, a kill, an orderly stop. */
  readonly ends?: readonly ('cut' | 'kill' | 'stop')[];
  /** Settings in place of those the seed draws. */
  readonly settings?: Partial<EmbeddedLogSettings>;
}

/** What a power cut may take at level `buffered`. */
const FLUSH_BYTES = 4_000;

/** What calls may want for without the log ending for it. */
const SCARCE: Partial<Record<DiskCall, readonly DiskFault[]>> = {
  open: ['EMFILE', 'ENOSPC'],
  write: ['ENOSPC', 'short'],
  syncDirectory: ['EMFILE'],
};

/** A small log, so that files roll, handles are evicted and checkpoints come every few commits. */
function smallSettings(random: SeededRandom): Partial<EmbeddedLogSettings> {
  return {
    segmentBytes: random.pick([2_000, 8_000]),
    indexIntervalBytes: random.pick([0, 300]),
    checkpointBytes: random.pick([6_000, 30_000]),
    checkpointIntervalMs: 0,
    journalStepBytes: 4_096,
    groupBytes: random.pick([2_000, 20_000]),
    bulkBytes: random.pick([700, 10_000]),
    pooledBytes: random.pick([900, 100_000]),
    indexCacheBytes: 2_000,
    retentionCheckMs: 0,
    compactionMapBytes: random.pick([300, 1_000_000]),
    compactionBytesPerSecond: random.pick([50_000, Infinity]),
    flushBytes: FLUSH_BYTES,
  };
}

const TOPICS: readonly (readonly [string, number])[] = [
  ['alpha', 3],
  ['beta', 2],
];
const PARTITIONS: readonly PartitionRef[] = TOPICS.flatMap(([topic, count]) =>
  Array.from({ length: count }, (_, partition) => ({ topic, partition })),
);

/**
 * One run of the simulation: concurrent clients drive the shipped engine on a simulated disk, the machine stops at a random call (of recovery, too), starts
 * again, and everything the clients know is compared with what the log holds. Answers the breaches found; all of it follows from the seed.
 */
export class LogSimulation {
  readonly breaches: string[] = [];
  /** Records acknowledged, so that a run that did nothing is noticed. */
  acknowledged = 0;
  private readonly random: SeededRandom;
  private disk: SimulatedFileSystem;
  private readonly clock = new SimulatedClock();
  private readonly settings: Partial<EmbeddedLogSettings>;
  private readonly writes: (HistoryWrite & { acknowledged?: { offset: number }; refused?: boolean })[] = [];
  private readonly positions = new Map<string, Register<number>>();
  /** A client whose topics lose records by right. */
  readonly segmentLife: SegmentLifeClient;
  /** What readers were shown, by partition and offset. */
  private readonly shown = new Map<string, string>();
  private readonly repeating: readonly RepeatingProducer[];
  private readonly atomic: readonly AtomicWriter[];
  private readonly administrator: Administrator;
  private readonly weaker: WeakerTopics;
  /** The last life ended in a power cut. */
  private cut = false;
  private values = 0;

  constructor(
    readonly seed: number,
    private readonly options: SimulationOptions = {},
  ) {
    this.random = new SeededRandom(seed);
    this.disk = new SimulatedFileSystem(new SeededRandom(seed ^ 0x5eed));
    this.settings = { ...smallSettings(this.random), ...options.settings };
    this.segmentLife = new SegmentLifeClient(this.random, (call) => this.outcome(call));
    const world = {
      random: this.random,
      places: PARTITIONS,
      batch: (value: string): Uint8Array => this.batch(value),
      note: (writes: readonly Omit<HistoryWrite, 'sequence'>[]): { refuse(): void } => this.note(writes),
      over: (log: LogEngine): boolean => this.over(log),
      pause: (): Promise<void> => this.pause(),
      value: (): string => this.value(),
      nowMs: (): number => this.clock.now(),
      outcome: (call: () => Promise<unknown>): Promise<Outcome> => this.outcome(call),
      breach: (what: string): void => this.breach(what),
    };
    this.weaker = new WeakerTopics(world, FLUSH_BYTES);
    this.repeating = [undefined, undefined, 'named'].map(
      (name, partition) => new RepeatingProducer({ topic: 'alpha', partition }, name, world),
    );
    this.administrator = new Administrator(world);
    this.atomic = ['x', 'y'].map((id) => new AtomicWriter(id, this.register(this.positions, `writer-${id}`), world));
  }

  /** @returns the breaches. */
  async run(): Promise<readonly string[]> {
    try {
      await this.live();
    } catch (error) {
      this.breach(`unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
    return this.breaches;
  }

  /** What the log reported, for whoever looks at a breach. */
  readonly reports: string[] = [];

  private async live(): Promise<void> {
    const { eras = 4, ends = ['cut', 'cut', 'kill', 'stop'] } = this.options;
    for (let era = 0; era <= eras && this.breaches.length === 0; era++) {
      const log = await this.start();
      if (log === undefined) break;
      await this.check(log);
      if (era === eras) {
        for (const producer of this.repeating) await producer.repeat(log);
        await this.check(log);
      }
      if (era === eras) await this.end(log, 'stop');
      else {
        const end = this.random.pick(ends);
        const scarce = this.random.chance(0.4);
        this.disk.fault = this.faults(end === 'stop' ? Infinity : this.random.between(1, 500), scarce);
        await this.work(log);
        await this.end(log, end);
      }
    }
  }

  /** The machine stops at a call, the n-th from now. `scarce`: there is no room, or no descriptor, for some of those before it. */
  private faults(n: number, scarce = false): NonNullable<SimulatedFileSystem['fault']> {
    const at = this.disk.calls + n;
    return (call, index) => {
      if (index >= at) return 'gone';
      const wanting = scarce ? SCARCE[call] : undefined;
      return wanting !== undefined && this.random.chance(0.05) ? this.random.pick(wanting) : undefined;
    };
  }

  private async end(log: EmbeddedLog, end: 'cut' | 'kill' | 'stop'): Promise<void> {
    this.cut = end === 'cut';
    if (end === 'stop') {
      this.disk.fault = undefined;
      await log.close().catch((error: unknown) => this.breach(`the log could not be closed: ${String(error)}`));
      if (this.disk.openFiles !== 0) this.breach(`${this.disk.openFiles} files were left open`);
      // An orderly stop must not need what was not flushed.
      this.disk = this.random.chance(0.5) ? this.disk.afterPowerCut(this.random) : this.disk.afterKill();
    } else {
      this.disk.stop();
      await log.close().catch(() => undefined);
      this.disk = end === 'cut' ? this.disk.afterPowerCut(this.random) : this.disk.afterKill();
    }
  }

  /** Opens the log; the machine may stop a few times on the way. */
  private async start(): Promise<EmbeddedLog | undefined> {
    const ends = this.options.ends ?? ['cut'];
    for (let attempt = 0; ; attempt++) {
      this.disk.honest = this.options.honest ?? true;
      if (attempt < 3 && this.random.chance(0.4)) this.disk.fault = this.faults(this.random.between(1, 80));
      try {
        const log = await openEmbeddedLog({
          directory: '/log',
          clock: this.clock,
          files: this.disk,
          lock: new SimulatedLock(),
          settings: this.settings,
          limits: { openSegments: 3 },
          logger: this.logger,
          identity: () => ({ logId: `log-${this.seed}`, journalKey: '0123456789abcdef0123456789abcdef' }),
        });
        this.disk.fault = undefined;
        return log;
      } catch (error) {
        if (!this.disk.gone) {
          this.breach(
            `the log could not be opened: ${String(error)} ${JSON.stringify((error as { details?: unknown }).details)}`,
          );
          return undefined;
        }
        this.disk =
          ends.includes('cut') && this.random.chance(0.6)
            ? this.disk.afterPowerCut(this.random)
            : this.disk.afterKill();
      }
    }
  }

  private async work(log: EmbeddedLog): Promise<void> {
    for (const [name, partitions] of TOPICS) {
      const known = (await log.listTopics().catch(() => [])).some((one) => one.name === name);
      if (!known) await this.outcome(() => log.createTopic({ name, partitions }));
    }
    const rounds = this.random.between(5, 40);
    await Promise.all([
      ...['a', 'b', 'c'].map((id) => this.produce(log, `p-${id}-${this.values++}`, rounds)),
      ...this.atomic.map((writer) => writer.work(log, rounds)),
      ...['g', 'h'].map((group) => this.moveGroup(log, group, rounds)),
      ...this.repeating.map((producer) => producer.work(log, rounds)),
      this.weaker.work(log, rounds),
      this.read(log, rounds),
      this.administrator.work(log, rounds),
      this.segmentLife.work(log, rounds, () => this.over(log)),
    ]);
  }

  /** Appends without waiting for each answer, several on their way at once. */
  private async produce(log: LogEngine, producer: string, rounds: number): Promise<void> {
    for (let round = 0; round < rounds && !this.over(log); round++) {
      const burst = Array.from({ length: this.random.between(1, 5) }, () => this.append(log, producer));
      await Promise.all(burst);
      await this.pause();
    }
  }

  private async append(log: LogEngine, producer: string): Promise<void> {
    const place = this.random.pick(PARTITIONS);
    const value = this.value();
    const write: LogSimulation['writes'][number] = { ...place, producer, sequence: this.writes.length, value };
    this.writes.push(write);
    const batch = this.batch(value);
    const outcome = await this.outcome(async () => {
      write.acknowledged = { offset: (await log.append(place, batch)).baseOffset };
      this.acknowledged++;
    });
    if (outcome === 'refused') write.refused = true;
  }

  private note(writes: readonly Omit<HistoryWrite, 'sequence'>[]): { refuse(): void } {
    const noted: LogSimulation['writes'] = writes.map((one, i) => ({ ...one, sequence: this.writes.length + i }));
    this.writes.push(...noted);
    return { refuse: () => noted.forEach((one) => (one.refused = true)) };
  }

  private async moveGroup(log: LogEngine, group: string, rounds: number): Promise<void> {
    const register = this.register(this.positions, group);
    for (let round = 0; round < rounds && !this.over(log); round++) {
      const offset = register.value + 1;
      const position = { topic: 'alpha', partition: 1, offset };
      const outcome = await register.set(offset, () => this.outcome(() => log.commitPositions(group, [position])));
      if (outcome === 'unknown') return;
      await this.pause();
    }
  }

  /** Notes what it is shown: none of it may ever change or vanish. */
  private async read(log: LogEngine, rounds: number): Promise<void> {
    for (let round = 0; round < rounds && !this.over(log); round++) {
      const place = this.random.pick(PARTITIONS);
      await this.outcome(async () => {
        const [end] = await log.fetch({ positions: [{ ...place, offset: 0 }], maxBytes: 1 });
        const offset = this.random.below((end?.endOffset ?? 0) + 1);
        const maxBytes = this.random.pick([1, 500, 5_000]);
        const [fetched] = await log.fetch({ positions: [{ ...place, offset }], maxBytes, maxWaitMs: 1 });
        if (fetched === undefined || isAppError(fetched.error, 'topic-not-found')) return;
        for (const one of recordsFrom(fetched, offset)) this.noteShown(place, one);
      });
      await this.pause();
    }
  }

  /** Compares everything the clients know with what the log holds. */
  private async check(log: EmbeddedLog): Promise<void> {
    const topics = new Map((await log.listTopics()).map((one) => [one.name, one]));
    const reads: HistoryRead[] = [];
    for (const place of PARTITIONS) {
      const topic = topics.get(place.topic);
      if (topic !== undefined) reads.push({ ...place, records: await this.readAll(log, place, topic.partitions) });
    }
    this.breaches.push(...breachesOf([...this.writes, ...this.repeating.flatMap((one) => one.writes)], reads));
    this.checkShown(reads);
    this.breaches.push(...(await this.segmentLife.check(log)));
    await this.weaker.check(log, this.cut);
    const there = new Set(reads.flatMap((one) => one.records.map((record) => text(record.value))));
    for (const writer of this.atomic) await writer.check(log, there);
    for (const [group, register] of this.positions) {
      const [position] = (await log.describeGroup(group)).positions;
      const breach = register.settled(`position of ${group}`, position?.offset ?? 0);
      if (breach !== undefined) this.breach(breach);
    }
    this.administrator.check(topics);
    // A write whose outcome was not known and that is not there now never took place.
    for (const write of this.writes) if (!write.acknowledged && !there.has(write.value)) write.refused = true;
  }

  private checkShown(reads: readonly HistoryRead[]): void {
    const now = new Map<string, string>();
    for (const { topic, partition, records } of reads) {
      for (const { offset, value } of records) now.set(`${topic}/${partition}@${offset}`, text(value));
    }
    for (const [place, value] of this.shown) {
      if (now.get(place) !== value) this.breach(`'${value}' was shown at ${place} and is gone`);
    }
  }

  private async readAll(
    log: LogEngine,
    place: PartitionRef,
    partitions: readonly { readonly endOffset: number }[],
  ): Promise<StoredRecord[]> {
    const records: StoredRecord[] = [];
    const end = partitions[place.partition]?.endOffset ?? 0;
    const maxBytes = this.random.pick([1, 700, 1_000_000]);
    for (let offset = 0; offset < end;) {
      const [fetched] = await log.fetch({ positions: [{ ...place, offset }], maxBytes });
      for (const one of recordsFrom(fetched!, offset)) records.push(one);
      if (fetched!.nextOffset === offset) {
        this.breach(`${place.topic}/${place.partition} cannot be read on from ${offset} although it ends at ${end}`);
        break;
      }
      offset = fetched!.nextOffset;
    }
    if (records.some((one, index) => one.offset !== index)) this.breach(`${place.topic}/${place.partition} has gaps`);
    await this.checkTimes(log, place, records);
    return records;
  }

  private async checkTimes(log: LogEngine, place: PartitionRef, records: readonly StoredRecord[]): Promise<void> {
    if (records.length === 0) return;
    const time = this.random.pick(records).timestamp + this.random.between(-1, 1);
    const expected = records.find((one) => one.timestamp >= time)?.offset ?? null;
    const found = await log.offsetForTimestamp(place, time);
    if (found !== expected) this.breach(`time ${time} of ${place.topic}/${place.partition}: ${found}, not ${expected}`);
  }

  private noteShown(place: PartitionRef, record: StoredRecord): void {
    this.shown.set(`${place.topic}/${place.partition}@${record.offset}`, text(record.value));
  }

  private register(registers: Map<string, Register<number>>, name: string): Register<number> {
    const register = registers.get(name) ?? new Register(0);
    registers.set(name, register);
    return register;
  }

  private async outcome(call: () => Promise<unknown>): Promise<Outcome> {
    try {
      await call();
      return 'done';
    } catch (error) {
      if (isAppError(error, 'outcome-unknown')) return 'unknown';
      if (isAppError(error, 'partition-degraded')) this.breach(error.message);
      if (!isAppError(error) && !this.disk.gone) this.breach(`a call failed with ${String(error)}`);
      return isAppError(error) ? 'refused' : 'unknown';
    }
  }

  private readonly logger = {
    info: (): void => undefined,
    warn: (message: string, facts: object): void => void this.reports.push(`${message} ${JSON.stringify(facts)}`),
    error: (message: string, facts: object): void => void this.reports.push(`${message} ${JSON.stringify(facts)}`),
  };

  private breach(what: string): void {
    this.breaches.push(what);
  }

  private over(log: LogEngine): boolean {
    return this.disk.gone || (log as EmbeddedLog).failure !== undefined;
  }

  private async pause(): Promise<void> {
    if (this.random.chance(0.3)) await new Promise((resolve) => setImmediate(resolve));
  }

  /** One record, with a key of any size. */
  private batch(value: string): Uint8Array {
    const key = Buffer.alloc(this.random.pick([0, 10, 200, 900]));
    return encodeBatch([{ key, value: Buffer.from(value), headers: [], timestamp: this.clock.now() }]);
  }

  private value(): string {
    return `v${++this.values}`;
  }
}

function text(value: Uint8Array | null): string {
  return value === null ? 'null' : Buffer.from(value).toString('utf8');
}
