import { AppError, type JsonObject } from '#libs/core/kernel';
import { holdTopic, releaseHold, type TopicDirectories } from '#libs/core/log';
import type { OperationHandler, OperationRun, PhaseResult, PlanDraft } from '#libs/core/operations';
import { LaneCopy } from '../copy/lane-copy.js';
import { COPY_TUNING, type CopyTuning } from '../copy/live-copy.js';
import { verificationFailed } from '../generations/findings.js';
import { switchWriterId } from '../generations/group-hand-over.js';
import {
  applyHeldSettings,
  forgetHandOvers,
  forgetWriters,
  mapTopics,
  prepare,
  removeTopic,
} from '../generations/preparation.js';
import { SwitchRefused } from '../generations/switch-refused.js';
import { readersGone, type ReadersWait } from '../readers-gone.js';
import { CopyVerifier } from '../verify/copy-verifier.js';
import { copyVerified } from '../verify/verified-copy.js';
import { forgetProgress } from './derivation-progress.js';
import { derivationNotFound, type DerivationStore } from './derivation-store.js';
import type { DerivationWorkers } from './derivation-workers.js';
import { ErasingRouter } from './erased-keys.js';
import { draftErasure, erasureFingerprint, erasureParametersOf, parseErasureRequest } from './erasure-plan.js';
import { copying, definitionOf, type Erasing, type ErasingCopy, ErasureSwitch, notesOf } from './erasure-switch.js';

export interface ErasureOptions extends ReadersWait {
  readonly store: DerivationStore;
  readonly directories: TopicDirectories;
  readonly workers: DerivationWorkers;
  readonly tuning?: CopyTuning;
  /** Named steps for crash tests, `erasure:…`. Does nothing in service. */
  readonly failPoint?: (name: string) => void | Promise<void>;
}

/**
 * Erases keys from a derived stream: their records, what is remembered of them, and their history. The stream is copied into another generation without them, verified record by record, and
 * given the name in the moment in which the derivation rests at one position of its source; there it goes on in the new generation, with everything else as it was. What the source says of the keys below that
 * position is passed over from then on, also when the stream is computed anew.
 *
 * Every phase may be cut short and run again: data, positions and offset map are in the log, in one commit each, and the name moves by one compare-and-set. The keys themselves are kept nowhere.
 */
export class ErasureHandler implements OperationHandler {
  readonly kind = 'erasure';
  readonly destroys = true;
  readonly phases: OperationHandler['phases'] = {
    PREPARING: (run) => this.#prepare(run),
    COPYING: (run) => this.#copy(run),
    READY: (run) => this.#ready(run),
    VERIFYING: (run) => this.#verify(run),
    CUTTING_OVER: (run) => this.#cutOver(run),
    ROLLING_BACK: (run) => this.#rollBack(run),
  };
  /** Copies that a phase left open for the next one. */
  readonly #live = new Map<string, ErasingCopy>();

  readonly #switch: ErasureSwitch;

  constructor(private readonly options: ErasureOptions) {
    this.#switch = new ErasureSwitch(options);
  }

  accepts(json: JsonObject, { logId }: JsonObject): boolean {
    const { cluster } = erasureParametersOf(json);
    return this.options.directories.clusters.standsFor(cluster, logId);
  }

  /** @throws `invalid-erasure-request`, `cluster-not-found`, `derivation-not-found`. */
  async plan(json: JsonObject): Promise<PlanDraft> {
    const request = parseErasureRequest(json);
    const { directories, names, readersOn } = this.options;
    const cluster = request.cluster ?? directories.clusters.defaultName;
    const directory = directories.of(cluster);
    const stored = await this.options.store.present(directory.engine.logId, request.name);
    const generation = await directory.generation(request.name);
    const readers = ((await readersOn?.(cluster, request.name, generation)) ?? []).map((one) => one.name);
    return await draftErasure(directory.engine, names, cluster, stored, readers, request);
  }

