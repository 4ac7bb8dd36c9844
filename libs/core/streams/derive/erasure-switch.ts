import { AppError, type Clock, type JsonObject } from '#libs/core/kernel';
import type { LogEngine, TopicDirectory, TopicName, TopicNames } from '#libs/core/log';
import type { OperationRun } from '#libs/core/operations';
import { type CopyRun, endsOf, type LiveCopy } from '../copy/live-copy.js';
import { handOverAll, HandOverSessions, switchWriterId } from '../generations/group-hand-over.js';
import { raiseRevision } from '../generations/name-row.js';
import { SwitchRefused } from '../generations/switch-refused.js';
import { translateGroups, translationToJson } from '../generations/translation.js';
import { writtenBy } from '../generations/findings.js';
import { verificationToJson } from '../generations/work.js';
import type { CopyVerifier } from '../verify/copy-verifier.js';
import type { Verification } from '../verify/verification.js';
import type { DerivationDefinition } from './derivation.js';
import { closeGeneration, giveGeneration, type KnownGeneration, reopenGeneration } from './derivation-progress.js';
import type { DerivationWorkers } from './derivation-workers.js';
import { ERASED_RULE } from './erased-keys.js';
import type { ErasureParameters } from './erasure-plan.js';
import { paced } from './paced-catch-up.js';

/** What a phase works with. */
export interface Erasing {
  readonly run: OperationRun;
  readonly parameters: ErasureParameters;
  readonly directory: TopicDirectory;
  readonly engine: LogEngine;
}

/** The copy, and what was compared of it. */
export interface ErasingCopy {
  readonly copy: LiveCopy;
  readonly verifier: CopyVerifier;
}

/** What moving the name between the two generations needs. */
export interface ErasureSwitchOptions {
  readonly names: TopicNames;
  readonly workers: DerivationWorkers;
  readonly clock: Clock;
  readonly failPoint?: (name: string) => void | Promise<void>;
}

/** Moves the name of a derived stream between the generation that has the keys and the one that does not, there and back. Everything may be cut short and done again. */
export class ErasureSwitch {
  constructor(private readonly options: ErasureSwitchOptions) {}

  /**
   * Ends the computing of the present generation, carries the rest over, and moves the name.
   * @throws SwitchRefused, `name-moved`, `group-active`.
   */
  async there(erasing: Erasing, { copy, verifier }: ErasingCopy): Promise<void> {
    const { engine, parameters, run } = erasing;
    const { topic, source, target, keys } = parameters;
    const { names, clock } = this.options;
    const row = await names.find(engine.logId, topic);
    await this.#pass('erasure:begun');
    const stillOurs = (): Promise<void> => this.#demandUnmoved(erasing, row);
    const last = await closeGeneration(engine, definitionOf(erasing), source.generation, stillOurs);
    await this.#pass('erasure:closed');
    if (last.progress === undefined) throw new SwitchRefused('the derivation has not read anything yet');
    await copy.copyTo(endsOf(await engine.describeTopic(source.physical)), copying(run, false));
    await this.#pass('erasure:drained');
    const verification = await verifier.advance({ signal: run.signal });
    if (verification.mismatchCount > 0) {
      throw new SwitchRefused('the copy is not the present stream without the keys', verification);
    }
    const known: KnownGeneration = {
      progress: last.progress,
      erasures: [...last.erasures, { position: last.progress.position, keys }],
    };
    await giveGeneration(engine, definitionOf(erasing), target.generation, known, stillOurs);
    await this.#pass('erasure:given');
    const ends = endsOf(await engine.describeTopic(target.physical));
    const closedAt = endsOf(await engine.describeTopic(source.physical));
    const sessions = await HandOverSessions.open(sidesOf(erasing), switchWriterId(run.operationId));
    const began = clock.monotonic();
    const leftMs = (): number => parameters.maxPauseMs - (clock.monotonic() - began);
    const handOver = {
      ...{ log: engine, clock, signal: run.signal, from: source.physical, sessions, mode: parameters.groups, leftMs },
      translate: (groups: Parameters<typeof translateGroups>[3]) =>
        translateGroups(copy.map, copy.mapLanes, ends, groups, run.signal),
      demandTime: () => run.signal.throwIfAborted(),
      failPoint: (name: string) => this.#pass(`erasure:${name}`),
    };
    try {
      await handOverAll([handOver], async ([groups = []]) => {
        const translated = groups.map((one) => ({ ...translationToJson(one), state: 'translated' }));
        await run.note({ ...notesOf(parameters, copy, verification), groups: translated });
        await this.#move(erasing, row, { generation: target.generation, opensAt: ends, closedAt });
        await this.#pass('erasure:moved');
      });
    } finally {
      await sessions.close();
    }
  }

  /**
   * Undoes what a cutover did whose name has not moved: nobody who still believes it switches can move the name from here on. False when it has moved after all.
   */
  async release(erasing: Erasing): Promise<boolean> {
    const { engine, parameters } = erasing;
    const { names } = this.options;
    for (;;) {
      const row = await names.find(engine.logId, parameters.topic);
      if ((row?.generation ?? 1) === parameters.target.generation) return false;
      if (await raiseRevision(engine, names, parameters.topic, row)) break;
    }
    await this.#openToGroups(erasing);
    await reopenGeneration(engine, definitionOf(erasing), parameters.source.generation);
    return true;
  }

