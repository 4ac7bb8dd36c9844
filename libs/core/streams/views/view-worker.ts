import { Breath, deferred, isAppError, type Clock, type Deferred } from '#libs/core/kernel';
import type { PartitionRecord } from '#libs/core/log';
import type { SupervisedRun } from '#libs/core/operations';
import type { ChunkRecords } from '../chunk-records.js';
import type { SourceChunk, SourcePosition, SourceReader } from '../source-reader.js';
import { mapRecords, type FoldTools, type MappedRecord, type MappedRecords } from './fold.js';
import { expiredRows } from './housekeeping.js';
import { storeBeside } from './beside.js';
import { SeenMembers } from './seen-members.js';
import type { ViewDefinition } from './view-definition.js';
import { viewEvolved } from './view-store.js';
import { ViewSteps, type ChangesAhead, type StepSource } from './view-steps.js';
import type { RefusedPlace, RefusedRecord, ViewPositions, ViewStep, ViewTables } from './view-tables.js';

/** How current a view is, as its worker last saw it. */
export interface ViewFreshness {
  /** Records between the view and the ends of its sources. */
  readonly lag: number;
  /** Monotonic time at which it last had read everything there was; undefined before the first time. */
  readonly currentAtMs: number | undefined;
}

export interface ViewWorkerOptions {
  readonly id: string;
  readonly view: ViewDefinition;
  readonly tables: ViewTables;
  /** One per source, in the order of `sourcesOf`. */
  readonly readers: readonly SourceReader[];
  readonly tools: FoldTools;
  /** Only these of the records of a source; all unless given. */
  readonly only?: (source: number, records: readonly MappedRecord[]) => Promise<readonly MappedRecord[]>;
  readonly clock: Clock;
  /** Bytes of batches folded in one transaction. */
  readonly stepBytes?: number;
  /** How many rows a step may change for reference rows that they refer to; as many as fit in memory unless given. */
  readonly mostShares?: number | undefined;
  /** Named steps for crash tests: `view-step-folded`, `view-step-stored`. */
  readonly failPoint?: (name: string) => void;
  /** Told after each stored step. */
  readonly onStep?: (records: number) => void;
  /**
   * Asked when records have members that none had before, before they are taken in, and now and then: gives the view the columns that its schemas have more. True when it
   * did: what is written from then on is written by another definition.
   */
  readonly evolve?: () => Promise<boolean>;
}

/** How a view is read as far as there is something: as the work of an operation. */
export interface CatchUp {
  readonly signal: AbortSignal;
  /** Only these sources, by place; all unless given. */
  readonly sources?: readonly number[];
  /** Where to stop, by place of the source; undefined for where there is nothing more. */
  readonly until?: readonly (SourcePosition | undefined)[];
  /** Held to before each step. */
  readonly pace?: (records: number, bytes: number) => Promise<void>;
  /** Told after each step: records read of those there are. */
  readonly report?: (done: number, total: number) => void;
}

/** Many records in a step make a build quick; all of them are in memory meanwhile, three steps at a time, and expressions have a time in which a step has to be through. */
const STEP_BYTES = 512 * 1024;
/** A view that is no more records behind has read what it is built of. */
const CLOSE = 1_000;
const WAIT_MS = 1_000;
/** Between looks for rows whose time is over. */
const HOUSEKEEPING_MS = 10_000;

/**
 * Keeps one view current: reads what follows its stored position, for each source by itself, and stores rows and position together, one step after another. Claims the
 * view first, so that two workers never write it both. Ends when the signal aborts; any error ends it too, and starting it again goes on from
 * the last stored step.
 */
export class ViewWorker {
  readonly #lags: number[];
  readonly #steps: ViewSteps;
  readonly #tools: FoldTools;
  #currentAtMs: number | undefined;

