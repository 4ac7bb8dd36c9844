import { AppError, isAppError } from '#libs/core/kernel';
import { physicalName, type ResolvedTopic, type TopicDirectory } from '#libs/core/log';
import type { SupervisedStatus } from '#libs/core/operations';
import { parseFieldPath } from '../field-path.js';
import type { DerivationDefinition, StoredDerivation } from './derivation.js';
import { derivationExists, derivationNotFound } from './derivation-store.js';
import { deadLettersOf, lateRecordsOf, settingsOf } from './derivation-topics.js';
import { forgetProgress, storedProgress, type DerivationProgress } from './derivation-worker.js';
import { DerivationWorkers, type DerivationWorkersOptions } from './derivation-workers.js';
import { DerivedLookups } from './derived-lookups.js';

/** How soon an instance does what another was asked for. */
const RECONCILE_MS = 1_000;

export interface DerivationsOptions extends DerivationWorkersOptions {
  /** A fresh id, never used before. */
  readonly newId: () => string;
}

/** A derivation with how it fares. */
export interface DerivationStatus {
  readonly stored: StoredDerivation;
  readonly worker: SupervisedStatus['state'] | 'absent';
  readonly problem: string | null;
  /** Null when another instance runs it, or before the first look. */
  readonly progress: DerivationProgress | null;
  readonly lag: number | null;
  readonly keys: number | null;
}

/** What somebody asks for, defaults filled in. */
export type DerivationRequest = Omit<DerivationDefinition, 'id' | 'logId' | 'createdAt' | 'createdBy'>;

/** All derivations of one service: creates, keeps going, looks up and removes them. */
export class Derivations {
  readonly lookups: DerivedLookups;
  readonly workers: DerivationWorkers;

  constructor(private readonly options: DerivationsOptions) {
    this.lookups = new DerivedLookups(options);
    this.workers = new DerivationWorkers(options);
  }

  /** Takes up what was wanted before the last stop. Call once, at the start. */
  async start(): Promise<void> {
    for (const cluster of this.options.directories.clusters.names()) {
      const directory = this.options.directories.of(cluster);
      for (const stored of await this.options.store.list(directory.engine.logId)) {
        if (stored.state === 'DELETING') await this.#remove(directory, stored);
        else if (stored.state === 'RUNNING') await this.workers.run(directory, stored);
      }
    }
  }

