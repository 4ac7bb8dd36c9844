import { AppError, type JsonObject } from '#libs/core/kernel';
import {
  type LogEngine,
  physicalName,
  type TopicDirectories,
  type TopicDirectory,
  type TopicName,
} from '#libs/core/log';
import type { OperationHandler, OperationRun, PhaseResult, PlanDraft } from '#libs/core/operations';
import { endsOf } from '../copy/live-copy.js';
import { removeTopic } from '../generations/preparation.js';
import { readersGone, type ReadersWait } from '../readers-gone.js';
import { readerGeneration } from '../reader-place.js';
import { raiseRevision } from '../generations/name-row.js';
import { nameMoved } from './erasure-switch.js';
import { isAtOrBehind, type SourcePosition } from '../source-reader.js';
import type { StoredDerivation } from './derivation.js';
import { derivationNotFound, type DerivationStore } from './derivation-store.js';
import { settingsOf } from './derivation-topics.js';
import {
  closeGeneration,
  forgetProgress,
  giveGeneration,
  reopenGeneration,
  storedGeneration,
  storedProgress,
} from './derivation-progress.js';
import type { DerivationWorker } from './derivation-worker.js';
import type { DerivationWorkers } from './derivation-workers.js';
import { paced } from './paced-catch-up.js';
import { compareDerived } from './derived-comparison.js';
import {
  draftRebuild,
  fingerprintOf,
  parametersOf,
  parseRebuildRequest,
  type RebuildParameters,
} from './rebuild-plan.js';

export interface RebuildOptions extends ReadersWait {
  readonly store: DerivationStore;
  readonly directories: TopicDirectories;
  readonly workers: DerivationWorkers;
  /** Named steps for crash tests, `rebuild:…`. Does nothing in service. */
  readonly failPoint?: (name: string) => void | Promise<void>;
}

/** What a phase works with. */
interface Rebuild {
  readonly parameters: RebuildParameters;
  readonly directory: TopicDirectory;
  readonly engine: LogEngine;
  readonly stored: StoredDerivation;
  /** Computes the new generation. */
  readonly worker: DerivationWorker;
}

/** How often the present stream is waited for until it is where the new one is, or further. */
const MEETINGS = 50;
const MEETING_PAUSE_MS = 100;

/**
 * Computes a derived stream anew, beside the present one, from everything the source has: compared with it at one position of the source, then the name
 * stands for it. The present stream goes on meanwhile. Every phase may be cut short and run again: position and output of each generation move together, and
 * the name moves by one compare-and-set.
 *
 * Readers of the name read the present generation to its end and the new one from its beginning: states again, which changes nothing for whoever keeps the last one of
 * each key.
 */
export class RebuildHandler implements OperationHandler {
  readonly kind = 'rebuild';
  readonly destroys = true;
  readonly phases: OperationHandler['phases'] = {
    PREPARING: (run) => this.#prepare(run),
    COPYING: (run) => this.#copy(run),
    READY: (run) => this.#ready(run),
    VERIFYING: (run) => this.#verify(run),
    CUTTING_OVER: (run) => this.#cutOver(run),
    ROLLING_BACK: (run) => this.#rollBack(run),
  };

  constructor(private readonly options: RebuildOptions) {}

  accepts(parameters: JsonObject, { logId }: JsonObject): boolean {
    const { cluster } = parametersOf(parameters);
    return this.options.directories.clusters.standsFor(cluster, logId);
  }

  /** @throws `invalid-rebuild-request`, `cluster-not-found`, `derivation-not-found`, `topic-not-found`. */
  async plan(json: JsonObject): Promise<PlanDraft> {
    const request = parseRebuildRequest(json);
    const { directories, names, workers } = this.options;
    const cluster = request.cluster ?? directories.clusters.defaultName;
    const directory = directories.of(cluster);
    const stored = await this.options.store.present(directory.engine.logId, request.name);
    const { resolved: source, directory: there } = await directory.wherever(stored.definition.source);
    const home = { logId: directory.engine.logId, topic: stored.definition.source };
    const at = { logId: there.engine.logId, topic: source.logical };
    const generation = readerGeneration(home, at, source.generation);
    const progress = workers.find(stored.definition)?.progress;
    return await draftRebuild(directory.engine, names, cluster, stored, { ...source, generation }, progress, request);
  }

  async fingerprint(json: JsonObject): Promise<JsonObject> {
    const { cluster, name } = parametersOf(json);
    const directory = this.options.directories.of(cluster);
    const stored = await this.options.store.present(directory.engine.logId, name);
    const { resolved: source } = await directory.wherever(stored.definition.source);
    return await fingerprintOf(directory.engine, this.options.names, stored, source);
  }

  /** Also of a derivation that was deleted meanwhile. */
  async cancel(run: OperationRun): Promise<void> {
    const { parameters, engine } = this.#place(run);
    await reopenGeneration(engine, { id: parameters.derivationId }, parameters.from);
    await this.#removeGeneration(engine, parameters, parameters.to);
  }