  constructor(private readonly options: ViewWorkerOptions) {
    const { id, view, tables, mostShares } = options;
    const breath = new Breath(options.clock);
    const turn = (): Promise<void> => breath.take();
    this.#tools = { ...options.tools, turn };
    this.#lags = options.readers.map(() => Infinity);
    this.#steps = new ViewSteps({ id, view, tables, mostShares, turn });
  }

  /** Where the view stands, as this worker has stored it; undefined while it does not write. */
  get positions(): ViewPositions | undefined {
    return this.#steps.epoch === undefined ? undefined : this.#steps.positions;
  }

  /** Resolves with the next step that is stored. */
  nextStep(): Promise<void> {
    return this.#steps.nextStep();
  }

  freshness(): ViewFreshness {
    return { lag: this.#lags.reduce((sum, lag) => sum + lag, 0), currentAtMs: this.#currentAtMs };
  }

  /**
   * Takes in records that were set aside, as they are read now: the topic's schema, or the database, may be another one. Each by itself, in the order given; that of a key that has a newer
   * state by now changes nothing. Where the view is written by another instance, or by none, this is done beside it.
   */
  async redrive(places: readonly RefusedPlace[]): Promise<Redriven> {
    const redriven: Record<keyof Redriven, number> = { taken: 0, refused: 0, gone: 0 };
    for (const place of places) redriven[await this.#redriveOne(place)]++;
    return redriven;
  }

  async #redriveOne(place: RefusedPlace): Promise<keyof Redriven> {
    const { id, view, tables, readers, clock } = this.options;
    const { source, generation, partition, offset } = place;
    const reader = readers[source];
    const record = await reader?.record(generation, partition, offset);
    if (reader === undefined || record === undefined) return 'gone';
    const tools = { ...this.#tools, members: this.#steps.members ?? new SeenMembers() };
    const { records, refused, seen } = await mapRecords(view, source, reader.topic, generation, [record], tools);
    if (refused.length > 0) return 'refused';
    // As many as make ends remembered: whether the topic has one partition only is not known of an earlier generation.
    const partitions = 2;
    let taken = false;
    const step = async (commit: number, at: SourcePosition | undefined): Promise<ViewStep | undefined> => {
      // Somebody else may have been asked for the same: on this commit it is there, or it is not.
      taken = await tables.isSetAside(id, view, place);
      if (!taken) return undefined;
      const stands = at && { generation: at.generation, opening: await reader.opening(at.generation) };
      const changes = await this.#steps.changes({ source, partitions, nowMs: clock.now(), stands }, records);
      return { commit, changes, refused: [], redriven: [place], seen };
    };
    try {
      const { epoch } = this.#steps;
      if (epoch === undefined)
        await storeBeside(tables, id, view, ({ commit, sources }) => step(commit, sources[source]));
      else await this.#steps.store(epoch, (commit) => step(commit, this.#steps.positions.sources[source]));
    } catch (error) {
      if (refusalOf(error) !== undefined) return 'refused';
      throw error;
    }
    return taken ? 'taken' : 'gone';
  }

  async run(signal: AbortSignal, run?: SupervisedRun): Promise<void> {
    const { readers } = this.options;
    const { epoch, positions } = await this.#steps.claim();
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const loops = readers.map(async (_, source) => {
      try {
        await this.follow(source, epoch, positions.sources[source], either, run);
      } finally {
        // One source that cannot go on ends the others: the supervisor starts all of them anew.
        stop.abort();
      }
    });
    const results = await Promise.allSettled([...loops, this.keepHouse(epoch, either)]);
    this.#steps.leave();
    const failed = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
    // A change in place refuses what the others were about to store.
    const reason = failed.find((error) => isAppError(error, 'view-evolved')) ?? failed.find((error) => !isAbort(error));
    if (reason !== undefined) throw reason;
  }

  /**
   * Reads until nothing is left of any source, or as far as is said. Claims the view; not while {@link run} is.
   * @throws `view-writer-fenced` when another worker has claimed it meanwhile.
   */
  async catchUp(options: CatchUp): Promise<void> {
    const { epoch, positions } = await this.#steps.claim();
    const stop = new AbortController();
    const signal = AbortSignal.any([options.signal, stop.signal]);
    const sources = options.sources ?? this.options.readers.map((_, source) => source);
    const report = await this.#progress(sources, positions, options);
    const reading = sources.map(async (source) => {
      try {
        await this.follow(source, epoch, positions.sources[source], signal, undefined, { ...options, report });
      } catch (error) {
        stop.abort();
        throw error;
      }
    });
    const results = await Promise.allSettled(reading);
    this.#steps.leave();
    const failed = results.filter((result) => result.status === 'rejected').map((result) => result.reason as Error);
    if (failed.length > 0) throw failed.find((error) => !isAbort(error)) ?? failed[0]!;
  }

  /** Adds up what steps have read to what had been read before. */
  async #progress(
    sources: readonly number[],
    positions: ViewPositions,
    { report }: CatchUp,
  ): Promise<(records: number) => void> {
    let done = 0;
    for (const source of sources) {
      const reader = this.options.readers[source]!;
      const begin = await reader.begin();
      const left = await reader.lag(positions.sources[source] ?? begin);
      this.#lags[source] = left;
      done += Math.max(0, (await reader.lag(begin)) - left);
    }
    return (records) => {
      done += records;
      report?.(done, done + sources.reduce((sum, source) => sum + this.#lags[source]!, 0));
    };
  }

  /** @param bounded to end where nothing is left, instead of waiting for more */
  private async follow(
    source: number,
    epoch: number,
    stored: SourcePosition | undefined,
    signal: AbortSignal,
    run: SupervisedRun | undefined,
    bounded?: Omit<CatchUp, 'report'> & { readonly report: (records: number) => void },
  ): Promise<void> {
    const { stepBytes } = this.options;
    const reader = this.options.readers[source]!;
    const reading = { topic: reader.topic, source, epoch };
    const maxBytes = stepBytes ?? STEP_BYTES;
    const maxWaitMs = bounded === undefined ? WAIT_MS : 0;
    const bound = bounded?.until?.[source];
    let at = stored ?? (await reader.begin());
    await this.#saw(source, await reader.lag(at));
    /** The step before, which is stored while the next one is read and computed. */
    let before: StepUnderWay = NONE_UNDER_WAY;
    try {
      while (!signal.aborted) {
        const ends = bound?.generation === at.generation ? bound.next : undefined;
        const chunk = await reader.next(at, { maxBytes, maxWaitMs, ends, signal });
        const moved = chunk.to.generation !== at.generation || !sameOffsets(chunk.to, at);
        if (moved) await bounded?.pace?.(chunk.records.length, chunk.records.sizeBytes);
        const mapped = moved ? await this.#map(reading, chunk.records, at) : undefined;
        const ahead = mapped && (await this.#changesAhead(source, mapped, at, before));
        await before.done;
        if (bounded === undefined && mapped !== undefined && mapped.seen.length > 0) await this.#evolve();
        const computed = deferred<ComputedStep | undefined>();
        const done = this.#tookIn(reading, { ...chunk, from: at, mapped, ahead, computed }, run).then(() =>
          bounded?.report(chunk.records.length),
        );
        done.catch(() => undefined);
        before = { computed: computed.promise, done };
        at = chunk.to;
        if (bounded !== undefined && !moved) break;
      }
      await before.done;
      bounded?.signal.throwIfAborted();
    } finally {
      await Promise.allSettled([before.done]);
    }
  }

  /** The changes of a chunk while the step before is stored; nothing where other topics have something to store in between. */
  async #changesAhead(
    source: number,
    mapped: MappedRecords,
    from: SourcePosition,
    { computed, done }: StepUnderWay,
  ): Promise<ChangesAhead | undefined> {
    const before = this.#lags.every((lag, place) => place === source || lag === 0) ? await computed : undefined;
    if (before === undefined) return undefined;
    const given = this.#given(source, from, before.refused + mapped.refused.length);
    return this.#steps.changesAhead(given, mapped.records, { commit: before.commit, done });
  }

  /** Stores a chunk that was read, and says how far the view is. */
  async #tookIn(reading: Reading, chunk: MappedChunk, run: SupervisedRun | undefined): Promise<void> {
    const { records, lag, mapped, computed } = chunk;
    try {
      if (mapped !== undefined) {
        await this.#take(reading, { ...chunk, mapped });
        this.options.failPoint?.('view-step-stored');
        this.options.onStep?.(records.length);
        run?.healthy();
      }
    } finally {
      computed.resolve(undefined);
    }
    await this.#saw(reading.source, lag);
  }

  /**
   * Stores what records do. A step that the database refuses is halved until the record is found whose row it cannot hold, and one that would change more rows than a step may is cut where they were too many: what fits is stored
   * in several steps, and a record that does not by itself is set aside.
   */
  async #take(reading: Reading, chunk: FoldedChunk): Promise<void> {
    const { from, to } = chunk;
    try {
      await this.#fold(reading, chunk);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      const records = [...chunk.records];
      const [first] = records;
      if (first === undefined) throw error;
      if (records.length === 1) {
        const { partition, offset } = first;
        const refused = [{ partition, offset, code: refusal.code, message: refusal.message }];
        const move = { source: reading.source, from, to };
        return this.#steps.store(reading.epoch, async (commit) => ({ commit, move, changes: [], refused }));
      }
      const half = records.slice(0, refusal.cut(records));
      const rest = records.slice(half.length);
      const between = after(from, half);
      await this.#take(reading, { records: half, from, to: between, mapped: await this.#map(reading, half, from) });
      await this.#take(reading, { records: rest, from: between, to, mapped: await this.#map(reading, rest, between) });
    }
  }

