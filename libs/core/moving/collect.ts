import { AppError, measureJson, type Clock, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { holdTopic, NO_TIMESTAMP, releaseHold, TopicReader, type TopicDirectories } from '#libs/core/log';
import { ConfluentSource } from './confluent-source.js';
import { DumpReading } from './dump-reading.js';
import { damaged } from './export-format.js';
import type { ImportParameters } from './import-parameters.js';
import { RegistryReading } from './registry-reading.js';
import { Renaming } from './selection.js';
import type { SourceRegistries } from './source-registry.js';
import { StagedAmount } from './staged-amount.js';
import type { ImportStaging } from './staging.js';
import { isDumpKey } from './topic-dump.js';

/** How a source is read. */
export interface CollectOptions {
  /** Aborted: nothing more is asked for, and the reading rejects with its reason. */
  readonly signal: AbortSignal;
  /** Whether a running registry is looked over again for what changed while it was read. */
  readonly settle: boolean;
  /** Operation for which a topic is held while it is read, so that nothing of it goes meanwhile. Unless given, nothing is held. */
  readonly hold?: string;
  /** Called after each step, with what it read. */
  readonly step: (entries: number) => Promise<void>;
}

/** Records of a topic, and their bytes, read at a time. */
const PAGE_RECORDS = 200;
const PAGE_BYTES = 4 * 1024 * 1024;
const MAX_DEPTH = 64;

/** Reads sources into the staging area. */
export class Collector {
  constructor(
    private readonly staging: ImportStaging,
    private readonly registries: SourceRegistries,
    private readonly directories: TopicDirectories,
    private readonly clock: Clock,
    private readonly mostCharacters: number,
  ) {}

  /**
   * Reads everything, going on where an earlier reading was cut short.
   * @throws `source-registry-…`, `topic-not-found`, `import-damaged`, `import-too-large`, `import-upload-not-found`.
   */
  async collect(id: string, parameters: ImportParameters, options: CollectOptions): Promise<void> {
    const staged = await this.staging.find(id);
    if (staged?.complete === true) return;
    const { origin } = parameters;
    if (origin.kind === 'upload') throw uploadNotFound(origin.upload);
    // A topic is short and read from its beginning; a registry is gone on with, subject by subject.
    if (staged === undefined || origin.kind === 'topic') await this.staging.begin(id, this.clock.now());
    const facts =
      origin.kind === 'registry'
        ? await this.#registry(id, origin.registry, parameters, options)
        : await this.#heldTopic(id, origin.cluster, origin.topic, options);
    await this.staging.complete(id, facts);
  }

  #registry(id: string, name: string, parameters: ImportParameters, options: CollectOptions): Promise<JsonObject> {
    const source = new ConfluentSource(this.registries.get(name), options.signal);
    const amount = new StagedAmount(this.mostCharacters);
    return new RegistryReading(this.staging, id, source, new Renaming(parameters), amount, options).read();
  }

  /** The topic is read from its beginning each time, so that nothing is held between two readings. */
  async #heldTopic(id: string, cluster: string, topic: string, options: CollectOptions): Promise<JsonObject> {
    const directory = this.directories.of(cluster);
    const { hold } = options;
    if (hold === undefined) return await this.#topic(id, cluster, topic, options);
    await holdTopic(directory.engine, 'import', hold, (await directory.resolve(topic)).physical);
    try {
      return await this.#topic(id, cluster, topic, options);
    } finally {
      await releaseHold(directory.engine, 'import', hold);
    }
  }

  async #topic(id: string, cluster: string, topic: string, options: CollectOptions): Promise<JsonObject> {
    const directory = this.directories.of(cluster);
    const reader = new TopicReader(directory);
    const { description } = await directory.resolve(topic);
    if (description.partitions.length !== 1) throw damaged(`topic '${topic}' has more than one partition`);
    const reading = new DumpReading();
    const amount = new StagedAmount(this.mostCharacters);
    let at = await reader.start(topic, undefined, { kind: 'start' });
    for (;;) {
      const page = await reader.read(topic, at, {
        records: PAGE_RECORDS,
        maxBytes: PAGE_BYTES,
        waitMs: 0,
        signal: options.signal,
      });
      options.signal.throwIfAborted();
      const changes = page.records.flatMap(({ key, value, offset, timestamp }) => {
        const what = `the record at offset ${offset}`;
        const parsedKey = parsed(key);
        if (!isDumpKey(parsedKey)) throw damaged(`${what} has no key of a registry`);
        const parsedValue = parsed(value);
        if (parsedValue === undefined) {
          reading.invalid(`${what} cannot be imported: its value is no JSON.`);
          return [];
        }
        const written = timestamp === NO_TIMESTAMP ? undefined : timestamp;
        return reading.changes({ key: parsedKey, value: parsedValue }, what, written);
      });
      amount.take(page.records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0));
      await this.staging.write(id, changes);
      at = page.next;
      if (page.records.length === 0 && page.atEnd) break;
      await options.step(page.records.length);
    }
    await this.staging.write(id, reading.conclusion());
    return { format: 'topic', ...reading.facts() };
  }
}

/** Null stays null: nothing, or a record that ends its key. @returns undefined for what is no JSON. */
function parsed(bytes: Uint8Array | null): JsonValue | undefined {
  if (bytes === null) return null;
  if (measureJson(bytes).depth > MAX_DEPTH) return undefined;
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as JsonValue;
  } catch {
    return undefined;
  }
}

export function uploadNotFound(upload: string): AppError {
  return new AppError({
    kind: 'not-found',
    code: 'import-upload-not-found',
    message: `There is no upload '${upload.slice(0, 100)}'.`,
    hint: 'Post the file again; uploads that no import uses are kept for a day.',
  });
}
