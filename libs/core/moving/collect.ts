import { AppError, isAppError, isJsonObject, type Clock, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { TopicReader, type TopicDirectories } from '#libs/core/log';
import { ConfluentSource } from './confluent-source.js';
import { damaged } from './export-format.js';
import type { ImportParameters } from './import-parameters.js';
import { Renaming } from './selection.js';
import type { SourceRegistries } from './source-registry.js';
import type { ImportStaging, StagingChange } from './staging.js';
import { changesOf, isDumpKey } from './topic-dump.js';

/** How far reading a source may go. */
export interface CollectOptions {
  readonly signal: AbortSignal;
  /** Called after each step; answers whether to go on. */
  readonly step: (entries: number) => Promise<boolean>;
}

const LISTED = 20;

/** Reads sources into the staging area. */
export class Collector {
  constructor(
    private readonly staging: ImportStaging,
    private readonly registries: SourceRegistries,
    private readonly directories: TopicDirectories,
    private readonly clock: Clock,
  ) {}

  /**
   * Goes on where an earlier reading was cut short. @returns whether everything has been read.
   * @throws `source-registry-…`, `topic-not-found`, `import-damaged`, `import-upload-not-found`.
   */
  async collect(id: string, parameters: ImportParameters, options: CollectOptions): Promise<boolean> {
    const staged = await this.staging.find(id);
    if (staged?.complete === true) return true;
    const { origin } = parameters;
    if (origin.kind === 'upload') throw uploadNotFound(origin.upload);
    // A topic is short and read from its beginning; a registry is gone on with, subject by subject.
    if (staged === undefined || origin.kind === 'topic') await this.staging.begin(id, this.clock.now());
    return origin.kind === 'registry'
      ? this.#registry(id, origin.registry, parameters, options)
      : this.#topic(id, origin.cluster, origin.topic, options);
  }

  async #registry(id: string, name: string, parameters: ImportParameters, options: CollectOptions): Promise<boolean> {
    const source = new ConfluentSource(this.registries.get(name), options.signal);
    const wanted = new Renaming(parameters);
    const invalid: string[] = [];
    const put = async (entries: readonly StagingChange[]) => this.staging.write(id, entries);
    const contexts = await source.contexts();
    const { subjects, invalid: unusable } = await source.subjects();
    invalid.push(...unusable);
    for (const scope of source.scopes(contexts)) {
      await put((await source.settings(scope)).map((entry) => ({ type: 'put', entry })));
    }
    for (const subject of subjects) {
      if (!wanted.isSubjectSelected(subject) || (await this.staging.isRead(id, subject))) continue;
      let count = 0;
      for await (const page of source.subject(subject)) {
        count += page.entries.length;
        invalid.push(...page.invalid);
        await put(page.entries.map((entry) => ({ type: 'put', entry })));
      }
      await put([{ type: 'subject-read', subject }]);
      if (!(await options.step(count))) return false;
    }
    await this.staging.complete(id, { format: 'registry', invalid: listed(invalid) });
    return true;
  }

  async #topic(id: string, cluster: string, topic: string, options: CollectOptions): Promise<boolean> {
    const reader = new TopicReader(this.directories.of(cluster));
    const { description } = await this.directories.of(cluster).resolve(topic);
    if (description.partitions.length !== 1) throw damaged(`topic '${topic}' has more than one partition`);
    const invalid: string[] = [];
    const records: Record<string, number> = {};
    let at = await reader.start(topic, undefined, { kind: 'start' });
    for (;;) {
      const page = await reader.read(topic, at, {
        records: 200,
        maxBytes: 4 * 1024 * 1024,
        waitMs: 0,
        signal: options.signal,
      });
      const changes: StagingChange[] = [];
      for (const { key, value, offset } of page.records) {
        const what = `the record at offset ${offset}`;
        const parsedKey = parsed(key);
        if (!isDumpKey(parsedKey)) throw damaged(`${what} has no key of a registry`);
        try {
          const found = changesOf({ key: parsedKey, value: parsed(value) }, what);
          const type = found.type ?? 'other';
          records[type] = (records[type] ?? 0) + 1;
          changes.push(...found.changes);
        } catch (error) {
          if (!isAppError(error, 'import-entry-invalid')) throw error;
          invalid.push(error.message);
        }
      }
      await this.staging.write(id, changes);
      at = page.next;
      if (page.records.length === 0 && page.atEnd) break;
      if (!(await options.step(page.records.length))) return false;
    }
    await this.staging.complete(id, { format: 'topic', records, invalid: listed(invalid) });
    return true;
  }
}

function listed(invalid: readonly string[]): JsonObject {
  return { count: invalid.length, first: invalid.slice(0, LISTED) };
}

function parsed(bytes: Uint8Array | null): JsonValue {
  if (bytes === null) return null;
  try {
    const json = JSON.parse(Buffer.from(bytes).toString('utf8')) as JsonValue;
    return isJsonObject(json) ? json : null;
  } catch {
    return null;
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