  async #map(
    { topic, source }: Reading,
    given: Iterable<PartitionRecord>,
    { generation }: SourcePosition,
  ): Promise<MappedRecords> {
    const { view, only } = this.options;
    const { members } = this.#steps;
    const tools = members === undefined ? this.#tools : { ...this.#tools, members };
    const mapped = await mapRecords(view, source, topic, generation, given, tools);
    return only === undefined ? mapped : { ...mapped, records: await only(source, mapped.records) };
  }

  #fold({ source, epoch }: Reading, { mapped, from, to, ahead, computed }: FoldedChunk): Promise<void> {
    const { records, refused, seen } = mapped;
    return this.#steps.store(epoch, async (commit) => {
      const known = this.#steps.positions.refused + refused.length;
      const changes =
        ahead?.commit === commit ? ahead.changes : await this.#steps.changes(this.#given(source, from, known), records);
      this.options.failPoint?.('view-step-folded');
      computed?.resolve({ commit, refused: known });
      return { commit, move: { source, from, to }, changes, refused, seen };
    });
  }

  /** @param refused records that are set aside: ends of keys are remembered meanwhile, since one that is taken in later must not bring back a key that has ended. */
  #given(source: number, { next }: SourcePosition, refused: number): StepSource {
    const partitions = refused > 0 ? Math.max(2, next.length) : next.length;
    return { source, partitions, nowMs: this.options.clock.now() };
  }

  /** Removes rows whose time is over, a bounded number in each step. */
  private async keepHouse(epoch: number, signal: AbortSignal): Promise<void> {
    const { view, clock } = this.options;
    while (!signal.aborted) {
      for (let more = true; more && !signal.aborted;) {
        await this.#steps.store(epoch, async (commit) => {
          const changes = await expiredRows(view, this.#steps.stored, clock.now());
          more = changes.length > 0;
          return more ? { commit, changes, refused: [] } : undefined;
        });
      }
      await clock.sleep(HOUSEKEEPING_MS, signal);
      await this.#evolve().catch((error: unknown) => {
        // Schemas that cannot be asked now are asked again.
        if (!isAppError(error) || error.code === 'view-evolved') throw error;
      });
    }
  }

  /** @throws `view-evolved` when the view has other columns from now on. */
  async #evolve(): Promise<void> {
    if ((await this.options.evolve?.()) === true) throw viewEvolved(this.options.view.name);
  }

  async #saw(source: number, lag: number): Promise<void> {
    const isBuilt = this.#lags.every((one, place) => (place === source ? lag : one) <= CLOSE);
    if (isBuilt) await this.#steps.index();
    this.#lags[source] = lag;
    if (this.#lags.every((one) => one === 0)) this.#currentAtMs = this.options.clock.monotonic();
  }
}

