import { encodeBatch, type LogRecord, type PartitionRef, recordsFrom, type StoredRecord } from '#libs/core/log';
import { type EmbeddedLog, openEmbeddedLog } from '../index.js';
import type { EmbeddedLogSettings } from '../options.js';
import { SimulatedFileSystem } from './simulated-file-system.js';
import { SimulatedClock, SimulatedLock } from './simulated-machine.js';

const SETTINGS: Partial<EmbeddedLogSettings> = {
  segmentBytes: 1_000,
  indexIntervalBytes: 200,
  journalStepBytes: 2_048,
  checkpointIntervalMs: 0,
  retentionCheckMs: 0,
  compactionBytesPerSecond: Infinity,
};
/** The one partition of the topic of a {@link Bench}. */
export const REF: PartitionRef = { topic: 't', partition: 0 };
export const DAY = 86_400_000;

/** A log with segments of a few records, whose time and disk are the test's. */
export class Bench {
  readonly clock = new SimulatedClock();
  files = new SimulatedFileSystem();
  log!: EmbeddedLog;
  readonly reports: string[] = [];

  /** One with a compacted topic, which is compacted at every look. */
  static async compacted(config: Record<string, string> = {}): Promise<Bench> {
    const bench = new Bench();
    await bench.open();
    const compact = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' };
    await bench.log.createTopic({ name: 't', partitions: 1, config: { ...compact, ...config } });
    return bench;
  }

  async open(settings: Partial<EmbeddedLogSettings> = {}): Promise<EmbeddedLog> {
    const identity = () => ({ logId: 'life', journalKey: '0123456789abcdef0123456789abcdef' });
    const note = (message: string): void => void this.reports.push(message);
    this.log = await openEmbeddedLog({
      directory: '/log',
      clock: this.clock,
      lock: new SimulatedLock(),
      files: this.files,
      settings: { ...SETTINGS, ...settings },
      logger: { info: () => undefined, warn: note, error: note },
      identity,
    });
    return this.log;
  }

  async restart(): Promise<EmbeddedLog> {
    await this.log.close();
    this.files = this.files.afterKill();
    return await this.open();
  }

  async pass(ms: number): Promise<void> {
    await this.clock.sleep(ms);
  }

  async append(key: string | null, value: string | null, ...more: (readonly [string, string | null])[]): Promise<void> {
    const records = [[key, value] as const, ...more].map(([k, v]) => recordOf(k, v));
    await this.log.append(REF, encodeBatch(records));
  }

  async range(): Promise<[number, number]> {
    const [partition] = (await this.log.describeTopic('t')).partitions;
    return [partition!.startOffset, partition!.endOffset];
  }

  /** Everything that can be read, in small fetches. */
  async read(maxBytes = 300): Promise<StoredRecord[]> {
    const records: StoredRecord[] = [];
    const [start] = await this.range();
    for (let offset = start; ;) {
      const [fetched] = await this.log.fetch({ positions: [{ ...REF, offset }], maxBytes });
      records.push(...recordsFrom(fetched!, offset));
      if (fetched!.nextOffset === offset) return records;
      offset = fetched!.nextOffset;
    }
  }

  async values(): Promise<[number, string | null, string | null][]> {
    return (await this.read()).map(({ offset, key, value }) => [offset, text(key), text(value)]);
  }

  /** Names of the segment files of the partition. */
  segmentFiles(ending = '.log'): string[] {
    const names = [...this.files.files().keys()].filter((path) => path.includes('/topics/') && path.endsWith(ending));
    return names.map((path) => path.slice(path.lastIndexOf('/') + 1));
  }
}

/** A record with a timestamp that does not matter. */
export function recordOf(key: string | null, value: string | null): LogRecord {
  const bytes = (one: string | null): Uint8Array | null => (one === null ? null : Buffer.from(one));
  return { key: bytes(key), value: bytes(value), headers: [], timestamp: 1_700_000_000_000 };
}

const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : Buffer.from(bytes).toString());
