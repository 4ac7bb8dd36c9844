import { AppError } from '#libs/core/kernel';
import { Clusters, type LogEngine } from '#libs/core/log';

/** Why a cluster of the configuration is not there. */
export interface Absence {
  /** What the last attempt to reach it met; undefined while the first is under way. */
  readonly cause: Error | undefined;
  /** Until the next attempt, ms, as of when the last one failed. */
  readonly againInMs: number;
}

/** The engines of the configuration, by name. A cluster that has not been reached yet has none, and {@link get} says why. */
export class ConfiguredClusters extends Clusters {
  readonly #engines = new Map<string, LogEngine>();
  readonly #absences = new Map<string, Absence>();

  /** @param configured names, in the order in which they are listed. @param standard the one that is meant where none is named. */
  constructor(
    private readonly configured: readonly string[],
    private readonly standard: string | undefined,
  ) {
    super();
  }

  /** `local` where there is no cluster at all: asking for it then says that there is none. */
  get defaultName(): string {
    return this.standard ?? 'local';
  }

  get(name: string): LogEngine {
    const engine = this.#engines.get(name);
    if (engine !== undefined) return engine;
    if (this.configured.includes(name)) throw clusterAway(name, this.#absences.get(name));
    const names = this.names();
    throw new AppError({
      kind: 'not-found',
      code: 'cluster-not-found',
      message: `There is no cluster '${name}'.`,
      hint:
        names.length === 0
          ? 'This service is a registry alone: log.enabled is false.'
          : `Clusters: ${names.join(', ')}.`,
      details: { cluster: name },
    });
  }

  names(): readonly string[] {
    return this.configured;
  }

  override present(): readonly string[] {
    return this.configured.filter((name) => this.#engines.has(name));
  }

  /**
   * From here on the cluster is there.
   * @throws `invalid-configuration` when its log is that of another one: what belongs to the log would be done twice. Nothing has changed then.
   */
  join(name: string, engine: LogEngine): void {
    for (const [other, { logId }] of this.#engines)
      if (logId === engine.logId && other !== name) throw sameLog(name, other, logId);
    this.#engines.set(name, engine);
    this.#absences.delete(name);
  }

  /** An attempt to reach the cluster has failed. */
  missed(name: string, absence: Absence): void {
    this.#absences.set(name, absence);
  }
}

/** Retry-After is in whole seconds, and less than one is of no use to anybody. */
const LEAST_WAIT_MS = 1_000;

function clusterAway(cluster: string, { cause, againInMs }: Absence = { cause: undefined, againInMs: 0 }): AppError {
  const why = cause === undefined ? 'it is being connected to' : cause.message;
  return new AppError({
    kind: 'unavailable',
    code: 'cluster-unavailable',
    message: `Cluster '${cluster}' has not been reached since the service started: ${why}`,
    hint: 'It is tried again by itself. What needs no other cluster, and the schema registry, work meanwhile; /readyz tells.',
    details: { cluster },
    retryable: true,
    retryAfterMs: Math.max(LEAST_WAIT_MS, againInMs),
    ...(cause === undefined ? {} : { cause }),
  });
}

const sameLog = (name: string, other: string, logId: string): AppError =>
  new AppError({
    kind: 'invalid',
    code: 'invalid-configuration',
    message: `Clusters '${name}' and '${other}' are one and the same, ${logId}.`,
    hint: 'Configure each Kafka cluster under one name.',
    details: { cluster: name },
  });