/** Why a step cannot be stored, for the records in it. */
interface Refusal extends Pick<RefusedRecord, 'code' | 'message'> {
  /** How many of its records to try by themselves first: at least one, and not all of them. */
  cut(records: readonly PartitionRecord[]): number;
}

/** @returns undefined for an error that is none of the records */
function refusalOf(error: unknown): Refusal | undefined {
  if (isAppError(error, 'rows-refused'))
    return { code: 'row-refused', message: error.message, cut: (records) => records.length >> 1 };
  if (!isAppError(error, 'too-many-references')) return undefined;
  const key = Buffer.from(String(error.details['key']));
  return {
    code: error.code,
    message: `${error.message} ${error.hint}`,
    // Those before it fit together.
    cut: (records) => {
      const place = records.findIndex((one) => one.key !== null && key.equals(one.key));
      return place < 0 ? records.length >> 1 : Math.max(1, place);
    },
  };
}

/** What became of records that were to be taken in after all. */
export interface Redriven {
  readonly taken: number;
  /** Still set aside. */
  readonly refused: number;
  /** There no more. */
  readonly gone: number;
}

/** Records that are stored as one step, and what they say. */
interface FoldedChunk extends Pick<SourceChunk, 'to'> {
  readonly records: Iterable<PartitionRecord>;
  readonly from: SourcePosition;
  readonly mapped: MappedRecords;
  /** What was computed before its turn, if anything. */
  readonly ahead?: ChangesAhead | undefined;
  /** Told when the step has its changes; with nothing when it ends without. */
  readonly computed?: Deferred<ComputedStep | undefined>;
}

