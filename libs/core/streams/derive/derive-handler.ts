import { isAppError, type JsonObject } from '#libs/core/kernel';
import { holdTopic, isCompacted, releaseHold, type ResolvedTopic, type TopicDirectories } from '#libs/core/log';
import type { OperationHandler, OperationRun, PhaseResult, PlanDraft } from '#libs/core/operations';
import type { DerivationDefinition, StoredDerivation } from './derivation.js';
import { derivationNotFound, type DerivationStore } from './derivation-store.js';
import { settingsOf, topicsBeside } from './derivation-topics.js';
import type { DerivationRequest, Derivations, ExaminedDerivation } from './derivations.js';
import { paced } from './paced-catch-up.js';

export interface DeriveOptions {
  readonly store: DerivationStore;
  readonly directories: TopicDirectories;
  readonly derivations: Derivations;
  /** A fresh id, never used before. */
  readonly newId: () => string;
  /** Named steps for crash tests, `derive:…`. Does nothing in service. */
  readonly failPoint?: (name: string) => void | Promise<void>;
}

/** What the operation works with. */
export interface DeriveParameters {
  readonly cluster: string;
  readonly request: DerivationRequest;
  /** Of the derivation to be: each plan is for one of its own, which may have the name of one that is gone. */
  readonly derivationId: string;
  readonly createdBy: string;
}

/** What somebody plans. */
export interface DerivePlanRequest {
  /** Undefined: the default cluster. */
  readonly cluster?: string | undefined;
  readonly createdBy: string;
  /** Defaults filled in. */
  readonly derivation: DerivationRequest;
}

const parametersOf = (json: JsonObject): DeriveParameters => json as unknown as DeriveParameters;

/**
 * Makes a derived stream as an operation: planned, filled with what its source has at the operation's pace while the source is held, then left to its worker. Cancelled
 * it leaves nothing. Every phase may be cut short anywhere and run again.
 */
export class DeriveHandler implements OperationHandler {
  readonly kind = 'derive';
  readonly phases: OperationHandler['phases'] = {
    PREPARING: (run) => this.#prepare(run),
    COPYING: (run) => this.#copy(run),
  };

  constructor(private readonly options: DeriveOptions) {}

  accepts(parameters: JsonObject, { logId }: JsonObject): boolean {
    const { cluster } = parametersOf(parameters);
    return this.options.directories.clusters.standsFor(cluster, logId);
  }

