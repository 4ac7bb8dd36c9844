import { AppError, isAppError } from '#libs/core/kernel';
import { isSameTopic, type ResolvedTopic, type TopicDirectory } from '#libs/core/log';
import type { SupervisedStatus } from '#libs/core/operations';
import { readerGeneration } from '../reader-place.js';
import { SourceReader } from '../source-reader.js';
import type { DerivationDefinition, StoredDerivation } from './derivation.js';
import { fieldsOfValues } from './fields-of-values.js';
import { derivationExists } from './derivation-store.js';
import { settingsOf, topicsBeside } from './derivation-topics.js';
import { forgetProgress, storedProgress, type DerivationProgress } from './derivation-progress.js';
import { DerivationWorkers, type DerivationWorkersOptions } from './derivation-workers.js';
import { DerivedLookups } from './derived-lookups.js';
import { demandSound } from './sound-request.js';
import type { StreamSchema } from './value-rewriting.js';

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
export interface DerivationRequest extends Omit<
  DerivationDefinition,
  'id' | 'logId' | 'since' | 'schema' | 'createdAt' | 'createdBy'
> {
  /** Whether it is to have what the source has already. It has, unless this is false. */
  readonly backfill?: boolean;
  /** Of the value subject of the source: the version by which values are read, and with which they are written. Null or absent: as the source has them. */
  readonly schemaVersion?: number | null;
}

/** What a derivation would read, and the schema it would write values with, if any. */
export interface ExaminedDerivation {
  readonly source: ResolvedTopic;
  readonly schema: StreamSchema | null;
}

/** All derivations of one service: creates, keeps going, looks up and removes them. */
export class Derivations {
  readonly lookups: DerivedLookups;
  readonly workers: DerivationWorkers;

  constructor(private readonly options: DerivationsOptions) {
    this.lookups = new DerivedLookups(options);
    this.workers = new DerivationWorkers(options);
  }

  /** Takes up what was wanted in every cluster that is present, as {@link takeUp} does. */
  async start(): Promise<void> {
    for (const cluster of this.options.directories.clusters.present()) await this.takeUp(cluster);
  }

