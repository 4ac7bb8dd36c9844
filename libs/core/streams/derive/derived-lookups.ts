import { AppError } from '#libs/core/kernel';
import {
  physicalName,
  type ReadVector,
  type TopicDirectories,
  type TopicDirectory,
  type TopicNames,
} from '#libs/core/log';
import { SourceReader } from '../source-reader.js';
import type { DerivationDefinition } from './derivation.js';
import type { DerivationStore } from './derivation-store.js';
import { KeyHistory } from './key-history.js';
import { LatestTable, type LatestSnapshot } from './latest-table.js';
import { VersionTable } from './version-table.js';

/** Every live key of a derived topic once (L5), with the vector at which that is so. */
export interface DerivedSnapshot {
  readonly rows: LatestSnapshot['rows'];
  readonly logId: string;
  readonly vector: ReadVector;
}

/** Looks into derived topics, by key. What it keeps is a cache of the topics. */
export class DerivedLookups {
  readonly #tables = new Map<string, LatestTable>();
  readonly #versions = new Map<string, VersionTable>();

  constructor(
    private readonly options: {
      readonly store: DerivationStore;
      readonly directories: TopicDirectories;
      readonly names: TopicNames;
    },
  ) {}

  /**
   * The latest state of a derived topic of either kind, as of now: in a versioned one it is the last version of each key (L1).
   * @throws `not-a-latest-stream` for any other topic.
   */
  async latest(cluster: string | undefined, topic: string, signal?: AbortSignal): Promise<LatestTable> {
    const directory = this.options.directories.of(cluster);
    const { id } = (await this.#filling(directory, topic)) ?? notLatest(topic);
    let table = this.#tables.get(id);
    if (table === undefined)
      this.#tables.set(id, (table = new LatestTable(new SourceReader(directory, this.options.names, topic))));
    await table.catchUp(signal);
    return table;
  }

  /** Every live key of a derived topic at one position, and how records behind it are read. @throws `not-a-latest-stream` */
  async snapshot(cluster: string | undefined, topic: string, signal?: AbortSignal): Promise<DerivedSnapshot> {
    const table = await this.latest(cluster, topic, signal);
    const { engine } = this.options.directories.of(cluster);
    const { rows, position } = await table.snapshot(signal);
    const { id } = await engine.describeTopic(physicalName(topic, position.generation));
    const positions = new Map(position.next.entries());
    return {
      rows,
      logId: engine.logId,
      vector: { generation: position.generation, topicId: id, whole: true, positions },
    };
  }

  /**
   * The states of the keys of a versioned stream, as of now.
   * @throws `not-a-versioned-stream` for any other topic.
   */
  async history(cluster: string | undefined, topic: string, signal?: AbortSignal): Promise<KeyHistory> {
    const directory = this.options.directories.of(cluster);
    const filling = await this.#filling(directory, topic);
    if (filling?.kind !== 'versioned') return notVersioned(topic);
    let table = this.#versions.get(filling.id);
    if (table === undefined)
      this.#versions.set(
        filling.id,
        (table = new VersionTable(new SourceReader(directory, this.options.names, topic))),
      );
    await table.catchUp(signal);
    return new KeyHistory(topic, directory.engine, table);
  }

  /** The derivation that fills a topic. @throws `topic-not-found` */
  async #filling(directory: TopicDirectory, topic: string): Promise<DerivationDefinition | undefined> {
    const stored = await this.options.store.find(directory.engine.logId, topic);
    if (stored !== undefined && stored.state !== 'DELETING') return stored.definition;
    await directory.resolve(topic);
    return undefined;
  }

  /** Lets go of what is kept of a derivation that is gone. */
  forget(id: string): void {
    this.#tables.delete(id);
    this.#versions.delete(id);
  }
}

function notVersioned(topic: string): never {
  throw new AppError({
    kind: 'conflict',
    code: 'not-a-versioned-stream',
    message: `Topic '${topic}' is not a versioned stream.`,
    hint: `Derive one: POST /v1/derivations {"kind": "versioned", "source": "${topic}", "name": "${topic}-versions"}.`,
    details: { topic },
  });
}

function notLatest(topic: string): never {
  throw new AppError({
    kind: 'conflict',
    code: 'not-a-latest-stream',
    message: `Topic '${topic}' is not a latest stream.`,
    hint: `Derive one: POST /v1/derivations {"kind": "latest", "source": "${topic}", "name": "${topic}-latest"}.`,
    details: { topic },
  });
}
