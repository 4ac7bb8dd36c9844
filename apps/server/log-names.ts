import type { LogEngine, TopicLifecycle, TopicNames } from '#libs/core/log';
import { rebuildTopicNames } from '#libs/core/streams';
import type { Logger } from '#libs/platform/observability';

/** A log that came without its names, since the metadata store is a new one, tells itself which generations stand behind them, and what was deleted and kept, or frozen. */
export class LogNames {
  /** Logs of which nothing was known; they are told apart before the first names are written. */
  readonly #unknown = new Set<string>();

  constructor(
    private readonly names: TopicNames,
    private readonly lifecycle: TopicLifecycle,
    private readonly logger: Logger,
  ) {}

  /** Writes the names of generations, before anybody uses one. Harmless to repeat. */
  async restore(log: LogEngine): Promise<void> {
    // One that was cut short is gone through again: names that were written are left alone.
    if (!this.#unknown.has(log.logId) && (await this.names.list(log.logId)).length > 0) return;
    this.#unknown.add(log.logId);
    this.#tell(log, await rebuildTopicNames(log, this.names));
  }

  /** Writes what guards topics, of a log that was restored and is a cluster now. Harmless to repeat. */
  async adopt(cluster: string, log: LogEngine): Promise<void> {
    if (!this.#unknown.has(log.logId)) return;
    this.#tell(log, await this.lifecycle.adopt(cluster));
    this.#unknown.delete(log.logId);
  }

  #tell({ logId }: LogEngine, topics: readonly string[]): void {
    if (topics.length > 0) this.logger.warn({ logId, topics }, 'names of topics were restored from the log');
  }
}