  /** The generation before goes on where it was closed, up to where the present one stands, and gets the name back. Groups go on where they were at the switch. */
  async back(erasing: Erasing, definition: DerivationDefinition): Promise<void> {
    const { engine, parameters, directory, run } = erasing;
    const { source, target, topic } = parameters;
    const { names, workers } = this.options;
    const row = await names.find(engine.logId, topic);
    if ((row?.generation ?? 1) === target.generation) {
      const last = await closeGeneration(engine, definition, target.generation, () =>
        this.#demandUnmoved(erasing, row),
      );
      await this.#pass('erasure:closed-back');
      await reopenGeneration(engine, definition, source.generation);
      await engine.setTopicState(source.physical, 'FENCED');
      const until = last.progress?.position;
      await workers
        .worker(directory, definition, source.generation)
        .catchUp({ ...paced(run), ...(until && { until }), besideWritten: true });
      await this.#pass('erasure:caught-up-back');
      const opensAt = endsOf(await engine.describeTopic(source.physical));
      const closedAt = endsOf(await engine.describeTopic(target.physical));
      await this.#move(erasing, row, { generation: source.generation, opensAt, closedAt });
    }
    // From here on the number of the generation that is given up is never used again: see `nextGeneration`.
    for (;;) {
      const present = await names.find(engine.logId, topic);
      if ((present?.revision ?? 0) >= target.generation) break;
      await raiseRevision(engine, names, topic, present);
    }
    await this.#pass('erasure:moved-back');
    await this.#openToGroups(erasing);
  }

  /** The generation that has the keys takes positions again. */
  async #openToGroups(erasing: Erasing): Promise<void> {
    const sessions = await HandOverSessions.open(sidesOf(erasing), switchWriterId(erasing.run.operationId));
    await sessions.openToPositions(this.options.clock);
    await sessions.close();
  }

  /** @throws `name-moved` when somebody else changed the row. */
  async #move(
    { engine, parameters: { topic } }: Erasing,
    row: TopicName | undefined,
    { generation, ...taken }: Pick<TopicName, 'generation' | 'opensAt' | 'closedAt'>,
  ): Promise<void> {
    const opening = { ...taken, keyExpression: null, partitioner: null };
    const moved = await this.options.names.compareAndSet(engine.logId, topic, row?.revision ?? 0, generation, opening);
    if (moved === undefined) throw nameMoved(topic);
  }

  /** A worker that was replaced must close and give nothing any more: whoever goes on has moved the name, or raised its revision. @throws `name-moved`. */
  async #demandUnmoved({ engine, parameters: { topic } }: Erasing, row: TopicName | undefined): Promise<void> {
    const present = await this.options.names.find(engine.logId, topic);
    if ((present?.revision ?? 0) !== (row?.revision ?? 0)) throw nameMoved(topic);
  }

  /** Whether the name stands for the generation without the keys. */
  async hasMoved({ engine, parameters }: Erasing): Promise<boolean> {
    const row = await this.options.names.find(engine.logId, parameters.topic);
    return (row?.generation ?? 1) === parameters.target.generation;
  }

  async #pass(name: string): Promise<void> {
    await this.options.failPoint?.(name);
  }
}

/** The derivation by its id, which it has also when it is gone. */
export const definitionOf = ({ parameters }: Erasing): Pick<DerivationDefinition, 'id'> => ({
  id: parameters.derivationId,
});

const sidesOf = ({ engine, parameters: { source, target } }: Erasing): Parameters<typeof HandOverSessions.open>[0] => ({
  from: { log: engine, physical: source.physical },
  to: { log: engine, physical: target.physical },
});

/** How the copy goes: held to the throttle or not, shown as the operation's progress. */
export function copying(run: OperationRun, isPaced: boolean): CopyRun {
  return {
    signal: run.signal,
    pace: isPaced ? (records, bytes) => run.pace(records, bytes) : () => Promise.resolve(),
    report: (copy) => {
      const records = copy.sessions.reduce((sum, one) => sum + one.totals.records, 0);
      const bytesDone = copy.sessions.reduce((sum, one) => sum + one.totals.bytes, 0);
      run.report({
        recordsDone: records,
        recordsTotal: records + copy.lag,
        totalIsEstimate: true,
        bytesDone,
        partitions: [],
      });
    },
  };
}

/** The proof: what was compared, and how many records of the keys are not in what the name stands for from now on. */
export function notesOf({ verification, keys }: ErasureParameters, copy: LiveCopy, found: Verification): JsonObject {
  const records = copy.sessions.reduce((sum, { totals }) => sum + (totals.dropped.get(ERASED_RULE) ?? 0), 0);
  return {
    verification: {
      ...verificationToJson(found, verification, writtenBy(copy)),
      erased: { keys: keys.length, records },
    },
  };
}

/** Somebody else changed the row of a name that an operation of a derived stream was about to move. Tried again by itself. */
export function nameMoved(topic: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'name-moved',
    message: `The name '${topic}' was changed by someone else during the cutover.`,
    hint: 'Look at the topic and at the operation again; the work is tried again by itself.',
    details: { topic },
    retryable: true,
  });
}
