import {
  type Appended,
  DigestSum,
  encodeBatch,
  integerSetting,
  type LogEngine,
  type LogWriter,
  type WriterAppend,
} from '#libs/core/log';
import { PartitionCursor, lasting } from '../partition-cursor.js';
import { batchesOf, type BuiltChunk } from './chunk-builder.js';
import { type CopiedChunk, encodeChunk } from './chunk.js';
import type { CopyLane, StepLimits } from './copy-session.js';
import { MergedChunks } from './merged-chunks.js';
import { type ParkedRecord, parkedOf } from './parked-records.js';
import { counted, LAST_REDRIVEN, parkedCheckpoint, type ParkedState, readParked } from './parked-state.js';
import { FILTER_RULE, type Parking, type RedriveChoice } from './router.js';

/** Where a lane parks records. */
export interface ParkedLane {
  /** Topic of the target's log, with as many partitions as the source, that nobody else writes to. */
  readonly topic: string;
  readonly parking: Parking;
  /** Partition of the map that takes the chunks of this lane's redriven records. */
  readonly mapPartition: number;
}

/** What a lane has parked, and how many keys that is. */
export interface LaneParked extends ParkedState {
  readonly keys: number;
  /** They are parked alone, as dead letters that can be redriven; keys go on. */
  readonly alone: boolean;
}

/** A redrive, as it was asked for. */
export interface Redrive {
  /** From 1, one after another. */
  readonly pass: number;
  /** The rules from here on. */
  readonly revision: number;
  readonly choice: RedriveChoice;
}

/** What a commit adds where records are parked. */
export interface ParkingCommit {
  readonly appends: readonly WriterAppend[];
  readonly next: ParkedState;
}

/** Most records of a commit: its map has to fit a checkpoint. */
const MAX_RECORDS = 20_000;
/** Read at a time where only keys are wanted. */
const SLICE_BYTES = 1024 * 1024;

/**
 * The parked records of one lane, in the session of the lane. They lie in a topic in the order of their source; a redrive reads on from where the last one ended up to where the topic ended when it began, and what it has
 * to leave goes behind that again, in order. So what is parked is what lies from the position on, and everything that is remembered of it can be read from there.
 */
export class ParkingSession {
  #state: ParkedState;
  /** The redrive that the router has been told of, up to the last commit. */
  #begun = 0;

  constructor(
    private readonly engine: LogEngine,
    private readonly lane: Pick<CopyLane, 'source' | 'target' | 'map'>,
    private readonly place: ParkedLane,
    writer: LogWriter,
  ) {
    this.#state = readParked(writer);
  }