  /** Takes up what was wanted before the last stop in a cluster, and ends what was being deleted. Call when the cluster is there for the first time; harmless to repeat. */
  async takeUp(cluster: string): Promise<void> {
    const directory = this.options.directories.of(cluster);
    for (const stored of await this.options.store.list(directory.engine.logId)) {
      if (stored.state === 'DELETING') await this.#remove(directory, stored);
      else if (stored.state === 'RUNNING') await this.workers.run(directory, stored);
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
   * @throws as {@link examine}.
   */
  async create(cluster: string | undefined, request: DerivationRequest, createdBy: string): Promise<DerivationStatus> {
    const id = this.options.newId();
    try {
      await this.prepare(cluster, request, { id, createdBy });
    } catch (error) {
      // What cannot be removed now is shown as PAUSED, or as DELETING and removed at the next start; why it could not be made is what the caller asked.
      await this.abandon(cluster, request.name, id).catch(() => undefined);
      throw error;
    }
    return await this.setState(cluster, request.name, 'RUNNING');
  }

  /**
   * What a derivation would read and write. Reads, changes nothing.
   * @throws `topic-not-found` for the source, `derivation-exists`, `topic-exists` for the name, `invalid-field-path`, `invalid-derivation`, `derivation-of-itself`; for a schema version what
   * `ValueRewriting.resolve` does.
   */
  async examine(cluster: string | undefined, request: DerivationRequest): Promise<ExaminedDerivation> {
    const directory = this.options.directories.of(cluster);
    demandSound(request);
    if (request.name === request.source) throw ofItself(request.name);
    const { source, schema } = await this.sourceOf(cluster, request);
    if ((await this.options.store.find(directory.engine.logId, request.name)) !== undefined)
      throw derivationExists(request.name);
    await this.#demandFree(directory, request.name);
    return { source, schema };
  }

  /** As {@link examine}, whether the name is free or not. */
  async sourceOf(cluster: string | undefined, request: DerivationRequest): Promise<ExaminedDerivation> {
    const source = await this.options.directories.of(cluster).resolve(request.source);
    const { schemaVersion } = request;
    if (schemaVersion === undefined || schemaVersion === null) return { source, schema: null };
    const schema = await this.options.rewriting.resolve(source.logical, schemaVersion, fieldsOfValues(request));
    return { source, schema };
  }

  /**
   * Keeps the definition, PAUSED, and makes its topics. May be repeated with the same id, wherever it was cut short.
   * @throws as {@link examine}.
   */
  async prepare(
    cluster: string | undefined,
    request: DerivationRequest,
    { id, createdBy }: Pick<DerivationDefinition, 'id' | 'createdBy'>,
  ): Promise<StoredDerivation> {
    const directory = this.options.directories.of(cluster);
    const { logId } = directory.engine;
    const known = await this.options.store.find(logId, request.name);
    if (known?.definition.id === id) {
      await this.#makeTopics(directory, known.definition, await directory.resolve(request.source));
      return known;
    }
    const { source, schema } = await this.examine(cluster, request);
    const createdAt = this.options.clock.now();
    const { backfill = true } = request;
    const since = backfill ? null : await new SourceReader(directory, this.options.names, request.source).end();
    const stored = await this.options.store.add(
      { ...definedBy(request), schema, since, id, logId, createdAt, createdBy },
      'PAUSED',
    );
    this.options.failPoint?.('derivation-kept');
    try {
      await this.#makeTopics(directory, stored.definition, source);
    } catch (error) {
      if (isAppError(error, 'topic-exists')) await this.options.store.remove(logId, id);
      throw error;
    }
    return stored;
  }

  /** Removes what {@link prepare} made under this id, and nothing of another derivation of the name. May be repeated. @throws `topic-protected`. */
  async abandon(cluster: string | undefined, name: string, id: string): Promise<void> {
    const directory = this.options.directories.of(cluster);
    const { logId } = directory.engine;
    const known = await this.options.store.find(logId, name);
    if (known?.definition.id !== id) return;
    await this.#demandUnprotected(directory, name);
    const stored = await this.options.store.setState(logId, name, known.revision, 'DELETING');
    if (stored === undefined) throw changed(name);
    await this.#remove(directory, stored);
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
    const { definition } = await this.#find(this.options.directories.of(cluster), name);
    await this.abandon(cluster, name, definition.id);
  }

  /** What {@link delete} would refuse; changes nothing. @throws what it throws. */
  async demandDeletable(cluster: string | undefined, name: string): Promise<void> {
    const directory = this.options.directories.of(cluster);
    await this.#find(directory, name);
    await this.#demandUnprotected(directory, name);
  }

  /** Whether a topic is written by a derivation, so that nobody else may. */
  async writes(cluster: string | undefined, topic: string): Promise<boolean> {
    return (await this.options.store.find(this.options.directories.of(cluster).engine.logId, topic)) !== undefined;
  }

  /** How many derivations, of all clusters, write their values with a version of a subject. @throws `cluster-unavailable` while those of one cannot be told. */
  async writtenWith(subject: string, version: number): Promise<number> {
    const { directories, store } = this.options;
    let count = 0;
    for (const cluster of directories.clusters.names()) {
      for (const { definition, state } of await store.list(directories.of(cluster).engine.logId)) {
        const { schema } = definition;
        if (state !== 'DELETING' && schema?.subject === subject && schema.version === version) count++;
      }
    }
    return count;
  }

  /** The derivations that stand in a generation of a topic, which must not be deleted under them; also those of other logs that the topic was in when they were made. */
  async readersOn(
    cluster: string,
    topic: string,
    generation: number,
  ): Promise<readonly { readonly name: string; readonly next: readonly number[] }[]> {
    const { logId } = this.options.directories.of(cluster).engine;
    const readers: { name: string; next: readonly number[] }[] = [];
    for (const [home, { definition }] of await this.#reading(cluster, topic)) {
      const { engine } = home;
      const worker = this.workers.find(definition);
      const present = await home.generation(definition.name);
      const progress = worker === undefined ? await storedProgress(engine, definition, present) : worker.progress;
      const name = `derivation ${definition.name}`;
      // One that just starts has not said yet where it stands.
      if (worker !== undefined && progress === undefined) readers.push({ name, next: [] });
      const kept = readerGeneration({ logId: engine.logId, topic: definition.source }, { logId, topic }, generation);
      if (progress?.position.generation === kept) readers.push({ name, next: progress.position.next });
    }
    return readers;
  }

  /**
   * The derivations of a topic, each with its own log: those of the cluster, by an old name of the topic too, and those of logs that the topic has moved from or to.
   * @throws `cluster-unavailable` where one of those may be away.
   */
  async #reading(cluster: string, topic: string): Promise<readonly (readonly [TopicDirectory, StoredDerivation])[]> {
    const asked = this.options.directories.of(cluster);
    const found: [TopicDirectory, StoredDerivation][] = [];
    const names = await asked.namesOf(topic);
    if (await asked.mayBeElsewhere(topic)) asked.demandAllLogs();
    for (const home of asked.logs()) {
      if (home !== asked && !(await isSameTopic(asked, home, topic))) continue;
      for (const stored of await this.options.store.list(home.engine.logId)) {
        const { source } = stored.definition;
        const isOver = source === topic || (home === asked && names.has(source));
        if (stored.state !== 'DELETING' && isOver) found.push([home, stored]);
      }
    }
    return found;
  }

  /** Names of the derivations that read the logical topic. */
  async over(cluster: string, topic: string): Promise<readonly string[]> {
    return (await this.#reading(cluster, topic)).map(([, { definition }]) => definition.name);
  }

  async #find(directory: TopicDirectory, name: string): Promise<StoredDerivation> {
    return await this.options.store.present(directory.engine.logId, name);
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

  /** The target is closed to everybody but its writer session: FENCED is its state for good, and from its beginning. */
  async #makeTopics(directory: TopicDirectory, definition: DerivationDefinition, source: ResolvedTopic): Promise<void> {
    const { engine } = directory;
    const wanted = Object.entries(settingsOf(definition));
    const config = Object.fromEntries(wanted.filter(([name]) => engine.capabilities.topicConfigs.includes(name)));
    const partitions = source.description.partitions.length;
    try {
      await directory.create({ name: definition.name, partitions, config, state: 'FENCED' });
    } catch (error) {
      if (!isAppError(error, 'topic-exists') || !(await isDerived(directory, definition.name))) throw error;
    }
    this.options.failPoint?.('derivation-topic-made');
    for (const beside of topicsBeside(definition)) await demandTopic(directory, beside);
  }

  async #remove(directory: TopicDirectory, { definition }: StoredDerivation): Promise<void> {
    await this.workers.stop(definition);
    this.lookups.forget(definition.id);
    const present = await directory.generation(definition.name);
    for (let generation = 1; generation <= present; generation++)
      await forgetProgress(directory.engine, definition, generation);
    try {
      // The topic of a derivation is never ACTIVE: one that is was made by somebody else while this one was being made.
      const { description } = await directory.resolve(definition.name);
      if (description.state !== 'ACTIVE') await directory.delete(definition.name);
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

/** What of a request is kept as it was asked for. */
function definedBy(request: DerivationRequest): Omit<DerivationRequest, 'backfill' | 'schemaVersion'> {
  const kept: { -readonly [member in keyof DerivationRequest]?: unknown } = { ...request };
  delete kept.backfill;
  delete kept.schemaVersion;
  return kept as Omit<DerivationRequest, 'backfill' | 'schemaVersion'>;
}

/**
 * Whether a topic is one that a derivation made: closed to everybody. Names of derivations are unique, and the name was free when the definition was kept, so it is that of the
 * one whose making was cut short.
 */
async function isDerived(directory: TopicDirectory, name: string): Promise<boolean> {
  return (await directory.resolve(name)).description.state === 'FENCED';
}

/** A topic beside the target, which may be there from a derivation before. */
async function demandTopic(directory: TopicDirectory, name: string): Promise<void> {
  try {
    await directory.create({ name, partitions: 1 });
  } catch (error) {
    if (!isAppError(error, 'topic-exists')) throw error;
  }
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
