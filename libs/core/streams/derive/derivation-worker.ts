import { AppError, type Clock, isAppError } from '#libs/core/kernel';
import {
  isCompacted,
  type LogEngine,
  type LogRecord,
  type LogWriter,
  type PartitionRecord,
  physicalName,
  type ResolvedTopic,
  type WriterAppend,
} from '#libs/core/log';
import type { SupervisedRun } from '#libs/core/operations';
import { PartitionCursor } from '../partition-cursor.js';
import type { RecordDecoder } from '../record-decoder.js';
import type { SourceChunk, SourcePosition, SourceReader } from '../source-reader.js';
import type { DerivationDefinition } from './derivation.js';
import {
  type DerivationProgress,
  generationIn,
  NO_COUNTS,
  progressCheckpoint,
  writerIdOf,
} from './derivation-progress.js';
import { LATE_HORIZON_MS } from './derivation-topics.js';
import { textHeader } from './derived-headers.js';
import { batchesFor, type DerivedRecord } from './derived-batches.js';
import type { DerivedStream } from './derived-stream.js';
import { ErasedKeys } from './erased-keys.js';
import { hasGaps, type HistoryStatement, statementAfter, statementAt } from './history-statement.js';
import { LatestStream } from './latest-stream.js';
import { concernsRecord, type KeyState, StateOrder } from './state-order.js';
import type { ValueMerging } from './value-merging.js';
import type { ValueRewriting } from './value-rewriting.js';
import { StreamKey } from './stream-key.js';
import { StreamValues } from './stream-values.js';
import { VersionedStream } from './versioned-stream.js';

export interface DerivationWorkerOptions {
  readonly definition: DerivationDefinition;
  /** Of the target. Each generation is computed on its own, with a position of its own. */
  readonly generation: number;
  readonly engine: LogEngine;
  /** The logical source, over its cutovers. */
  readonly source: SourceReader;
  /** Where records go that the stream has no place for, under a policy `dlq`. A topic like any other: it may get another generation. */
  readonly deadLetters: string;
  /** Where records go that came late, under the policy `topic`, likewise. */
  readonly lateRecords: string;
  /** What a logical topic stands for now. */
  readonly resolve: (topic: string) => Promise<Pick<ResolvedTopic, 'physical' | 'partitioner'>>;
  readonly decoder: RecordDecoder;
  readonly merging: ValueMerging;
  readonly rewriting: ValueRewriting;
  readonly clock: Clock;
  readonly stepBytes?: number;
  readonly failPoint?: (name: string) => void;
  readonly onStep?: (records: number) => void;
}

const STEP_BYTES = 512 * 1024;
/** How soon a topic beside that is closed is looked at again, and how long it may be before that is a failure. */
const LOOK_MS = 20;
const HOLD_MS = 30_000;
const WAIT_MS = 1_000;
/** Ended keys are looked through when so many more of them are known. */
const FORGET_EVERY = 10_000;

/** How a generation is caught up. */
export interface CatchUpOptions {
  readonly signal: AbortSignal;
  /** Where to end, if not where the source ends. A position beyond it stays where it is. */
  readonly until?: SourcePosition;
  /** Another generation reads these records, too, and writes what goes beside the stream: none of it is written again. */
  readonly besideWritten?: boolean;
  /** Called before a step is committed with what it moves. */
  readonly pace?: (records: number, bytes: number) => Promise<void>;
  readonly report?: (progress: DerivationProgress, lag: number) => void;
}

/**
 * Computes one derived stream: reads what follows its position, decides by {@link StateOrder}, and commits output and position in one atomic step. The state by
 * which newer is told from older is a cache: it is folded from the target when the worker starts. A second worker fences the first.
 */
export class DerivationWorker {
  readonly #stream: DerivedStream;
  /** Undefined where the stream has the keys of its source. */
  readonly #key: StreamKey | undefined;
  /** Undefined where the stream has the values of its source. */
  readonly #values: StreamValues | undefined;
  readonly #states = new Map<string, KeyState>();
  /** When a key was seen to end, on the clock; the oldest first. */
  readonly #ended = new Map<string, number>();
  #forgetAt = FORGET_EVERY;
  #progress: DerivationProgress | undefined;
  #lag: number | undefined;
  #erased: ErasedKeys;

