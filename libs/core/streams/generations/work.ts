import type { Clock, JsonObject, JsonValue } from '#libs/core/kernel';
import type { LogEngine, TopicNames } from '#libs/core/log';
import type { FailPoint, OperationProgress, OperationRun } from '#libs/core/operations';
import { tallyOfCopy, tallyToJson } from '../copy/copy-tally.js';
import { LaneCopy } from '../copy/lane-copy.js';
import { COPY_TUNING, type CopyRun, type CopySpec, type CopyTuning, type LiveCopy } from '../copy/live-copy.js';
import type { LanePlaces } from '../copy/lane-places.js';
import { MergedCopy } from '../copy/merged-copy.js';
import type { ReadersOn } from '../readers-gone.js';
import { CopyVerifier } from '../verify/copy-verifier.js';
import type { Verification, VerificationLevel, Verifier } from '../verify/verification.js';
import { mismatchToJson } from '../verify/mismatch.js';
import { countsToJson } from '../verify/mismatch-tally.js';
import type { CopyPlace, GenerationKind } from './kind.js';
import { operationOfMember } from './member-runs.js';
import { type GenerationParameters, type GenerationSide, parametersFromJson } from './parameters.js';
import { mapTopics, memoryTopics, parkedTopic } from './preparation.js';
import { switchWriterId } from './group-hand-over.js';
import type { Side, SwitchContext } from './switch-over.js';

export interface GenerationTuning extends CopyTuning {
  /** Records the plan looks at before it goes over to a sample. */
  readonly sampleRecords: number;
  /** Lag at which a copy counts as caught up, and rest to be verified at which the cutover begins. */
  readonly readyRecords: number;
  /** How long finish and rollback wait for readers of ours that are still on the side to be deleted. */
  readonly readersMs: number;
  /** How often the old side is looked at for records written after the fence. */
  readonly stragglerMs: number;
}

export const GENERATION_TUNING: GenerationTuning = {
  ...COPY_TUNING,
  sampleRecords: 200_000,
  readyRecords: 5_000,
  readersMs: 60_000,
  stragglerMs: 5_000,
};

/** What a handler works with, whatever the operation. */
export interface WorkTools {
  readonly names: TopicNames;
  readonly clock: Clock;
  readonly tuning: GenerationTuning;
  readonly failPoint: FailPoint;
  readonly readersOn: ReadersOn;
  readonly places: LanePlaces;
}

/** A copy with its lanes open, and what was verified of it. */
export interface Live {
  readonly copy: LiveCopy;
  readonly verifier: Verifier;
}

/** One operation during one phase: its parameters, its logs, and how its two copies (there and back) are opened. */
export class GenerationWork {
  readonly parameters: GenerationParameters;

  constructor(
    /** Log of the old side, and the home of the name: see `name-row.ts`. */
    readonly engine: LogEngine,
    /** Log of the new side. */
    readonly targetLog: LogEngine,
    readonly tools: WorkTools,
    readonly run: OperationRun,
    readonly kind: GenerationKind,
  ) {
    this.parameters = parametersFromJson(run.parameters);
  }

  /** Whether the new side is in another log, or has another name: then that has a row of its own. */
  get crosses(): boolean {
    return this.engine.logId !== this.targetLog.logId || this.parameters.targetTopic !== undefined;
  }

  get old(): Side {
    return { log: this.engine, ...sideOf(this.parameters.source) };
  }

  get new(): Side {
    const { source, target, targetTopic: topic } = this.parameters;
    // Keys are placed as they were unless the kind says otherwise.
    return { log: this.targetLog, topic, ...sideOf({ partitioner: source.partitioner, ...target }) };
  }

  get operationId(): string {
    return this.run.operationId;
  }

  failPoint(name: string): void | Promise<void> {
    return this.tools.failPoint(`${this.kind.name}:${name}`);
  }

  /** Offsets kept at an earlier transition. */
  vector(name: string): readonly number[] | undefined {
    const kept = this.run.notes[name];
    return Array.isArray(kept) ? kept.map(Number) : undefined;
  }

  /** Opens the copy from the old side to the new one, fencing whoever had it open. */
  async openThere(): Promise<Live> {
    const { source, target, deadLetters, verification, parking } = this.parameters;
    const parked = parking ? parkedTopic(this.parameters, this.operationId) : undefined;
    const startOffsets = this.vector('startOffsets') ?? [];
    const place: CopyPlace = {
      source: { log: this.engine, topic: source.physical },
      target: { log: this.targetLog, topic: target.physical },
      memory: { log: this.targetLog, topic: memoryTopics(this.operationId).there },
    };
    const spec = {
      writerPrefix: this.operationId,
      map: mapTopics(this.operationId).there,
      deadLetters: deadLetters ?? undefined,
      parked,
      router: this.kind.there(this.parameters, this.run.notes, place),
      startOffsets,
    };
    const targetOffsets = new Array<number>(target.partitions).fill(0);
    return await this.#open('there', place, spec, targetOffsets, verification);
  }

  /** Opens the copy that carries what was written to the new side back to the old one. */
  async openBack(from: readonly number[], oldEnds: readonly number[]): Promise<Live> {
    const { source, target } = this.parameters;
    const memory = memoryTopics(this.operationId);
    const place: CopyPlace = {
      source: { log: this.targetLog, topic: target.physical },
      target: { log: this.engine, topic: source.physical },
      memory: { log: this.engine, topic: memory.back },
      memoryThere: { log: this.targetLog, topic: memory.there },
    };
    const spec = {
      writerPrefix: `${this.operationId}-back`,
      map: mapTopics(this.operationId).back,
      deadLetters: undefined,
      router: this.kind.back(this.parameters, place),
      startOffsets: from,
    };
    return await this.#open('back', place, spec, oldEnds, 'readback');
  }