  async finish(run: OperationRun): Promise<void> {
    const { parameters, engine } = this.#place(run);
    await this.#readersGone(run, engine, parameters, parameters.from);
    await this.#removeGeneration(engine, parameters, parameters.from);
  }

  async #prepare(run: OperationRun): Promise<PhaseResult> {
    const { engine, parameters, stored } = await this.#open(run);
    const name = physicalName(parameters.name, parameters.to);
    const present = await engine.describeTopic(physicalName(parameters.name, parameters.from));
    const wanted = Object.entries(settingsOf(stored.definition));
    const config = Object.fromEntries(wanted.filter(([key]) => engine.capabilities.topicConfigs.includes(key)));
    const known = (await engine.listTopics()).some((one) => one.name === name);
    if (!known) await engine.createTopic({ name, partitions: present.partitions.length, config });
    await this.#pass('rebuild:created');
    await engine.setTopicState(name, 'FENCED');
    // What was erased stays so, although the source may still tell it.
    const { erasures } = await storedGeneration(engine, stored.definition, parameters.from);
    await giveGeneration(engine, stored.definition, parameters.to, { progress: undefined, erasures });
    return { next: 'COPYING' };
  }

  async #copy(run: OperationRun): Promise<PhaseResult> {
    const { worker } = await this.#open(run);
    await worker.catchUp({ ...paced(run), besideWritten: true });
    await this.#pass('rebuild:copied');
    return { next: 'READY' };
  }

  async #ready(run: OperationRun): Promise<PhaseResult> {
    await run.cutoverRequested();
    return { next: 'VERIFYING' };
  }

  /** Brings the new generation to exactly where the present one stands, and compares them there. */
  async #verify(run: OperationRun): Promise<PhaseResult> {
    const rebuild = await this.#open(run);
    const { engine, parameters, stored, worker } = rebuild;
    await worker.catchUp({ ...paced(run), besideWritten: true });
    const { ends, position } = await this.#meet(run, rebuild);
    await worker.catchUp({ ...paced(run), until: position, besideWritten: true });
    const to = physicalName(parameters.name, parameters.to);
    const comparison = await compareDerived(
      engine,
      stored.definition.kind,
      [
        { topic: physicalName(parameters.name, parameters.from), ends },
        { topic: to, ends: endsOf(await engine.describeTopic(to)) },
      ],
      run.signal,
    );
    const { keys, different, examples } = comparison;
    const notes = {
      verification: {
        level: 'readback',
        state: different === 0 ? 'passed' : 'failed',
        checked: keys,
        total: keys,
        mismatches: different,
      },
      differentKeys: [...examples],
    };
    await run.note(notes);
    await this.#pass('rebuild:verified');
    if (different > 0 && parameters.onDifference === 'stop')
      throw differs(parameters.name, comparison.different, examples);
    return { next: 'CUTTING_OVER', notes };
  }

  /**
   * Where the present generation stands, with what it has written until there: at or behind no partition of the new one's position. Opening its session ends
   * its worker, which begins again by itself.
   */
  async #meet(
    run: OperationRun,
    { engine, parameters, stored }: Rebuild,
  ): Promise<{ position: SourcePosition; ends: readonly number[] }> {
    const { definition } = stored;
    const mine = await storedProgress(engine, definition, parameters.to);
    for (let attempt = 0; attempt < MEETINGS; attempt++) {
      const theirs = await storedProgress(engine, definition, parameters.from);
      const ends = endsOf(await engine.describeTopic(physicalName(parameters.name, parameters.from)));
      if (theirs !== undefined && mine !== undefined && isAtOrBehind(mine.position, theirs.position)) {
        // Nothing was written between the two looks, or the ends would belong to another position.
        const again = await storedProgress(engine, definition, parameters.from);
        if (JSON.stringify(again?.position) === JSON.stringify(theirs.position))
          return { position: theirs.position, ends };
      }
      await this.options.clock.sleep(MEETING_PAUSE_MS, run.signal);
    }
    throw new AppError({
      kind: 'conflict',
      code: 'derivation-behind',
      message: `The present stream '${parameters.name}' does not come to where the new one is, so that they cannot be compared.`,
      hint: 'See why it is behind or failing, then resume.',
      retryable: true,
      details: { derivation: parameters.name },
    });
  }

  /** The present generation is closed where it stands, the new one is brought there, and the name moves: each record of the source is in what one of the two has written beside. */
  async #cutOver(run: OperationRun): Promise<PhaseResult> {
    const { engine, parameters, stored, worker } = await this.#open(run);
    const { name, from, to } = parameters;
    const row = await this.options.names.find(engine.logId, name);
    if ((row?.generation ?? 1) === from) {
      if (run.cutoverCancelled === true) {
        if (await this.#release(engine, stored, parameters)) return { next: 'READY' };
      } else {
        const last = await closeGeneration(engine, stored.definition, from, () =>
          this.#demandUnmoved(engine, name, row),
        );
        await this.#pass('rebuild:closed');
        await worker.catchUp({ signal: run.signal, until: last.progress?.position, besideWritten: true });
        await this.#pass('rebuild:caught-up');
        await this.#move(engine, name, row?.revision ?? 0, from, to);
        await this.#pass('rebuild:moved');
      }
    }
    await engine.setTopicState(physicalName(name, from), 'RETIRED');
    await this.options.workers.reconcile();
    return { next: 'SWITCHED' };
  }

  /** Undoes what a cutover did whose name has not moved, and nobody moves it from here on. False when it has moved after all. */
  async #release(
    engine: LogEngine,
    { definition }: StoredDerivation,
    { name, from, to }: RebuildParameters,
  ): Promise<boolean> {
    for (;;) {
      const row = await this.options.names.find(engine.logId, name);
      if ((row?.generation ?? 1) === to) return false;
      if (await raiseRevision(engine, this.options.names, name, row)) break;
    }
    await reopenGeneration(engine, definition, from);
    return true;
  }

  async #rollBack(run: OperationRun): Promise<PhaseResult> {
    const { engine, parameters, directory, stored } = await this.#open(run);
    const { name, from, to } = parameters;
    const { definition } = stored;
    const row = await this.options.names.find(engine.logId, name);
    await engine.setTopicState(physicalName(name, from), 'FENCED');
    if ((row?.generation ?? 1) === to) {
      const last = await closeGeneration(engine, definition, to, () => this.#demandUnmoved(engine, name, row));
      await this.#pass('rebuild:closed-back');
      await reopenGeneration(engine, definition, from);
      const worker = this.options.workers.worker(directory, definition, from);
      await worker.catchUp({ ...paced(run), until: last.progress?.position, besideWritten: true });
      await this.#pass('rebuild:caught-up-back');
      await this.#move(engine, name, row?.revision ?? 0, to, from);
    }
    // From here on the number of the generation that is given up is never used again: see `nextGeneration`.
    for (;;) {
      const present = await this.options.names.find(engine.logId, name);
      if ((present?.revision ?? 0) >= to) break;
      await raiseRevision(engine, this.options.names, name, present);
    }
    await this.#pass('rebuild:moved-back');
    await this.options.workers.reconcile();
    await this.#readersGone(run, engine, parameters, to);
    await this.#removeGeneration(engine, parameters, to);
    return { next: 'ROLLED_BACK' };
  }

  /** A worker that was replaced must close nothing any more. @throws `name-moved`. */
  async #demandUnmoved({ logId }: LogEngine, name: string, row: TopicName | undefined): Promise<void> {
    const present = await this.options.names.find(logId, name);
    if ((present?.revision ?? 0) !== (row?.revision ?? 0)) throw nameMoved(name);
  }

  async #readersGone(
    run: OperationRun,
    { logId }: LogEngine,
    { cluster, name }: RebuildParameters,
    generation: number,
  ): Promise<void> {
    await readersGone(this.options, { logId, cluster, topic: name, generation }, run.signal);
  }

  /** @throws `name-moved` when somebody else did. */
  async #move(engine: LogEngine, name: string, revision: number, from: number, to: number): Promise<void> {
    const closing = await engine.describeTopic(physicalName(name, from));
    const opensAt = (await engine.describeTopic(physicalName(name, to))).partitions.map((one) => one.startOffset);
    // A derivation places keys in its target by the default partitioner, in every generation, and nobody else writes there.
    const opening = { opensAt, closedAt: endsOf(closing), keyExpression: null, partitioner: null };
    const moved = await this.options.names.compareAndSet(engine.logId, name, revision, to, opening);
    if (moved === undefined) throw nameMoved(name);
  }

  /** Leaves a topic alone that belongs to a later derivation of the name. */
  async #removeGeneration(
    engine: LogEngine,
    { name, derivationId: id }: RebuildParameters,
    generation: number,
  ): Promise<void> {
    await forgetProgress(engine, { id }, generation);
    const present = await this.options.store.find(engine.logId, name);
    if (present !== undefined && present.definition.id !== id) return;
    await removeTopic(engine, physicalName(name, generation));
  }

  #place(run: OperationRun): Pick<Rebuild, 'parameters' | 'directory' | 'engine'> {
    const parameters = parametersOf(run.parameters);
    const directory = this.options.directories.of(parameters.cluster);
    return { parameters, directory, engine: directory.engine };
  }

  async #open(run: OperationRun): Promise<Rebuild> {
    const { parameters, directory, engine } = this.#place(run);
    const stored = await this.options.store.present(engine.logId, parameters.name);
    if (stored.definition.id !== parameters.derivationId) throw derivationNotFound(parameters.name);
    const worker = this.options.workers.worker(directory, stored.definition, parameters.to);
    return { parameters, directory, engine, stored, worker };
  }

  async #pass(name: string): Promise<void> {
    await this.options.failPoint?.(name);
  }
}

function differs(name: string, count: number, examples: readonly string[]): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'rebuild-differs',
    message: `Computed anew, '${name}' is not what it is now: ${count} keys differ.`,
    hint: 'Look at the keys; cancel, or plan again with onDifference switch to take what was computed anew.',
    details: { derivation: name, different: count, keys: [...examples] },
  });
}
