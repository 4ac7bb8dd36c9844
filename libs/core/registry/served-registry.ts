import type { Clock } from '#libs/core/kernel';
import type { Registry } from './registry.js';
import type { RegistryStore } from './store.js';

/** How much a registry holds. */
export interface RegistryAmount {
  readonly subjects: number;
  readonly versions: number;
  readonly schemas: number;
}

/** What is served and what is kept, both as of one revision. */
export interface ServedCount {
  readonly revision: number;
  /** Epoch ms. */
  readonly at: number;
  readonly served: RegistryAmount;
  readonly kept: RegistryAmount;
}

/** Between two counts. */
const EVERY_MS = 3_600_000;
/** Before counting again where the registry was changed all the time. */
const SOON_MS = 60_000;
const ATTEMPTS = 3;
/** Subjects looked at in one go. */
const AT_ONCE = 50;

/**
 * Counts now and then what this instance answers with, and holds it against the rows that are stored: what was lost on either side shows, whatever lost it. Answers come by
 * the same way as those of requests, from memory where they are there.
 */
export class ServedRegistry {
  #last: ServedCount | undefined;

  constructor(
    private readonly store: RegistryStore,
    private readonly registry: Registry,
    private readonly clock: Clock,
  ) {}

  /** The last count; undefined before the first. */
  get last(): ServedCount | undefined {
    return this.#last;
  }

  /**
   * Counts at once and then every hour, without an end.
   * @param counted called after each count. @throws what the store throws; the signal's reason.
   */
  async keep(signal: AbortSignal, counted: (count: ServedCount) => void): Promise<void> {
    for (;;) {
      const count = await this.count(signal);
      if (count !== undefined) counted(count);
      await this.clock.sleep(count === undefined ? SOON_MS : EVERY_MS, signal);
    }
  }

  /** One count; undefined where the registry was changed meanwhile each time, so that the two sides could not be compared. */
  async count(signal: AbortSignal): Promise<ServedCount | undefined> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const revision = await this.store.revision();
      const served = await this.#served(signal);
      const kept = await this.store.counts();
      if ((await this.store.revision()) !== revision) continue;
      this.#last = { revision, at: this.clock.now(), served, kept };
      return this.#last;
    }
    return undefined;
  }

  async #served(signal: AbortSignal): Promise<RegistryAmount> {
    const { view } = this.registry;
    const schemas = new Map<string, Set<number>>();
    let [subjects, versions] = [0, 0];
    await view.refresh();
    for await (const listed of this.registry.list(undefined, '')) {
      for (let at = 0; at < listed.length; at += AT_ONCE) {
        signal.throwIfAborted();
        for (const state of await view.subjects(listed.slice(at, at + AT_ONCE).map(({ subject }) => subject))) {
          if (state.versions.length > 0) subjects++;
          versions += state.versions.length;
          const { context } = state.subject;
          const ids = schemas.get(context) ?? new Set<number>();
          schemas.set(context, ids);
          for (const { schemaId } of state.versions) ids.add(schemaId);
        }
        await this.clock.sleep(0, signal);
      }
    }
    return { subjects, versions, schemas: [...schemas.values()].reduce((sum, ids) => sum + ids.size, 0) };
  }
}

/** What is wrong, in a line for people; undefined where what is served is what is kept. */
export function servedFault({ served, kept }: ServedCount): string | undefined {
  const parts = (['subjects', 'versions', 'schemas'] as const).filter((part) => served[part] !== kept[part]);
  if (parts.length === 0) return undefined;
  return `serves ${parts.map((part) => `${served[part]} ${part} where ${kept[part]} are stored`).join(', ')}`;
}
