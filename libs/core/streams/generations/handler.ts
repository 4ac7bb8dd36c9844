import { AppError, type JsonObject } from '#libs/core/kernel';
import { holdTopic, releaseHold, type ResolvedTopic, type TopicDirectories, type TopicDirectory } from '#libs/core/log';
import type { OperationHandler, OperationRun, PhaseResult, PlanDraft } from '#libs/core/operations';
import { LanePlaces } from '../copy/lane-places.js';
import { readersGone, type ReadersOn, type TopicGeneration } from '../readers-gone.js';
import type { Verification } from '../verify/verification.js';
import { copyVerified } from '../verify/verified-copy.js';
import { announce, removeCopy, settled, unannounce } from './arrival.js';
import { type RoomFindings, roomFindings } from './copy-room.js';
import { topicClosed, verificationFailed, writtenBy } from './findings.js';
import type { GenerationKind } from './kind.js';
import { operationOfMember } from './member-runs.js';
import { parametersFromJson, targetClusterOf, targetTopicOf } from './parameters.js';
import {
  forgetHandOvers,
  forgetWriters,
  mapTopics,
  memoryTopics,
  parkedTopic,
  prepare,
  removeTopic,
} from './preparation.js';
import { keepParked, redriveAsked, standingOf } from './redrive.js';
import { isRedriveAsked } from './redrive-notes.js';
import { Cutovers } from './cutovers.js';
import { switchWriterId } from './group-hand-over.js';
import { closedBy, releaseWriters } from './switch-over.js';
import { fingerprintOf, membersReading } from './topic-facts.js';
import { carryLast, carryLastBack, rollBack, stayCurrent } from './way-back.js';
import {
  type Live,
  GENERATION_TUNING,
  type GenerationTuning,
  GenerationWork,
  runningVerification,
  verificationToJson,
  type WorkTools,
} from './work.js';

export interface GenerationOptions extends Pick<WorkTools, 'names' | 'clock'> {
  readonly directories: TopicDirectories;
  readonly tuning?: Partial<GenerationTuning>;
  /** Named steps for crash tests, `<kind>:…`. Does nothing in service. */
  readonly failPoint?: WorkTools['failPoint'];
  /** Readers of ours, who must not lose a generation they still read. Nobody unless given. */
  readonly readersOn?: ReadersOn;
}

/** Rounds of verifying and catching up before the cutover begins in any case. */
const MAX_ROUNDS = 20;
/** How often a verification notes how far it is, at most: each note is stored. */
const NOTE_MS = 1_000;

/**
 * Puts a new generation in the place of a live topic: it is filled while writers go on, by the rules of its kind, verified, and takes over the name in a bounded pause or
 * not at all.
 *
 * Every phase can be cut short anywhere and run again. Data, positions and offset map are in the log, in one commit each; what the name stands for is decided by
 * one compare-and-set; everything else is repeated until it holds.
 */
export class GenerationHandler implements OperationHandler {
  readonly kind: string;
  readonly destroys = true;
  readonly phases: OperationHandler['phases'] = {
    PREPARING: (run) => this.#prepare(run),
    COPYING: (run) => this.#copy(run),
    CATCHING_UP: (run) => this.#catchUp(run),
    READY: (run) => this.#ready(run),
    VERIFYING: (run) => this.#verify(run),
    CUTTING_OVER: async (run) => (await this.cutOverTogether([run]))[0]!,
    SWITCHED: (run) => this.#switched(run),
    ROLLING_BACK: async (run) => (await this.rollBackTogether([run]))[0]!,
  };
  readonly #kind: GenerationKind;
  readonly #directories: TopicDirectories;
  readonly #tools: WorkTools;
  /** Copies that a phase left open for the next one. What is missing is opened again; only verification starts anew then. */
  readonly #live = new Map<string, Live>();
  readonly #cutovers: Cutovers;

