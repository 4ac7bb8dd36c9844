import { AppError, isAppError, type JsonObject } from '#libs/core/kernel';
import { holdTopic, type LogEngine, releaseHold, type ResolvedTopic, type TopicDirectories } from '#libs/core/log';
import type { OperationHandler, OperationRun, PhaseResult, PlanDraft } from '#libs/core/operations';
import { readersGone, type ReadersOn } from '../readers-gone.js';
import { copyVerified } from '../verify/verified-copy.js';
import { announce, arrived, holdArrived, removeCopy, settled, unannounce } from './arrival.js';
import { factsOf, topicClosed, verificationFailed, writtenBy } from './findings.js';
import type { GenerationKind } from './kind.js';
import { parametersFromJson, targetClusterOf } from './parameters.js';
import {
  applyHeldSettings,
  forgetWriters,
  mapTopics,
  memoryTopics,
  parkedTopic,
  prepare,
  removeTopic,
} from './preparation.js';
import { isRedriveAsked, keepParked, parkedRefusal, redriveAsked, standingOf } from './redrive.js';
import {
  closedBy,
  completeSwitch,
  hasMoved,
  moveName,
  releaseWriters,
  type Switch,
  type SwitchFacts,
} from './switch-over.js';
import { SwitchRefused } from './switch-refused.js';
import { fingerprintOf } from './topic-facts.js';
import { translateGroups } from './translation.js';
import { carryLast, carryLastBack, rollBack, stayCurrent } from './way-back.js';
import {
  type Live,
  GENERATION_TUNING,
  type GenerationTuning,
  GenerationWork,
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

/** How often a cutover that a restart cut short is made again without being asked for. */
const MAX_RETRIES = 3;
/** Rounds of verifying and catching up before the cutover begins in any case. */
const MAX_ROUNDS = 20;

/**
 * Puts a new generation in the place of a live topic: it is filled while writers go on, by the rules of its kind, verified, and takes over the name in a bounded pause or
 * not at all.
 *
 * Every phase can be cut short anywhere and run again. Data, positions and offset map are in the log, in one commit each; what the name stands for is decided by
 * one compare-and-set; everything else is repeated until it holds.
 */
export class GenerationHandler implements OperationHandler {
  readonly kind: string;
  readonly phases: OperationHandler['phases'] = {
    PREPARING: (run) => this.#prepare(run),
    COPYING: (run) => this.#copy(run),
    CATCHING_UP: (run) => this.#catchUp(run),
    READY: (run) => this.#ready(run),
    VERIFYING: (run) => this.#verify(run),
    CUTTING_OVER: (run) => this.#cutOver(run),
    SWITCHED: (run) => this.#switched(run),
    ROLLING_BACK: (run) => this.#rollBack(run),
  };
  readonly #kind: GenerationKind;
  readonly #directories: TopicDirectories;
  readonly #tools: WorkTools;
  /** Copies that a phase left open for the next one. What is missing is opened again; only verification starts anew then. */
  readonly #live = new Map<string, Live>();
  /** Operations whose present cutover was begun by this process. */
  readonly #cutting = new Set<string>();

  constructor(kind: GenerationKind, options: GenerationOptions) {
    const { directories, names, clock, tuning, failPoint } = options;
    this.kind = kind.name;
    this.#kind = kind;
    this.#directories = directories;
    this.#tools = {
      names,
      clock,
      tuning: { ...GENERATION_TUNING, ...tuning },
      failPoint: failPoint ?? (() => undefined),
      readersOn: options.readersOn ?? (() => Promise.resolve([])),
    };
  }

  /** Instances may share a database and have logs of their own, all of one name. */
  accepts(json: JsonObject, { logId, targetLogId = logId }: JsonObject): boolean {
    const parameters = parametersFromJson(json);
    const { clusters } = this.#directories;
    const has = (cluster: string, log: unknown): boolean =>
      clusters.names().includes(cluster) && clusters.get(cluster).logId === log;
    return has(parameters.cluster, logId) && has(targetClusterOf(parameters), targetLogId);
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
    const [, from] = await this.#directories.operatedIn(cluster, request.topic);
    if (from === undefined) return draft;
    const blocker = `topic '${topic.logical}' came from cluster '${from}' and can still go back; finish or roll back that move first`;
    return { ...draft, blockers: [...draft.blockers, blocker] };
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
    if (!(await releaseWriters(work.switchContext(), this.#change(work, undefined)))) {
      throw new AppError({
        kind: 'conflict',
        code: 'already-switched',
        message: `Topic '${parameters.topic}' has been switched already; roll back instead.`,
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
    await this.#readersGone(work, work.engine, work.parameters.cluster, work.parameters.source.generation);
    await keepParked(work);
    await this.#clear(work);
    await work.failPoint('finish:cleared');
    if (work.crosses) await settled(work);
    await removeTopic(work.engine, work.parameters.source.physical);
  }

  async #readersGone(work: GenerationWork, log: LogEngine, cluster: string, generation: number): Promise<void> {
    const { names, clock, tuning, readersOn } = this.#tools;
    const { topic } = work.parameters;
    const { logId } = log;
    await readersGone(
      { names, clock, readersOn, readersMs: tuning.readersMs },
      { logId, cluster, topic, generation },
      work.run.signal,
    );
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
      await copyVerified(copy, verifier, await copy.sourceEnds(), work.paced());
      await work.failPoint('copy:done');
      return { next: 'CATCHING_UP', notes: standingOf(work, copy) };
    });
  }

  async #catchUp(run: OperationRun): Promise<PhaseResult> {
    // The rules may be other ones than those it was opened with.
    if (isRedriveAsked(run.notes)) await this.#drop(run);
    return await this.#withLive(run, async (work, { copy, verifier }) => {
      await redriveAsked(work, copy);
      do {
        await copyVerified(copy, verifier, await copy.sourceEnds(), work.paced());
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
      const pace = (records: number): Promise<void> => run.pace(records, 0);
      // What was wrong with the source when this failed may have been put right since.
      await copy.copyTo(await copy.sourceEnds(), work.paced());
      for (let round = 1; ; round++) {
        const verification = await verifier.advance({ signal: run.signal, pace });
        const notes = { verification: verificationToJson(verification, work.parameters.verification) };
        await run.note(notes);
        if (verification.mismatches.length > 0) throw verificationFailed(work.parameters.topic, verification);
        await work.failPoint('verify:round');
        await copy.copyTo(await copy.sourceEnds(), work.paced());
        await copy.sourceEnds();
        const rest = Math.max(writtenBy(copy) - verification.checked, copy.lag);
        if (rest <= this.#tools.tuning.readyRecords || round === MAX_ROUNDS) return { next: 'CUTTING_OVER', notes };
      }
    });
  }

  async #cutOver(run: OperationRun): Promise<PhaseResult> {
    const work = this.#work(run);
    const { parameters, engine } = work;
    const live = this.#live.get(run.operationId);
    const change = this.#change(work, live);
    if (await hasMoved(engine, this.#tools.names, parameters.topic, change.to))
      return await this.#complete(work, change);
    if (run.cutoverCancelled) return await this.#undo(work, change, undefined);
    if (live === undefined || this.#cutting.has(run.operationId)) return await this.#undoAfterRestart(work, change);
    const refusal = change.refusal?.();
    // Before any writer is held.
    if (refusal !== undefined) return await this.#undo(work, change, refusal, standingOf(work, live.copy));
    this.#cutting.add(run.operationId);
    const began = this.#tools.clock.monotonic();
    try {
      const keep = async (facts: SwitchFacts): Promise<void> => run.note(factsOf(work, live, facts));
      await moveName(work.switchContext(keep), change);
    } catch (error) {
      await this.#drop(run);
      if (error instanceof SwitchRefused) {
        const { verification: found } = error;
        const notes: JsonObject =
          found === undefined ? {} : { verification: verificationToJson(found, parameters.verification) };
        return await this.#undo(work, change, error.reason, notes);
      }
      // Writers are waiting, so what failed is undone at once instead of tried again. A worker that was replaced leaves that to the other one.
      if (!isAppError(error) || error.code === 'writer-fenced' || run.signal.aborted) throw error;
      return await this.#undo(work, change, error.message);
    }
    const result = await this.#complete(work, change);
    const pausedMs = Math.round(this.#tools.clock.monotonic() - began);
    return { ...result, notes: { ...result.notes, cutover: { pausedMs } } };
  }

  /** Completes a cutover whose name has moved. Nothing may keep it from that, so no signal is looked at. */
  async #complete(work: GenerationWork, change: Switch): Promise<PhaseResult> {
    this.#cutting.delete(work.operationId);
    if (work.crosses) {
      await arrived(work);
      await holdArrived(work);
    }
    await completeSwitch(work.switchContext(), change, work.parameters.reverseTail ? 'FENCED' : 'RETIRED');
    await applyHeldSettings(work.targetLog, work.parameters);
    await work.failPoint('switch:complete');
    return { next: 'SWITCHED' };
  }

  async #undo(
    work: GenerationWork,
    change: Switch,
    reason: string | undefined,
    notes: JsonObject = {},
  ): Promise<PhaseResult> {
    if (!(await releaseWriters(work.switchContext(), change))) return await this.#complete(work, change);
    this.#cutting.delete(work.operationId);
    return { next: 'READY', ...(reason === undefined ? {} : { reason }), notes };
  }

  /** Nobody gave the cutover up, the process was gone: writers are released, and it is made again by itself. */
  async #undoAfterRestart(work: GenerationWork, change: Switch): Promise<PhaseResult> {
    const kept = work.run.notes['cutoverRetries'];
    const retries = typeof kept === 'number' ? kept : 0;
    const notes: JsonObject = retries < MAX_RETRIES ? { retryCutover: true, cutoverRetries: retries + 1 } : {};
    return await this.#undo(work, change, 'the work was interrupted before the name had moved', notes);
  }

  async #switched(run: OperationRun): Promise<PhaseResult> {
    await this.#drop(run);
    return await stayCurrent(this.#work(run));
  }

  async #rollBack(run: OperationRun): Promise<PhaseResult> {
    const work = this.#work(run);
    if (run.notes['rolledBack'] !== true) {
      const result = await rollBack(work);
      if (result.next !== 'ROLLED_BACK') return result;
      await run.note({ rolledBack: true });
    }
    // Only once: when the checkpoints are gone, a copy would begin anew.
    if (work.crosses && run.notes['carriedBack'] !== true) {
      await carryLastBack(work);
      await run.note({ carriedBack: true });
    }
    const { target } = work.parameters;
    await this.#readersGone(work, work.targetLog, targetClusterOf(work.parameters), target.generation);
    await this.#clear(work);
    await work.failPoint('rollback:cleared');
    await removeTopic(work.targetLog, target.physical);
    return { next: 'ROLLED_BACK' };
  }

  /** The switch to the new side. */
  #change(work: GenerationWork, live: Live | undefined): Switch {
    const { topic, groups, maxPauseMs } = work.parameters;
    return {
      topic,
      from: work.old,
      to: work.new,
      copy: live && { live: live.copy, verifier: live.verifier },
      expectedEnds: [],
      groups,
      maxPauseMs,
      translate: async (ends, vectors) =>
        live === undefined
          ? []
          : await translateGroups(live.copy.map, live.copy.mapLanes, ends, vectors, work.run.signal),
      refusal: () => (live === undefined ? undefined : parkedRefusal(work, live.copy)),
    };
  }

  /** Removes everything an operation keeps beside the two sides. */
  async #clear(work: GenerationWork): Promise<void> {
    const { engine, targetLog, operationId, parameters, run } = work;
    await forgetWriters(targetLog, operationId, parameters.source.partitions);
    if (parameters.reverseTail) await forgetWriters(engine, `${operationId}-back`, parameters.target.partitions);
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
    await live?.copy.close();
  }
}