  constructor(private readonly options: DerivationWorkerOptions) {
    const { definition, decoder, merging, rewriting } = options;
    this.#erased = new ErasedKeys(definition.id, []);
    this.#key = definition.key ? new StreamKey(definition.key, decoder) : undefined;
    this.#values = definition.schema ? new StreamValues(definition.schema, rewriting) : undefined;
    const order = new StateOrder(definition.orderBy, definition.onConflict, decoder, this.#key !== undefined);
    this.#stream =
      definition.kind === 'latest'
        ? new LatestStream(definition, order, decoder, merging)
        : new VersionedStream(definition, order, decoder);
  }

  /** Physical topic that is written, kept FENCED so that nobody else writes it. */
  get #target(): string {
    return physicalName(this.options.definition.name, this.options.generation);
  }

  get progress(): DerivationProgress | undefined {
    return this.#progress;
  }

  /** Records behind the source when it last looked; undefined before that. */
  get lag(): number | undefined {
    return this.#lag;
  }

  /** Live keys, ended ones left out. */
  get keys(): number {
    let live = 0;
    for (const state of this.#states.values()) if (state.digest !== null) live++;
    return live;
  }

  /** Follows the source until the signal aborts. */
  async run(signal: AbortSignal, run?: SupervisedRun): Promise<void> {
    const onStep = (records: number): void => {
      this.options.onStep?.(records);
      run?.healthy();
    };
    try {
      await this.#withWriter(signal, async (writer) => {
        while (!signal.aborted) await this.#advance(writer, { signal }, WAIT_MS, onStep);
      });
    } catch (error) {
      if (!(signal.aborted && error instanceof Error && error.name === 'AbortError')) throw error;
    }
  }

  /** Reads to the present end of the source, or to where it is told to, and ends there. Goes on where an earlier call ended, of another process too. */
  async catchUp(options: CatchUpOptions): Promise<DerivationProgress> {
    return await this.#withWriter(options.signal, async (writer) => {
      for (;;) {
        const isMoved = await this.#advance(writer, options, 0);
        options.report?.(this.#progress!, this.#lag!);
        if (!isMoved) return this.#progress!;
      }
    });
  }

  async #withWriter<T>(signal: AbortSignal, work: (writer: LogWriter) => Promise<T>): Promise<T> {
    const { engine, definition, generation, source } = this.options;
    const writer = await engine.openWriter(writerIdOf(definition, generation));
    try {
      const { progress, erasures } = generationIn(writer, definition.name);
      this.#erased = new ErasedKeys(definition.id, erasures);
      await this.#restore(signal);
      this.#progress = progress ?? (await this.#beginning());
      this.#lag = await source.lag(this.#progress.position);
      return await work(writer);
    } finally {
      await writer.close();
    }
  }

  /** One step. @returns false when there was nothing to read. */
  async #advance(
    writer: LogWriter,
    { signal, until, pace, besideWritten }: CatchUpOptions,
    maxWaitMs: number,
    onStep?: (records: number) => void,
  ): Promise<boolean> {
    const at = this.#progress!;
    const maxBytes = this.options.stepBytes ?? STEP_BYTES;
    const read = await this.options.source.next(at.position, { maxBytes, maxWaitMs, signal });
    const { records, to } = upTo(at.position, read, until);
    this.#lag = read.lag;
    const isMoved =
      to.generation !== at.position.generation ||
      to.next.some((offset, partition) => offset !== at.position.next[partition]);
    if (!isMoved) return false;
    await pace?.(records.length, bytesOf(records));
    this.#progress = await this.#step(writer, at, records, to, { signal, besideWritten });
    onStep?.(records.length);
    return true;
  }

  async #beginning(): Promise<DerivationProgress> {
    const position = beginningOf(await this.options.source.begin(), this.options.definition.since ?? null);
    return { position, counts: NO_COUNTS, historyStart: position.next, history: statementAt(position) };
  }

  /** Folds the target into the state: what was committed is what is known. */
  async #restore(signal: AbortSignal): Promise<void> {
    const { engine, source } = this.options;
    const target = this.#target;
    this.#states.clear();
    this.#ended.clear();
    const { partitions } = await engine.describeTopic(target);
    for (const { partition, startOffset } of partitions) {
      const records = new PartitionCursor(engine, target, partition, startOffset);
      for (let record = await records.peek(); record !== undefined; record = await records.peek()) {
        signal.throwIfAborted();
        if (record.key !== null) {
          const key = textOf(record.key);
          this.#keep(key, await this.#stream.restored(source.topic, record, this.#states.get(key)));
        }
        records.take();
      }
    }
  }

  #keep(key: string, state: KeyState): void {
    this.#states.set(key, state);
    this.#ended.delete(key);
    if (state.digest === null) this.#ended.set(key, this.options.clock.now());
  }

  /** A latest stream forgets keys that ended longer ago than late records are expected. A versioned one goes on counting where it ended. */
  #forgetEnded(): void {
    const { definition, clock } = this.options;
    if (definition.kind === 'versioned' || this.#ended.size < this.#forgetAt) return;
    const before = clock.now() - (definition.lateHorizonMs ?? LATE_HORIZON_MS);
    for (const [key, endedAt] of this.#ended) {
      if (endedAt >= before) break;
      this.#ended.delete(key);
      this.#states.delete(key);
    }
    this.#forgetAt = this.#ended.size + FORGET_EVERY;
  }

  async #step(
    writer: LogWriter,
    at: DerivationProgress,
    records: readonly PartitionRecord[],
    to: SourcePosition,
    { signal, besideWritten }: Pick<CatchUpOptions, 'signal' | 'besideWritten'>,
  ): Promise<DerivationProgress> {
    const { engine, source, deadLetters, lateRecords, definition, failPoint, clock } = this.options;
    const counts = { ...at.counts };
    const changed = new Map<string, KeyState>();
    const output: DerivedRecord[] = [];
    const dead: DerivedRecord[] = [];
    const late: DerivedRecord[] = [];
    const { generation } = at.position;
    const opensAt = this.#erased.isEmpty ? [] : await source.opening(generation);
    const asRead = (await this.#values?.of(source.topic, records)) ?? records;
    for (const [place, sent] of records.entries()) {
      counts.read++;
      const read = asRead[place]!;
      if (isAppError(read)) {
        counts.refused++;
        this.#refuse(sent, dead, read.code, read.message);
        continue;
      }
      const record = await this.#underItsKey(read, (error) => {
        if (error.code === 'key-missing') counts.nullKeys++;
        else counts.refused++;
        this.#refuse(sent, dead, error.code, error.message);
      });
      if (record === undefined) continue;
      if (record.key !== null && !this.#erased.isEmpty && this.#erased.has(record.key, generation, record, opensAt)) {
        counts.erased++;
        continue;
      }
      if (record.key === null) {
        counts.nullKeys++;
        this.#refuse(sent, dead, 'null-key', 'it has no key');
        continue;
      }
      const key = textOf(record.key);
      const known = changed.get(key) ?? this.#states.get(key);
      try {
        const said = await this.#stream.said(source.topic, record, known);
        const verdict = this.#stream.order.judge(known, said.version, said.digest);
        if (verdict.startsWith('conflict')) counts.conflicts++;
        if (verdict === 'older') {
          counts.late++;
          if (definition.late === 'topic') late.push(placed(sent, sent));
        } else if (verdict === 'conflict-refused') {
          dead.push(placed(this.#refused(sent, 'version-conflict'), sent));
        } else if (verdict === 'same' || (known === undefined && said.digest === null && this.#key === undefined)) {
          counts.same++;
        } else if (verdict === 'newer' || verdict === 'conflict-replaced') {
          const written = this.#stream.next(said, known);
          changed.set(key, written.state);
          output.push(placed(written.record, record));
          counts.written++;
        }
      } catch (error) {
        if (!concernsRecord(error)) throw error;
        counts.refused++;
        this.#refuse(sent, dead, error.code, error.message);
      }
    }
    const progress: DerivationProgress = {
      position: to,
      counts,
      historyStart: at.historyStart,
      history: await this.#history(at, records, to),
    };
    if (besideWritten === true) dead.length = late.length = 0;
    const target = { engine, topic: this.#target, partitioner: null, intoFenced: true };
    const written = await batchesFor(target, output);
    failPoint?.('derivation-step-folded');
    const checkpoints = [progressCheckpoint(progress)];
    const until = clock.monotonic() + HOLD_MS;
    for (;;) {
      try {
        const beside = [...(await this.#besideFor(deadLetters, dead)), ...(await this.#besideFor(lateRecords, late))];
        await writer.commit({ appends: [...written, ...beside], checkpoints });
        break;
      } catch (error) {
        // Nothing was written: a topic beside is in its cutover, or has just been through it.
        const isHeld = isAppError(error, 'topic-fenced') || isAppError(error, 'topic-not-found');
        if (!isHeld || dead.length + late.length === 0 || clock.monotonic() >= until) throw error;
        await clock.sleep(LOOK_MS, signal);
      }
    }
    failPoint?.('derivation-step-stored');
    for (const [key, state] of changed) this.#keep(key, state);
    this.#forgetEnded();
    return progress;
  }

  /** A record of the source as the stream knows it; undefined for one that has no key in it, which is given to `refuse`. */
  async #underItsKey(record: PartitionRecord, refuse: (error: AppError) => void): Promise<PartitionRecord | undefined> {
    if (this.#key === undefined) return record;
    try {
      return await this.#key.under(this.options.source.topic, record);
    } catch (error) {
      if (!concernsRecord(error)) throw error;
      refuse(error);
      return undefined;
    }
  }

  /** Batches for a topic beside the target, as it is now. */
  async #besideFor(topic: string, records: readonly DerivedRecord[]): Promise<WriterAppend[]> {
    if (records.length === 0) return [];
    const { engine, resolve } = this.options;
    const { physical, partitioner } = await resolve(topic);
    return await batchesFor({ engine, topic: physical, partitioner, intoFenced: false }, records);
  }

  async #history(
    { history, position }: DerivationProgress,
    records: readonly PartitionRecord[],
    to: SourcePosition,
  ): Promise<HistoryStatement> {
    const areGapsLosses =
      hasGaps(position, records, to) && isCompacted(await this.options.source.config(position.generation));
    return statementAfter(history, position, records, to, areGapsLosses);
  }

  #refuse(record: PartitionRecord, dead: DerivedRecord[], code: string, why: string): void {
    const { definition, source } = this.options;
    switch (definition.nullKeys) {
      case 'drop':
        return;
      case 'dlq':
        dead.push(placed(this.#refused(record, code), record));
        return;
      case 'fail':
        throw new AppError({
          kind: 'unprocessable',
          code,
          message: `The record at ${source.topic}/${record.partition}/${record.offset} has no place in '${definition.name}': ${why}.`,
          hint: 'Delete the derivation and create it with nullKeys drop or dlq, or correct the source.',
        });
    }
  }

  #refused(record: PartitionRecord, code: string): LogRecord {
    const from = `${this.options.source.topic}/${record.partition}/${record.offset}`;
    return { ...record, headers: [...record.headers, textHeader('weir-refused', `${code} ${from}`)] };
  }
}

function placed(record: LogRecord, { partition, offset }: PartitionRecord): DerivedRecord {
  return { record, partition, offset };
}

/** What of a chunk lies before a position of the same generation; all of it unless there is one. */
function upTo(
  at: SourcePosition,
  { records, to }: SourceChunk,
  until: SourcePosition | undefined,
): { readonly records: readonly PartitionRecord[]; readonly to: SourcePosition } {
  if (to.generation !== until?.generation) return { records: [...records], to };
  const next = to.next.map((offset, partition) =>
    Math.max(at.next[partition] ?? 0, Math.min(offset, until.next[partition] ?? 0)),
  );
  return {
    records: [...records].filter(({ partition, offset }) => offset < (until.next[partition] ?? 0)),
    to: { generation: to.generation, next },
  };
}

const bytesOf = (records: readonly LogRecord[]): number =>
  records.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0);

/** A key as text that tells any two keys apart. */
function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

/** Where a stream begins: with what the source retains, or with what of it came since. */
function beginningOf(retained: SourcePosition, since: SourcePosition | null): SourcePosition {
  if (since === null || since.generation !== retained.generation) return since ?? retained;
  const next = retained.next.map((offset, partition) => Math.max(offset, since.next[partition] ?? 0));
  return { generation: retained.generation, next };
}
