import { expect } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import {
  encodeBatch,
  type FetchedPartition,
  type LogEngine,
  type LogRecord,
  type PartitionRef,
  recordsFrom,
  type StoredRecord,
  type TopicSpec,
} from '../../index.js';

/** A log under test and the ways to restart and remove it. */
export interface OpenedLog {
  readonly engine: LogEngine;
  /** Closes the present engine and opens another over the same stored log. */
  reopen(): Promise<LogEngine>;
  /** Closes the present engine and removes what the test made. */
  dispose(): Promise<void>;
  /** Lets time pass for the engine without waiting for it, where its clock can be moved. */
  skip?(ms: number): void;
}

export type OpenLog = () => Promise<OpenedLog>;

/** One promise of the port. `holds` rejects when the log breaks it. */
export interface LogPromise {
  readonly title: string;
  holds(context: ContractContext): Promise<void>;
}

/** What the promises are checked with: one log, unique names, and the reading and writing that every promise needs. */
export class ContractContext {
  #names = 0;
  readonly #run = Math.random().toString(36).slice(2, 10);
  #log: OpenedLog;
  #engine: LogEngine;

  constructor(
    log: OpenedLog,
    /** Opens a log of its own, for promises about its end. */
    readonly open: OpenLog,
    /** How long to wait for what an engine may do after it answered (deleting in the background, markers of a transaction). */
    readonly patienceMs = 20_000,
  ) {
    this.#log = log;
    this.#engine = log.engine;
  }

  get engine(): LogEngine {
    return this.#engine;
  }

  async reopen(): Promise<LogEngine> {
    return (this.#engine = await this.#log.reopen());
  }

  async dispose(): Promise<void> {
    await this.#log.dispose();
  }

  /** Comes back when this much time has passed for the engine. */
  async passTime(ms: number): Promise<void> {
    if (this.#log.skip === undefined) await new Promise((resolve) => setTimeout(resolve, ms));
    else this.#log.skip(ms);
  }

  /** A name nothing else has: for topics, groups and writers. */
  name(hint = 'n'): string {
    return `ct-${this.#run}-${hint}-${++this.#names}`;
  }

  /** Creates a topic and answers its name. */
  async topic(partitions = 1, rest: Omit<TopicSpec, 'name' | 'partitions'> = {}): Promise<string> {
    const name = this.name('topic');
    await this.engine.createTopic({ name, partitions, ...rest });
    return name;
  }

  /** Appends records with these values in one batch and answers the first offset. */
  async append(ref: PartitionRef, ...values: readonly string[]): Promise<number> {
    return (await this.engine.append(ref, batchOf(...values))).baseOffset;
  }

  /**
   * Reads a partition to its end, or on until `count` records came, since a commit may become readable a moment after it was answered.
   * Fails when reading makes no progress.
   */
  async read(ref: PartitionRef, count = 0, from?: number): Promise<StoredRecord[]> {
    const records: StoredRecord[] = [];
    const deadline = performance.now() + this.patienceMs;
    let offset = from ?? (await this.startOf(ref));
    for (;;) {
      const fetched = await this.fetch(ref, offset);
      if (fetched.error !== undefined) throw fetched.error;
      records.push(...recordsFrom(fetched, offset));
      expect(fetched.nextOffset, 'nextOffset never goes back').toBeGreaterThanOrEqual(offset);
      const end = fetched.nextOffset >= fetched.endOffset;
      offset = fetched.nextOffset;
      if (end && records.length >= count) return records;
      if (performance.now() > deadline) {
        throw new Error(
          `${ref.topic}/${ref.partition}: ${records.length} records, waited for ${count} up to ${offset}`,
        );
      }
    }
  }

  /** The values of {@link read} as text. */
  async values(ref: PartitionRef, count = 0, from?: number): Promise<(string | null)[]> {
    return (await this.read(ref, count, from)).map(({ value }) => textOf(value));
  }

  /** One fetch of one partition, waiting a little when there is nothing. */
  async fetch(ref: PartitionRef, offset: number, maxBytes = 1 << 20): Promise<FetchedPartition> {
    const [fetched] = await this.engine.fetch({ positions: [{ ...ref, offset }], maxBytes, maxWaitMs: 20 });
    return fetched!;
  }

  async startOf({ topic, partition }: PartitionRef): Promise<number> {
    return (await this.engine.describeTopic(topic)).partitions[partition]!.startOffset;
  }

  /** Repeats a check until it passes, since the engine may do this after it answered. */
  async eventually(check: () => Promise<void>): Promise<void> {
    const deadline = performance.now() + this.patienceMs;
    for (;;) {
      try {
        return await check();
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
    }
  }

  /** End offsets of all partitions, in their order. */
  async endsOf(topic: string): Promise<number[]> {
    return (await this.engine.describeTopic(topic)).partitions.map((one) => one.endOffset);
  }
}

export function recordOf(value: string | null, rest: Partial<LogRecord> = {}): LogRecord {
  return {
    key: null,
    value: value === null ? null : Buffer.from(value),
    headers: [],
    timestamp: 1_700_000_000_000,
    ...rest,
  };
}

export function batchOf(...values: readonly string[]): Buffer {
  return encodeBatch(values.map((value) => recordOf(value)));
}

export function textOf(bytes: Uint8Array | null | undefined): string | null {
  return bytes === null || bytes === undefined ? null : Buffer.from(bytes).toString('utf8');
}

/** Expects a refusal with this code, and answers the error. */
export async function refusal(call: Promise<unknown>, code: string | readonly string[]): Promise<Error> {
  const codes = typeof code === 'string' ? [code] : code;
  const outcome = await call.then(
    () => 'it was not refused',
    (error: unknown) => error,
  );
  if (isAppError(outcome) && codes.includes(outcome.code)) return outcome;
  throw new Error(`expected a refusal with '${codes.join("' or '")}', got: ${String(outcome)}`, { cause: outcome });
}

/** Settles with the outcome of the call, or rejects when it takes longer than this. */
export async function within<T>(ms: number, what: string, call: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([call, late]);
  } finally {
    clearTimeout(timer);
  }
}