  /** Keeps this instance at what is wanted, whichever instance was asked for it, until the signal aborts. */
  async keep(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.workers.reconcile();
      await this.options.clock.sleep(RECONCILE_MS, signal);
    }
  }

  /**
   * Creates the target topic and starts to fill it.
   * @throws `topic-not-found` for the source, `derivation-exists`, `topic-exists` for the name, `invalid-field-path`, `invalid-derivation`.
   */
  async create(cluster: string | undefined, request: DerivationRequest, createdBy: string): Promise<DerivationStatus> {
    const directory = this.options.directories.of(cluster);
    const { logId } = directory.engine;
    demandSound(request);
    const source = await directory.resolve(request.source);
    if (request.name === request.source) throw ofItself(request.name);
    if ((await this.options.store.find(logId, request.name)) !== undefined) throw derivationExists(request.name);
    await this.#demandFree(directory, request.name);
    const definition: DerivationDefinition = {
      ...request,
      id: this.options.newId(),
      logId,
      createdAt: this.options.clock.now(),
      createdBy,
    };
    const stored = await this.options.store.add(definition);
    try {
      await this.#makeTopics(directory, definition, source);
    } catch (error) {
      await this.options.store.remove(logId, definition.id);
      throw error;
    }
    await this.workers.run(directory, stored);
    return this.#status(stored);
  }

  /** @throws `derivation-not-found`. */
  async describe(cluster: string | undefined, name: string): Promise<DerivationStatus> {
    return this.#status(await this.#find(this.options.directories.of(cluster), name));
  }

  /** By name. */
  async list(cluster: string | undefined): Promise<readonly DerivationStatus[]> {
    const stored = await this.options.store.list(this.options.directories.of(cluster).engine.logId);
    return stored.filter((one) => one.state !== 'DELETING').map((one) => this.#status(one));
  }

  /** @throws `derivation-not-found`, `derivation-changed`. */
  async setState(cluster: string | undefined, name: string, state: 'RUNNING' | 'PAUSED'): Promise<DerivationStatus> {
    const directory = this.options.directories.of(cluster);
    const known = await this.#find(directory, name);
    const stored = await this.options.store.setState(directory.engine.logId, name, known.revision, state);
    if (stored === undefined) throw changed(name);
    if (state === 'PAUSED') await this.workers.stop(stored.definition);
    else await this.workers.run(directory, stored);
    return this.#status(stored);
  }

  /** Ends the derivation and deletes its topic for good. The source is untouched. @throws `derivation-not-found`, `derivation-changed`, `topic-protected`. */
  async delete(cluster: string | undefined, name: string): Promise<void> {
    const directory = this.options.directories.of(cluster);
    const known = await this.#find(directory, name);
    await this.#demandUnprotected(directory, name);
    const stored = await this.options.store.setState(directory.engine.logId, name, known.revision, 'DELETING');
    if (stored === undefined) throw changed(name);
    await this.#remove(directory, stored);
  }

  /** Whether a topic is written by a derivation, so that nobody else may. */
  async writes(cluster: string | undefined, topic: string): Promise<boolean> {
    return (await this.options.store.find(this.options.directories.of(cluster).engine.logId, topic)) !== undefined;
  }

  /** The derivations that stand in a generation of a topic, which must not be deleted under them. */
  async readersOn(
    cluster: string,
    topic: string,
    generation: number,
  ): Promise<readonly { readonly name: string; readonly next: readonly number[] }[]> {
    const { engine } = this.options.directories.of(cluster);
    const readers: { name: string; next: readonly number[] }[] = [];
    for (const { definition, state } of await this.options.store.list(engine.logId)) {
      if (state === 'DELETING' || definition.source !== topic) continue;
      const worker = this.workers.find(definition);
      const present = await this.options.directories.of(cluster).generation(definition.name);
      const progress = worker === undefined ? await storedProgress(engine, definition, present) : worker.progress;
      const name = `derivation ${definition.name}`;
      // One that just starts has not said yet where it stands.
      if (worker !== undefined && progress === undefined) readers.push({ name, next: [] });
      if (progress?.position.generation === generation) readers.push({ name, next: progress.position.next });
    }
    return readers;
  }

  /** Names of the derivations that read the logical topic. */
  async over(cluster: string, topic: string): Promise<readonly string[]> {
    const stored = await this.options.store.list(this.options.directories.of(cluster).engine.logId);
    return stored
      .filter(({ definition, state }) => state !== 'DELETING' && definition.source === topic)
      .map(({ definition }) => definition.name);
  }

  async #find(directory: TopicDirectory, name: string): Promise<StoredDerivation> {
    const stored = await this.options.store.find(directory.engine.logId, name);
    if (stored === undefined || stored.state === 'DELETING') throw derivationNotFound(name);
    return stored;
  }

  /** Asked before anything ends, since a deletion that has begun goes on at the next start. A topic that is gone protects nothing. */
  async #demandUnprotected(directory: TopicDirectory, name: string): Promise<void> {
    try {
      await directory.demandUnprotected(name, 'the derivation that fills it cannot be deleted');
    } catch (error) {
      if (!isAppError(error, 'topic-not-found')) throw error;
    }
  }

  async #demandFree(directory: TopicDirectory, name: string): Promise<void> {
    const present = await directory.resolve(name).catch((error: unknown) => {
      if (isAppError(error, 'topic-not-found')) return undefined;
      throw error;
    });
    if (present !== undefined) throw nameTaken(name);
  }

  /** The target is closed to everybody but its writer session: FENCED is its state for good. */
  async #makeTopics(directory: TopicDirectory, definition: DerivationDefinition, source: ResolvedTopic): Promise<void> {
    const { engine } = directory;
    const wanted = Object.entries(settingsOf(definition));
    const config = Object.fromEntries(wanted.filter(([name]) => engine.capabilities.topicConfigs.includes(name)));
    const partitions = source.description.partitions.length;
    await directory.create({ name: definition.name, partitions, config });
    await engine.setTopicState(physicalName(definition.name, 1), 'FENCED');
    if (definition.nullKeys === 'dlq' || definition.onConflict === 'dlq')
      await demandTopic(directory, deadLettersOf(definition));
    if (definition.late === 'topic') await demandTopic(directory, lateRecordsOf(definition));
  }

  async #remove(directory: TopicDirectory, { definition }: StoredDerivation): Promise<void> {
    await this.workers.stop(definition);
    this.lookups.forget(definition.id);
    const present = await directory.generation(definition.name);
    for (let generation = 1; generation <= present; generation++)
      await forgetProgress(directory.engine, definition, generation);
    try {
      await directory.delete(definition.name);
    } catch (error) {
      if (!isAppError(error, 'topic-not-found')) throw error;
    }
    await this.options.store.remove(directory.engine.logId, definition.id);
  }

  #status(stored: StoredDerivation): DerivationStatus {
    const worker = this.workers.find(stored.definition);
    const supervised = this.workers.status(stored.definition);
    return {
      stored,
      worker: supervised?.state ?? 'absent',
      problem: supervised?.state === 'failing' ? (supervised.lastError?.message ?? null) : null,
      progress: worker?.progress ?? null,
      lag: worker?.lag ?? null,
      keys: worker === undefined ? null : worker.keys,
    };
  }
}

/** A topic beside the target, which may be there from a derivation before. */
async function demandTopic(directory: TopicDirectory, name: string): Promise<void> {
  try {
    await directory.create({ name, partitions: 1 });
  } catch (error) {
    if (!isAppError(error, 'topic-exists')) throw error;
  }
}

/** @throws `invalid-field-path`, `invalid-derivation` */
function demandSound({ kind, orderBy, deletes, merge }: DerivationRequest): void {
  if (orderBy.by === 'field') parseFieldPath(orderBy.path);
  if (deletes && parseFieldPath(deletes.path).root !== 'value')
    throw unsound('deletes.path', 'A deletion is told by a field of the value; begin the path with value.');
  if (!merge) return;
  if (kind !== 'latest')
    throw unsound('merge', 'Values are merged in a latest stream only; derive the versions of it.');
  if (orderBy.by !== 'offset')
    throw unsound(
      'merge',
      'What partial values add up to depends on their order; merge goes with orderBy offset only.',
    );
}

function ofItself(name: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'derivation-of-itself',
    message: `'${name}' cannot be derived from itself.`,
  });
}

function nameTaken(name: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'topic-exists',
    message: `Topic '${name}' exists already; a derivation writes a topic of its own.`,
    hint: 'Choose another name.',
    details: { topic: name },
  });
}

function changed(name: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'derivation-changed',
    message: `Derivation '${name}' was changed by someone else; nothing was done.`,
    retryable: true,
  });
}

function unsound(member: string, why: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-derivation',
    message: `There is no such derivation: ${why}`,
    details: { member },
  });
}
