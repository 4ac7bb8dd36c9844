import { AppError } from '#libs/core/kernel';
import { Clusters, type LogEngine } from '#libs/core/log';

/** The engines of the configuration, by name. */
export class ConfiguredClusters extends Clusters {
  readonly #engines: ReadonlyMap<string, LogEngine>;
  readonly #defaultName: string | undefined;

  constructor(engines: ReadonlyMap<string, LogEngine>, defaultName: string | undefined) {
    super();
    this.#engines = engines;
    this.#defaultName = defaultName;
  }

  /** `local` where there is no cluster at all: asking for it then says that there is none. */
  get defaultName(): string {
    return this.#defaultName ?? 'local';
  }

  get(name: string): LogEngine {
    const engine = this.#engines.get(name);
    if (engine !== undefined) return engine;
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
    return [...this.#engines.keys()];
  }
}