  constructor(kind: GenerationKind, options: GenerationOptions) {
    const { directories, names, clock, tuning, failPoint } = options;
    this.kind = kind.name;
    this.#kind = kind;
    this.#directories = directories;
    const tuned = { ...GENERATION_TUNING, ...tuning };
    this.#tools = {
      names,
      clock,
      tuning: tuned,
      places: new LanePlaces(tuned.parallel),
      failPoint: failPoint ?? (() => undefined),
      readersOn: options.readersOn ?? (() => Promise.resolve([])),
    };
    this.#cutovers = new Cutovers(this.#tools, {
      of: (operationId) => this.#live.get(operationId),
      drop: (run) => this.#drop(run),
    });
  }

  /** Instances may share a database and have logs of their own, all of one name. */
  accepts(json: JsonObject, { logId, targetLogId = logId }: JsonObject): boolean {
    const parameters = parametersFromJson(json);
    const { clusters } = this.#directories;
    return (
      clusters.standsFor(parameters.cluster, logId) && clusters.standsFor(targetClusterOf(parameters), targetLogId)
    );
  }

  /** @throws what the kind's `parse` does; `cluster-not-found`, `topic-not-found`. */
  async plan(json: JsonObject): Promise<PlanDraft> {
    const request = this.#kind.parse(json);
    const cluster = request.cluster ?? this.#directories.clusters.defaultName;
    const directory = this.#directories.of(cluster);
    const topic = await directory.resolve(request.topic);
    const { names, clock, tuning } = this.#tools;
    const readersOf = async ({ logical, generation }: ResolvedTopic): Promise<readonly string[]> =>
      (await this.#tools.readersOn(cluster, logical, generation)).map((reader) => reader.name);
    const context = {
      engine: directory.engine,
      names,
      cluster,
      topic,
      readers: await readersOf(topic),
      topics: () => directory.list(),
      readersOf,
      monotonic: () => clock.monotonic(),
      sampleRecords: tuning.sampleRecords,
    };
    const draft = await this.#kind.draft(context, request);
    const before = await this.#before(directory, topic.logical);
    const { blockers, risks } = await this.roomFor([draft]);
    if (before !== undefined)
      blockers.push(
        `topic '${topic.logical}' came from ${before} and can still go back; finish or roll back that move first`,
      );
    return { ...draft, blockers: [...draft.blockers, ...blockers], risks: [...draft.risks, ...risks] };
  }

  /** What is to be said of the room for copies that are made at the same time. */
  async roomFor(drafts: readonly PlanDraft[]): Promise<RoomFindings> {
    const { clusters } = this.#directories;
    return await roomFindings(
      drafts.map(({ parameters: json, estimates: { bytes } }) => {
        const parameters = parametersFromJson(json);
        const cluster = targetClusterOf(parameters);
        return { log: clusters.get(cluster), cluster, bytes, keepsBytes: this.#kind.keepsBytes(parameters) };
      }),
    );
  }

  /** Where a topic came from by a move that is not finished, for people. */
  async #before(directory: TopicDirectory, logical: string): Promise<string | undefined> {
    const place = (await directory.nameOf(logical))?.place;
    if (place?.kind !== 'arriving') return undefined;
    if (place.topic !== undefined) return `the name '${place.topic}'`;
    const cluster = this.#directories.clusterOf(place.logId);
    return cluster === undefined ? undefined : `cluster '${cluster}'`;
  }

  async fingerprint(json: JsonObject): Promise<JsonObject> {
    const parameters = parametersFromJson(json);
    const directory = this.#directories.of(parameters.cluster);
    const topic = await directory.resolve(parameters.topic);
    const source = await fingerprintOf(directory.engine, this.#tools.names, topic);
    return { ...source, ...(await this.#kind.fingerprint?.(parameters)) };
  }

  /** See `OperationHandler.redrive`. */
  get redrive(): OperationHandler['redrive'] {
    const judge = this.#kind.redrive?.bind(this.#kind);
    if (judge === undefined) return undefined;
    return async (json, notes, request) => {
      const parameters = parametersFromJson(json);
      return await judge(this.#directories.of(parameters.cluster), parameters, notes, request);
    };
  }

  /** Releases writers a cut-short cutover may hold, and removes everything that was made. */
  async cancel(run: OperationRun): Promise<void> {
    const work = this.#work(run);
    await this.#drop(run);
    const { parameters } = work;
    if (!(await releaseWriters(work.switchContext(), { topic: parameters.topic, from: work.old, to: work.new }))) {
      throw new AppError({
        kind: 'conflict',
        code: 'already-switched',
        message: `Topic '${parameters.topic}' has been switched already.`,
        hint: 'Roll back instead.',
        details: { topic: parameters.topic },
      });
    }
    await work.failPoint('cancel:released');
    await this.#clear(work);
    await work.failPoint('cancel:cleared');
    if (!work.crosses) return await removeTopic(work.engine, parameters.target.physical);
    await removeCopy(work);
    await work.failPoint('cancel:removed');
    await unannounce(work);
  }

  /** Deletes the old side, after a last look for records that missed the cutover. */
  async finish(run: OperationRun): Promise<void> {
    const work = this.#work(run);
    await this.#drop(run);
    // Only once: when the checkpoints are gone, a copy would begin anew.
    if (run.notes['carried'] !== true) {
      await carryLast(work);
      await run.note({ carried: true });
    }
    await work.failPoint('finish:carried');
    const { cluster, topic, source } = work.parameters;
    const left = { logId: work.engine.logId, cluster, topic, generation: source.generation };
    await this.#readersGone(work, left, () => membersReading(work.engine, source.physical));
    await keepParked(work);
    await this.#clear(work);
    await work.failPoint('finish:cleared');
    if (work.crosses) await settled(work);
    await removeTopic(work.engine, work.parameters.source.physical);
  }

  async #readersGone(
    work: GenerationWork,
    left: TopicGeneration,
    others?: () => Promise<readonly string[]>,
  ): Promise<void> {
    const { names, clock, tuning, readersOn } = this.#tools;
    await readersGone({ names, clock, readersOn, others, readersMs: tuning.readersMs }, left, work.run.signal);
  }

  async #prepare(run: OperationRun): Promise<PhaseResult> {
    const work = this.#work(run);
    await work.failPoint('prepare:begun');
    const { cluster, topic } = work.parameters;
    // Frozen or deleted in the moment this began: of the two that exclude each other at least one sees the other.
    const { guard } = await this.#directories.of(cluster).resolve(topic);
    if (closedBy(guard) !== undefined) throw topicClosed(topic);
    await holdTopic(work.engine, this.#kind.name, work.operationId, work.parameters.source.physical);
    await work.failPoint('prepare:held');
    if (work.crosses) await announce(work);
    const { startOffsets, targetId } = await prepare(work);
    await work.failPoint('prepare:done');
    return {
      next: 'COPYING',
      notes: { startOffsets: startOffsets.map(String), generation: work.parameters.target.generation, targetId },
    };
  }

  async #copy(run: OperationRun): Promise<PhaseResult> {
    return await this.#withLive(run, async (work, { copy, verifier }) => {
      await this.#copyOn(work, { copy, verifier });
      await work.failPoint('copy:done');
      return { next: 'CATCHING_UP', notes: standingOf(work, copy) };
    });
  }

  /** Copies what there is, and verifies it meanwhile unless the plan leaves that to the cutover. */
  async #copyOn(work: GenerationWork, { copy, verifier }: Live): Promise<void> {
    const ends = await copy.sourceEnds();
    if (work.parameters.verification === 'write-side') await copy.copyTo(ends, work.paced());
    else await copyVerified(copy, verifier, ends, work.paced());
  }

  async #catchUp(run: OperationRun): Promise<PhaseResult> {
    // The rules may be other ones than those it was opened with.
    if (isRedriveAsked(run.notes)) await this.#drop(run);
    return await this.#withLive(run, async (work, { copy, verifier }) => {
      await redriveAsked(work, copy);
      do {
        await this.#copyOn(work, { copy, verifier });
        await copy.sourceEnds();
      } while (copy.lag > this.#tools.tuning.readyRecords);
      return { next: 'READY', notes: standingOf(work, copy) };
    });
  }

  /** Follows the writers until the cutover is asked for. */
  async #ready(run: OperationRun): Promise<PhaseResult> {
    return await this.#withLive(run, async (work, { copy }): Promise<PhaseResult> => {
      // Asked for while it was catching up.
      if (isRedriveAsked(run.notes)) return { next: 'CATCHING_UP' };
      if (run.notes['retryCutover'] === true) return { next: 'VERIFYING', notes: { retryCutover: false } };
      const asked = new AbortController();
      const tail = copy.tail(work.paced(AbortSignal.any([run.signal, asked.signal])));
      const requested = run.cutoverRequested();
      try {
        await Promise.race([requested, tail.then(() => requested)]);
      } finally {
        asked.abort();
        // The lanes must rest before anything else touches them. What made them fail was thrown by the race.
        await tail.catch(() => undefined);
      }
      return { next: 'VERIFYING', notes: { ...standingOf(work, copy), cutoverRetries: 0 } };
    });
  }

  /** Verifies while the copy rests, then catches up, until the rest is small enough for the pause. */
  async #verify(run: OperationRun): Promise<PhaseResult> {
    return await this.#withLive(run, async (work, { copy, verifier }) => {
      // What was wrong with the source when this failed may have been put right since.
      await copy.copyTo(await copy.sourceEnds(), work.paced());
      for (let round = 1; ; round++) {
        const verification = await this.#verifyOnce(work, { copy, verifier });
        const { verification: level } = work.parameters;
        const notes = { verification: verificationToJson(verification, level, writtenBy(copy)) };
        await run.note(notes);
        if (verification.mismatchCount > 0) throw verificationFailed(work.parameters.topic, verification);
        await work.failPoint('verify:round');
        await copy.copyTo(await copy.sourceEnds(), work.paced());
        await copy.sourceEnds();
        const rest = Math.max(writtenBy(copy) - verification.checked, copy.lag);
        if (rest <= this.#tools.tuning.readyRecords || round === MAX_ROUNDS) return { next: 'CUTTING_OVER', notes };
      }
    });
  }

  /** Verifies what was copied, and notes now and then how far that is. */
  async #verifyOnce({ run, parameters }: GenerationWork, { copy, verifier }: Live): Promise<Verification> {
    const { clock } = this.#tools;
    const total = writtenBy(copy);
    let checked = 0;
    let notedAt = clock.monotonic();
    return await verifier.advance({
      signal: run.signal,
      report: (records) => void (checked = records),
      pace: async (records) => {
        if (clock.monotonic() - notedAt >= NOTE_MS) {
          await run.note({ verification: runningVerification(parameters.verification, checked, total) });
          notedAt = clock.monotonic();
        }
        await run.pace(records, 0);
      },
    });
  }

  /**
   * CUTTING_OVER of several topics of one home in one step, each with a run of its own: all of them are switched or none is. Answers what becomes of each, which is the same phase.
   */
  async cutOverTogether(runs: readonly OperationRun[]): Promise<readonly PhaseResult[]> {
    return await this.#cutovers.cutOver(runs.map((run) => this.#work(run)));
  }

  async #switched(run: OperationRun): Promise<PhaseResult> {
    await this.#drop(run);
    return await stayCurrent(this.#work(run));
  }

  /** ROLLING_BACK of several topics in one step, as {@link cutOverTogether}. */
  async rollBackTogether(runs: readonly OperationRun[]): Promise<readonly PhaseResult[]> {
    const works = runs.map((run) => this.#work(run));
    if (works.some(({ run }) => run.notes['rolledBack'] !== true)) {
      const result = await rollBack(works);
      if (result.next !== 'ROLLED_BACK') return runs.map(() => result);
      for (const { run } of works) await run.note({ rolledBack: true });
    }
    for (const work of works) await this.#removeNew(work);
    return runs.map(() => ({ next: 'ROLLED_BACK' }));
  }

  /** Removes the side that was given up. */
  async #removeNew(work: GenerationWork): Promise<void> {
    const { run } = work;
    // Only once: when the checkpoints are gone, a copy would begin anew.
    if (work.crosses && run.notes['carriedBack'] !== true) {
      await carryLastBack(work);
      await run.note({ carriedBack: true });
    }
    const { target } = work.parameters;
    await this.#readersGone(work, {
      logId: work.targetLog.logId,
      cluster: targetClusterOf(work.parameters),
      topic: targetTopicOf(work.parameters),
      generation: target.generation,
    });
    await this.#clear(work);
    await work.failPoint('rollback:cleared');
    await removeTopic(work.targetLog, target.physical);
  }

  /** Removes everything an operation keeps beside the two sides. */
  async #clear(work: GenerationWork): Promise<void> {
    const { engine, targetLog, operationId, parameters, run } = work;
    await forgetWriters(targetLog, operationId, parameters.source.partitions);
    if (parameters.reverseTail) await forgetWriters(engine, `${operationId}-back`, parameters.target.partitions);
    await forgetHandOvers(engine, targetLog, switchWriterId(operationId));
    const { there, back } = mapTopics(operationId);
    await removeTopic(targetLog, there);
    await removeTopic(engine, back);
    if (parameters.parking && run.notes['parkedKept'] === undefined)
      await removeTopic(targetLog, parkedTopic(parameters, operationId));
    if (parameters.remembers === true) {
      const memory = memoryTopics(operationId);
      await removeTopic(targetLog, memory.there);
      await removeTopic(engine, memory.back);
    }
    await releaseHold(engine, this.#kind.name, operationId);
    if (work.crosses) await releaseHold(targetLog, this.#kind.name, operationId);
  }

  #work(run: OperationRun): GenerationWork {
    const parameters = parametersFromJson(run.parameters);
    const { clusters } = this.#directories;
    const engine = clusters.get(parameters.cluster);
    return new GenerationWork(engine, clusters.get(targetClusterOf(parameters)), this.#tools, run, this.#kind);
  }

  /** Runs a phase with the lanes open. They stay open for the next phase unless this one was cut short. */
  async #withLive(
    run: OperationRun,
    phase: (work: GenerationWork, live: Live) => Promise<PhaseResult>,
  ): Promise<PhaseResult> {
    const work = this.#work(run);
    let live = this.#live.get(run.operationId);
    if (live === undefined) {
      live = await work.openThere();
      this.#live.set(run.operationId, live);
    }
    try {
      return await phase(work, live);
    } catch (error) {
      await this.#drop(run);
      throw error;
    }
  }

  async #drop(run: OperationRun): Promise<void> {
    const live = this.#live.get(run.operationId);
    this.#live.delete(run.operationId);
    this.#tools.places.forget(operationOfMember(run.operationId));
    await live?.copy.close();
  }
}