  get state(): LaneParked {
    const { parking } = this.place;
    return { ...this.#state, keys: parking.keys(this.lane.source.partition), alone: parking.alone };
  }

  /** Goes back to the last commit of a session. */
  begin(writer: LogWriter): void {
    this.#state = readParked(writer);
    this.#begun = 0;
  }

  /** Lets the router know what is parked. */
  async recall(): Promise<void> {
    this.place.parking.resume(this.lane.source.partition, this.#state.revision);
    await this.#remember(this.#state.position, false);
  }

  /** What the commit of a chunk adds. */
  parked({ parked, parkedBy }: BuiltChunk): ParkingCommit {
    const state = this.#state;
    let records = 0;
    for (const count of parkedBy.values()) records += count;
    const next = {
      ...state,
      by: counted(state.by, parkedBy),
      parked: state.parked + records,
    };
    return { appends: this.#parkedAgain(parked), next };
  }

  /** The commit took place. */
  took(state: ParkedState): void {
    this.#state = state;
  }

  /** The next stretch of a redrive; false when it is done here. */
  async step(writer: LogWriter, redrive: Redrive, limits: StepLimits): Promise<boolean> {
    const { parking } = this.place;
    const { partition } = this.lane.source;
    if (this.#state.pass < redrive.pass) await this.#beginPass(writer, redrive);
    const { position, until } = this.#state;
    if (position >= until) {
      await this.recall();
      return false;
    }
    limits.signal?.throwIfAborted();
    if (this.#begun !== redrive.pass) {
      parking.begin(partition, redrive.revision, redrive.choice);
      await this.#remember(until, true);
    }
    this.#begun = 0;
    const records = await this.#read(position, until, limits.maxBytes);
    if (records.length === 0) {
      // Nothing but markers of transactions up to the end.
      const next = { ...this.#state, position: until };
      await writer.commit({ checkpoints: [parkedCheckpoint(next)] });
      this.#state = next;
      return true;
    }
    await this.#commit(writer, records);
    this.#begun = redrive.pass;
    return true;
  }

  /** Settles durably what the redrive takes in, and from where on new records go by its rules. */
  async #beginPass(writer: LogWriter, { pass, revision }: Redrive): Promise<void> {
    const { partitions } = await this.engine.describeTopic(this.place.topic);
    const until = partitions[this.lane.source.partition]!.endOffset;
    const next = { ...this.#state, pass, revision, until };
    await writer.commit({ checkpoints: [parkedCheckpoint(next)] });
    this.#state = next;
  }

  async #commit(writer: LogWriter, records: readonly PlacedRecord[]): Promise<void> {
    const { lane, place } = this;
    const { partition } = lane.source;
    const state = this.#state;
    const target = await this.engine.describeTopic(lane.target);
    const chunks = new MergedChunks(integerSetting(target.config, 'max.message.bytes'));
    const answers = await place.parking.redrive(records, partition);
    const change = new Map<string, number>();
    const count = (rule: string, by: number): void => void change.set(rule, (change.get(rule) ?? 0) + by);
    let leftOut = 0;
    for (const [i, answer] of answers.entries()) {
      const { record, rule } = records[i]!;
      chunks.add(partition, record, answer, 'none');
      count(rule, -1);
      if (typeof answer !== 'number' && 'park' in answer) count(answer.park.rule, 1);
      if (typeof answer !== 'number' && 'rule' in answer && answer.rule === FILTER_RULE) leftOut++;
    }
    const batches = chunks.batches();
    const [[, part]] = chunks.parts() as [[number, ReturnType<MergedChunks['parts']>[number][1]]];
    const appends: WriterAppend[] = batches.map(({ target: to, batch }) => {
      return { topic: lane.target, partition: to, batch, intoFenced: true };
    });
    appends.push(...this.#parkedAgain(batchesOf(chunks.parked)));
    if (state.last !== undefined) {
      const value = writer.checkpoint(LAST_REDRIVEN) ?? encodeChunk(state.last);
      const batch = encodeBatch([{ key: null, value, headers: [], timestamp: -1 }]);
      appends.push({ topic: lane.map, partition: place.mapPartition, batch });
    }
    const next: ParkedState = {
      ...state,
      position: records[answers.length - 1]!.place + 1,
      chunks: state.chunks + 1,
      by: counted(state.by, change),
      leftOut: state.leftOut + leftOut,
      sum: new DigestSum().merge(state.sum).merge(part.sum),
    };
    let last: CopiedChunk | undefined;
    const checkpoints = (appended: readonly Appended[]) => {
      const { until, ranges, routes, sum } = part;
      const runs = chunks.runs(appended).get(partition)!;
      const [from, sequence, revision] = [records[0]!.record.offset, state.chunks, state.revision];
      last = { source: partition, sequence, from, until, ranges, routes, runs, sum, revision };
      return [parkedCheckpoint(next), { key: LAST_REDRIVEN, value: encodeChunk(last) }];
    };
    await writer.commit({ appends, checkpoints });
    this.#state = { ...next, last };
  }

  /** Has the router take note of what lies from a place on, a slice at a time. */
  async #remember(from: number, again: boolean): Promise<void> {
    const { parking } = this.place;
    // Who keeps no keys has nothing to remember.
    if (parking.alone) return;
    for (let at = from; ;) {
      const records = await this.#read(at, Infinity, SLICE_BYTES);
      const last = records.at(-1);
      if (last === undefined) return;
      parking.remember(this.lane.source.partition, records, again);
      at = last.place + 1;
    }
  }

  #parkedAgain(batches: readonly Uint8Array[]): WriterAppend[] {
    const { topic } = this.place;
    const { partition } = this.lane.source;
    return batches.map((batch) => ({ topic, partition, batch, intoFenced: true }));
  }

  /** Parked records from one place up to another, no more than a commit takes. */
  async #read(from: number, until: number, maxBytes: number): Promise<PlacedRecord[]> {
    const cursor = new PartitionCursor(this.engine, this.place.topic, this.lane.source.partition, from);
    const records: PlacedRecord[] = [];
    let bytes = 0;
    while (bytes < maxBytes && records.length < MAX_RECORDS) {
      const record = await cursor.peek();
      if (record === undefined || record.offset >= until) break;
      bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0) + 16;
      records.push({ ...parkedOf(lasting(record)), place: record.offset });
      cursor.take();
    }
    return records;
  }
}

/** A parked record and its offset in the topic of parked ones. */
interface PlacedRecord extends ParkedRecord {
  readonly place: number;
}
