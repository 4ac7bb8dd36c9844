import { BoundedCache, isAppError } from '#libs/core/kernel';
import type { Registry } from '#libs/core/registry';
import {
  sourceLength,
  type Envelope,
  type SchemaEngine,
  type SchemaSource,
  type TrialFailure,
  type TrialRecord,
} from '#libs/core/schema';

/** A record to be tried, with what it says of its schema. */
export interface AddressedRecord {
  readonly envelope: Envelope;
  readonly record: Omit<TrialRecord, 'writer'>;
}

/** What became of it. */
export interface TriedRecord {
  /** Null: the registry has no schema of the name that the record gives. */
  readonly schemaId: number | null;
  readonly failure: Omit<TrialFailure, 'record'> | undefined;
}

interface Writer {
  readonly schemaId: number;
  readonly source: SchemaSource;
}

/** A record of a trial, with its place among all that were asked for. */
interface Trying {
  readonly place: number;
  readonly record: TrialRecord;
}

const WRITER_BYTES = 16 * 1024 * 1024;
/** Characters of writers' schemas that go to a thread with one trial, unless a single one is longer. */
const TEXT_TOGETHER = 4 * 1024 * 1024;

/** Finds the schemas that records were written with, and has the candidate tried. Which schema a name stands for never changes. */
export class RecordTrials {
  readonly #writers = new BoundedCache<Writer>(WRITER_BYTES);

  constructor(
    private readonly registry: Registry,
    private readonly engine: SchemaEngine,
    private readonly candidate: SchemaSource,
  ) {}

  /** One outcome for each record, in their order. */
  async outcomes(records: readonly AddressedRecord[]): Promise<readonly TriedRecord[]> {
    const outcomes = records.map((): TriedRecord => ({ schemaId: null, failure: undefined }));
    const writers = new Map<Writer, number>();
    const unknown = new Set<string>();
    let trying: Trying[] = [];
    let text = 0;
    for (const [place, { envelope, record }] of records.entries()) {
      const key = envelope.form === 'id' ? `./${envelope.schemaId}` : envelope.guid;
      const writer = unknown.has(key) ? undefined : (this.#writers.get(key) ?? (await this.#find(envelope, key)));
      if (writer === undefined) {
        unknown.add(key);
        continue;
      }
      outcomes[place] = { schemaId: writer.schemaId, failure: undefined };
      if (!writers.has(writer)) {
        text += sourceLength(writer.source);
        if (writers.size > 0 && text > TEXT_TOGETHER) {
          await this.#try([...writers.keys()], trying, outcomes);
          [trying, text] = [[], sourceLength(writer.source)];
          writers.clear();
        }
        writers.set(writer, writers.size);
      }
      trying.push({ place, record: { ...record, writer: writers.get(writer)! } });
    }
    await this.#try([...writers.keys()], trying, outcomes);
    return outcomes;
  }

  /** Halves what is too much for one go. A record that is too much by itself is one that no reader should meet. */
  async #try(writers: readonly Writer[], trying: readonly Trying[], outcomes: TriedRecord[]): Promise<void> {
    if (trying.length === 0) return;
    const fail = (at: number, failure: TriedRecord['failure']): void => {
      const { place, record } = trying[at]!;
      outcomes[place] = { schemaId: writers[record.writer]!.schemaId, failure };
    };
    try {
      const failures = await this.engine.tried({
        candidate: this.candidate,
        writers: writers.map(({ source }) => source),
        records: trying.map(({ record }) => record),
      });
      for (const { record, ...failure } of failures) fail(record, failure);
    } catch (error) {
      if (!isAppError(error, 'schema-too-complex')) throw error;
      if (trying.length === 1) {
        fail(0, { by: 'candidate', path: '', reason: 'reading it takes longer than one record may' });
        return;
      }
      const half = trying.length >> 1;
      await this.#try(writers, trying.slice(0, half), outcomes);
      await this.#try(writers, trying.slice(half), outcomes);
    }
  }

  /** Undefined where the registry has none. That is asked again with the next records: it may be registered while the scan goes on. */
  async #find(envelope: Envelope, key: string): Promise<Writer | undefined> {
    try {
      const { schema } =
        envelope.form === 'id'
          ? await this.registry.schemaById(envelope.schemaId)
          : await this.registry.schemaByGuid(envelope.guid);
      const writer = { schemaId: schema.id, source: await this.registry.view.source(schema) };
      this.#writers.set(key, writer, 500 + sourceLength(writer.source) * 2);
      return writer;
    } catch (error) {
      if (isAppError(error, 'schema-not-found')) return undefined;
      throw error;
    }
  }
}