  async fingerprint(json: JsonObject): Promise<JsonObject> {
    const { cluster, topic } = erasureParametersOf(json);
    const { engine } = this.options.directories.of(cluster);
    const stored = await this.options.store.present(engine.logId, topic);
    return await erasureFingerprint(engine, this.options.names, stored);
  }

  /** Also of a derivation that was deleted meanwhile. */
  async cancel(run: OperationRun): Promise<void> {
    const erasing = this.#place(run);
    await this.#drop(run);
    const { topic, target } = erasing.parameters;
    if (await this.#isOurs(erasing)) {
      if (!(await this.#switch.release(erasing))) throw alreadySwitched(topic);
      await removeTopic(erasing.engine, target.physical);
    }
    await this.#pass('erasure:released');
    await forgetProgress(erasing.engine, definitionOf(erasing), target.generation);
    await this.#clear(erasing);
  }

  /** Deletes the generation that has the keys: from then on they are nowhere in the stream. */
  async finish(run: OperationRun): Promise<void> {
    const erasing = this.#place(run);
    await this.#drop(run);
    const { source } = erasing.parameters;
    await this.#readersGone(erasing, source.generation);
    await forgetProgress(erasing.engine, definitionOf(erasing), source.generation);
    await this.#pass('erasure:forgotten');
    if (await this.#isOurs(erasing)) await removeTopic(erasing.engine, source.physical);
    await this.#clear(erasing);
  }

  async #prepare(run: OperationRun): Promise<PhaseResult> {
    const { engine, parameters } = await this.#open(run);
    await holdTopic(engine, 'erasure', run.operationId, parameters.source.physical);
    await this.#pass('erasure:held');
    const prepared = await prepare({ engine, targetLog: engine, operationId: run.operationId, parameters });
    await this.#pass('erasure:created');
    const startOffsets = prepared.startOffsets.map(String);
    return { next: 'COPYING', notes: { startOffsets, generation: parameters.target.generation } };
  }

  async #copy(run: OperationRun): Promise<PhaseResult> {
    return await this.#withLive(run, async (_, { copy, verifier }) => {
      await copyVerified(copy, verifier, await copy.sourceEnds(), copying(run, true));
      await this.#pass('erasure:copied');
      return { next: 'READY' };
    });
  }

  async #ready(run: OperationRun): Promise<PhaseResult> {
    await run.cutoverRequested();
    return { next: 'VERIFYING' };
  }

  async #verify(run: OperationRun): Promise<PhaseResult> {
    return await this.#withLive(run, async ({ parameters }, { copy, verifier }) => {
      await copy.copyTo(await copy.sourceEnds(), copying(run, true));
      const verification = await verifier.advance({ signal: run.signal, pace: (records) => run.pace(records, 0) });
      const notes = notesOf(parameters, copy, verification);
      await run.note(notes);
      if (verification.mismatchCount > 0) throw verificationFailed(parameters.topic, verification);
      await this.#pass('erasure:verified');
      return { next: 'CUTTING_OVER', notes };
    });
  }

  async #cutOver(run: OperationRun): Promise<PhaseResult> {
    return await this.#withLive(run, async (erasing, live) => {
      const { engine, parameters } = erasing;
      if (!(await this.#switch.hasMoved(erasing))) {
        try {
          if (run.cutoverCancelled !== true) await this.#switch.there(erasing, live);
        } catch (error) {
          if (!(error instanceof SwitchRefused)) throw error;
          if (await this.#switch.release(erasing)) return { next: 'READY', reason: error.reason };
        }
        if (run.cutoverCancelled === true && (await this.#switch.release(erasing))) return { next: 'READY' };
      }
      await applyHeldSettings(engine, parameters);
      await engine.setTopicState(parameters.source.physical, 'RETIRED');
      await this.options.workers.reconcile();
      await this.#drop(run);
      return { next: 'SWITCHED' };
    });
  }

  /** The generation before goes on where it was closed, up to where the present one stands, and gets the name back. */
  async #rollBack(run: OperationRun): Promise<PhaseResult> {
    const erasing = await this.#open(run);
    const { engine, parameters } = erasing;
    const { target, topic } = parameters;
    const { workers } = this.options;
    const { definition } = await this.options.store.present(engine.logId, topic);
    await this.#switch.back(erasing, definition);
    await workers.reconcile();
    await this.#readersGone(erasing, target.generation);
    await forgetProgress(engine, definition, target.generation);
    await removeTopic(engine, target.physical);
    await this.#clear(erasing);
    return { next: 'ROLLED_BACK' };
  }

  async #readersGone({ engine, parameters, run }: Erasing, generation: number): Promise<void> {
    const { cluster, topic } = parameters;
    await readersGone(this.options, { logId: engine.logId, cluster, topic, generation }, run.signal);
  }

  /** Removes everything an operation keeps beside the two generations. */
  async #clear({ engine, run, parameters }: Erasing): Promise<void> {
    await forgetWriters(engine, run.operationId, parameters.source.partitions);
    await forgetHandOvers(engine, engine, switchWriterId(run.operationId));
    await removeTopic(engine, mapTopics(run.operationId).there);
    await releaseHold(engine, 'erasure', run.operationId);
  }

  /** Whether the name is still that of the derivation, or of nobody. */
  async #isOurs({ engine, parameters }: Erasing): Promise<boolean> {
    const present = await this.options.store.find(engine.logId, parameters.topic);
    return present === undefined || present.definition.id === parameters.derivationId;
  }

  #place(run: OperationRun): Erasing {
    const parameters = erasureParametersOf(run.parameters);
    const directory = this.options.directories.of(parameters.cluster);
    return { run, parameters, directory, engine: directory.engine };
  }

  async #open(run: OperationRun): Promise<Erasing> {
    const erasing = this.#place(run);
    const { definition } = await this.options.store.present(erasing.engine.logId, erasing.parameters.topic);
    if (definition.id !== erasing.parameters.derivationId) throw derivationNotFound(erasing.parameters.topic);
    return erasing;
  }

  /** Runs a phase with the copy open. It stays open for the next phase unless this one was cut short. */
  async #withLive(
    run: OperationRun,
    phase: (erasing: Erasing, live: ErasingCopy) => Promise<PhaseResult>,
  ): Promise<PhaseResult> {
    const erasing = await this.#open(run);
    let live = this.#live.get(run.operationId);
    if (live === undefined) this.#live.set(run.operationId, (live = await this.#openCopy(erasing)));
    try {
      return await phase(erasing, live);
    } catch (error) {
      await this.#drop(run);
      throw error;
    }
  }

  async #openCopy({ engine, parameters, run }: Erasing): Promise<ErasingCopy> {
    const { source, target, derivationId, keys, verification: level } = parameters;
    const kept = run.notes['startOffsets'];
    const startOffsets = Array.isArray(kept) ? kept.map(Number) : [];
    const router = new ErasingRouter(target.partitions, derivationId, keys);
    const spec = {
      writerPrefix: run.operationId,
      source: source.physical,
      target: target.physical,
      map: mapTopics(run.operationId).there,
      deadLetters: undefined,
      router,
      startOffsets,
    };
    const copy = await LaneCopy.open(engine, spec, this.options.tuning ?? COPY_TUNING);
    const verifier = new CopyVerifier({
      engine,
      source: { topic: source.physical, startOffsets },
      target: { topic: target.physical, startOffsets: new Array<number>(target.partitions).fill(0) },
      map: copy.map,
      router,
      level,
    });
    return { copy, verifier };
  }

  async #drop(run: OperationRun): Promise<void> {
    const live = this.#live.get(run.operationId);
    this.#live.delete(run.operationId);
    await live?.copy.close();
  }

  async #pass(name: string): Promise<void> {
    await this.options.failPoint?.(name);
  }
}

function alreadySwitched(topic: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'already-switched',
    message: `Topic '${topic}' has been switched already; roll back instead.`,
    details: { topic },
  });
}