  async #open(
    way: 'there' | 'back',
    place: CopyPlace,
    copied: Omit<CopySpec, 'source' | 'sourceLog' | 'target'>,
    targetOffsets: readonly number[],
    level: VerificationLevel,
  ): Promise<Live> {
    const { source, target } = place;
    const spec = { ...copied, source: source.topic, sourceLog: source.log, target: target.topic };
    const { tuning, clock } = this.tools;
    const { merge, remembers } = this.parameters;
    // What is written to the new side comes back side by side, unless it has to be one order for what is remembered.
    const merges = merge && (way === 'there' || remembers === true);
    const copy = merges
      ? await MergedCopy.openMerged(target.log, spec, { ...merge, clock }, tuning)
      : await LaneCopy.open(target.log, spec, tuning);
    const inner = new CopyVerifier({
      engine: target.log,
      source: { ...source, startOffsets: spec.startOffsets },
      target: { topic: target.topic, startOffsets: targetOffsets },
      map: copy.map,
      router: spec.router,
      level,
      parked: spec.parked === undefined ? undefined : { topic: spec.parked, positions: () => parkedPositions(copy) },
    });
    const verifier = this.kind.verifier?.(this.parameters, place, way, inner, () => copy.committed) ?? inner;
    return { copy, verifier };
  }

  /** Lanes held to the throttle and reported as the operation's progress. */
  paced(signal: AbortSignal = this.run.signal): CopyRun {
    return {
      signal,
      pace: (records, bytes) => this.run.pace(records, bytes),
      places: this.tools.places.of(operationOfMember(this.operationId)),
      stepShare: () => this.run.stepShare,
      report: (copy) => this.#report(copy),
    };
  }

  /** Lanes that go as fast as they can: writers are waiting. */
  hurried(): CopyRun {
    return {
      signal: this.run.signal,
      pace: async () => undefined,
      report: (copy) => this.#report(copy),
    };
  }

  /** @throws to stop the copy, by the rules of the kind. */
  #report(copy: LiveCopy): void {
    this.run.report(progressOf(copy));
    this.kind.demandBearable?.(this.parameters, tallyOfCopy(copy.sessions.map((one) => one.totals)));
  }

  /** `keep` stores what was decided, where that is needed later. */
  switchContext(keep: SwitchContext['keep'] = async () => undefined): SwitchContext {
    const { names, clock } = this.tools;
    const failPoint = (name: string): void | Promise<void> => this.failPoint(name);
    const writerId = switchWriterId(this.operationId);
    return { home: this.engine, names, clock, failPoint, run: this.hurried(), writerId, keep };
  }
}

/** For each source partition, from where on in the topic of parked records they are parked now. */
export function parkedPositions(copy: LiveCopy): number[] {
  return copy.sessions.map((one) => one.parked?.position ?? 0);
}

function sideOf({ physical, generation, keyExpression, partitioner = null }: GenerationSide): Omit<Side, 'log'> {
  return { physical, generation, keyExpression, partitioner };
}

function progressOf(copy: LiveCopy): OperationProgress {
  let records = 0;
  let bytes = 0;
  const partitions = copy.sessions.map((session, i) => {
    records += session.totals.records;
    bytes += session.totals.bytes;
    const end = Math.max(copy.ends[i] ?? 0, session.position);
    return {
      partition: i,
      position: String(session.position),
      end: String(end),
      lag: end - session.position,
    };
  });
  return {
    recordsDone: records,
    recordsTotal: records + copy.lag,
    totalIsEstimate: true,
    bytesDone: bytes,
    partitions,
  };
}

/**
 * What a verification has found, as the operation's status shows it. Whatever it was told to leave out while it copied, what was verified was read back.
 * @param total records that were to be read back: more than were checked where some are missing
 */
export function verificationToJson(verification: Verification, level: VerificationLevel, total: number): JsonObject {
  const { checked, mismatches, mismatchCount, sums } = verification;
  return {
    level: readLevel(level),
    state: mismatchCount > 0 ? 'failed' : 'passed',
    checked,
    total,
    ...countsToJson(verification),
    mismatches: mismatches.map((one): JsonValue => mismatchToJson(one)),
    digests: sums.map((sum) => sum.toString()),
  };
}

/** A verification that is not done yet, likewise: what it has found is told at its end. */
export function runningVerification(level: VerificationLevel, checked: number, total: number): JsonObject {
  return { level: readLevel(level), state: 'running', checked, total, mismatchCount: 0, mismatches: [] };
}

const readLevel = (level: VerificationLevel): string => (level === 'write-side' ? 'readback' : level);

/** What became of the records of a copy, how many a merge brought late, and where those lie that are parked, as the operation's status shows it. */
export function errorsOf({ parameters, operationId }: GenerationWork, copy: LiveCopy): JsonObject {
  const late: JsonObject = copy.late === undefined ? {} : { late: copy.late };
  const tally = tallyToJson(tallyOfCopy(copy.sessions.map((one) => one.totals)));
  if (!parameters.parking) return { ...tally, ...late };
  const parkedIn = { topic: parkedTopic(parameters, operationId), from: parkedPositions(copy).map(String) };
  return { ...tally, ...late, parkedIn };
}