  /** @param json a {@link DerivePlanRequest} @throws as `Derivations.examine`, but for a name that is taken: that blocks the plan. */
  async plan(json: JsonObject): Promise<PlanDraft> {
    const { cluster: named, createdBy, derivation } = json as unknown as DerivePlanRequest;
    const cluster = named ?? this.options.directories.clusters.defaultName;
    const parameters: DeriveParameters = {
      cluster,
      request: derivation,
      derivationId: this.options.newId(),
      createdBy,
    };
    const { source, schema, taken } = await this.#examine(parameters);
    const { partitions, config } = source.description;
    const backfills = derivation.backfill !== false;
    const present = partitions.reduce((sum, one) => sum + one.endOffset - one.startOffset, 0);
    const records = backfills ? present : 0;
    const sizes = backfills ? partitions.map((one) => one.sizeBytes) : [];
    const others = topicsBeside(derivation);
    return {
      subject: `topic:${cluster}/${derivation.name}`,
      parameters: parameters as unknown as JsonObject,
      fingerprint: fingerprintOf(
        this.options.directories.of(cluster).engine.logId,
        { source, schema },
        taken === undefined,
      ),
      steps: [
        `create ${derivation.name} with ${partitions.length} partitions, closed to everybody else`,
        ...others.map((name) => `create ${name}, unless it is there`),
        ...(schema === null
          ? []
          : [
              `read values with version ${schema.version} of ${schema.subject} (id ${schema.schemaId}), and write them with it`,
            ]),
        ...(backfills
          ? [
              `compute it from ${records} records of ${derivation.source}, which keeps them meanwhile`,
              `follow ${derivation.source} from there on`,
            ]
          : [`follow ${derivation.source} from its present end on; the ${present} records that it has are left out`]),
      ],
      impact: {
        derivation: derivation.name,
        source: derivation.source,
        partitions: partitions.length,
        settings: settingsOf(derivation),
        schema: schema as unknown as JsonObject | null,
        topics: [derivation.name, ...others],
      },
      risks: backfills
        ? risksOf(derivation, source, config)
        : [
            `history: what the records of ${derivation.source} say that are there now is not known, not of keys that are changed later either`,
            ...risksOf(derivation, source, config).filter((risk) => !risk.startsWith(`${source.logical} has lost`)),
          ],
      blockers: taken === undefined ? [] : [taken],
      estimates: {
        etaSeconds: null,
        pauseMs: 0,
        records,
        bytes: sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0),
      },
    };
  }

  async fingerprint(json: JsonObject): Promise<JsonObject> {
    const parameters = parametersOf(json);
    const { source, schema, taken } = await this.#examine(parameters);
    const { engine } = this.options.directories.of(parameters.cluster);
    return fingerprintOf(engine.logId, { source, schema }, taken === undefined);
  }

  /** Removes the derivation that was begun, with its topic. One of its name that somebody else made stays. */
  async cancel(run: OperationRun): Promise<void> {
    const { cluster, request, derivationId } = parametersOf(run.parameters);
    await this.options.derivations.abandon(cluster, request.name, derivationId);
    await this.#release(run);
  }

  /** Nothing is left to destroy. */
  async finish(run: OperationRun): Promise<void> {
    await this.#release(run);
  }

  async #prepare(run: OperationRun): Promise<PhaseResult> {
    const { cluster, request, derivationId: id, createdBy } = parametersOf(run.parameters);
    const directory = this.options.directories.of(cluster);
    const { physical } = await directory.resolve(request.source);
    await holdTopic(directory.engine, 'derive', run.operationId, physical);
    await this.#pass('derive:held');
    await this.options.derivations.prepare(cluster, request, { id, createdBy });
    await this.#pass('derive:prepared');
    return { next: 'COPYING' };
  }

  async #copy(run: OperationRun): Promise<PhaseResult> {
    const { cluster, request } = parametersOf(run.parameters);
    const { definition, state } = await this.#find(run);
    // Somebody resumed it by hand: then its worker reads the rest, and two would take the session from each other.
    if (state !== 'RUNNING') {
      const directory = this.options.directories.of(cluster);
      const generation = await directory.generation(request.name);
      await this.options.derivations.workers.worker(directory, definition, generation).catchUp(paced(run));
      await this.#pass('derive:filled');
      await this.options.derivations.setState(cluster, request.name, 'RUNNING');
      await this.#pass('derive:running');
    }
    await this.#release(run);
    return { next: 'FINISHED' };
  }

  /** @throws `derivation-not-found` for one that was deleted meanwhile. */
  async #find(run: OperationRun): Promise<StoredDerivation> {
    const { cluster, request, derivationId } = parametersOf(run.parameters);
    const { engine } = this.options.directories.of(cluster);
    const stored = await this.options.store.find(engine.logId, request.name);
    if (stored?.definition.id !== derivationId || stored.state === 'DELETING') throw derivationNotFound(request.name);
    return stored;
  }

  /** @returns what is read and written, and why the name is not free. */
  async #examine({
    cluster,
    request,
  }: DeriveParameters): Promise<ExaminedDerivation & { readonly taken: string | undefined }> {
    const { derivations } = this.options;
    try {
      return { ...(await derivations.examine(cluster, request)), taken: undefined };
    } catch (error) {
      if (!isAppError(error, 'derivation-exists') && !isAppError(error, 'topic-exists')) throw error;
      return { ...(await derivations.sourceOf(cluster, request)), taken: error.message };
    }
  }

  async #release(run: OperationRun): Promise<void> {
    const { engine } = this.options.directories.of(parametersOf(run.parameters).cluster);
    await releaseHold(engine, 'derive', run.operationId);
  }

  async #pass(name: string): Promise<void> {
    await this.options.failPoint?.(name);
  }
}

/** What the plan relies on. Where the source stands moves all the time and is followed. */
function fingerprintOf(logId: string, { source, schema }: ExaminedDerivation, free: boolean): JsonObject {
  const { description } = source;
  return {
    logId,
    sourceTopicId: description.id,
    partitions: description.partitions.length,
    // A version that is deleted for good and registered anew is another schema.
    schemaId: schema?.schemaId ?? null,
    free,
  };
}

/** What the stream will lack, and what may go wrong while it is filled. */
function risksOf(
  { kind, key, deletes }: Pick<DerivationDefinition, 'kind' | 'key' | 'deletes'>,
  { logical, description }: ResolvedTopic,
  config: Readonly<Record<string, string>>,
): string[] {
  const begins = description.partitions.filter(({ startOffset }) => startOffset > 0);
  return [
    ...begins.map(
      ({ partition, startOffset }) =>
        `${logical} has lost its records before offset ${startOffset} of partition ${partition}: what they said is not known`,
    ),
    ...(key && !deletes
      ? [
          `tombstones: records of ${logical} without a value have none to take ${key.expr} from, so no key of the stream ends; say by 'deletes' which values end one`,
        ]
      : []),
    ...(kind === 'versioned' && isCompacted(config)
      ? [`${logical} is compacted: states between may be gone before they are read`]
      : []),
  ];
}