/** What was read. */
interface MappedChunk extends Omit<FoldedChunk, 'mapped'> {
  readonly records: ChunkRecords;
  readonly lag: number;
  /** Nothing when the reader has not moved. */
  readonly mapped: MappedRecords | undefined;
  readonly computed: Deferred<ComputedStep | undefined>;
}

/** A step that has its changes. */
interface ComputedStep {
  /** On which they are computed. */
  readonly commit: number;
  /** Records that are set aside with it and before. */
  readonly refused: number;
}

/** A step on its way into the tables. */
interface StepUnderWay {
  readonly computed: Promise<ComputedStep | undefined>;
  readonly done: Promise<void>;
}

const NONE_UNDER_WAY: StepUnderWay = { computed: Promise.resolve(undefined), done: Promise.resolve() };

/** What is being read, and as which writer of the view. */
interface Reading {
  readonly topic: string;
  readonly source: number;
  readonly epoch: number;
}

/** Where a reader stands that has read these records, too. */
function after(from: SourcePosition, records: readonly PartitionRecord[]): SourcePosition {
  const next = [...from.next];
  for (const { partition, offset } of records) next[partition] = offset + 1;
  return { ...from, next };
}

function sameOffsets(a: SourcePosition, b: SourcePosition): boolean {
  return a.next.length === b.next.length && a.next.every((offset, partition) => offset === b.next[partition]);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
