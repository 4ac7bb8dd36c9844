import { AppError, type Clock, type JsonValue } from '#libs/core/kernel';
import type { LogEngine, TopicDescription, TopicDirectories } from '#libs/core/log';
import type { Plan } from '#libs/core/operations';
import { jsonChanges, type JsonChange } from '../derive/json-changes.js';
import type { Migrated } from './migration-router.js';
import type { MigrationParameters } from './parameters.js';
import { type MigrationTools, routerBack, rulesThere } from './plan.js';
import { placesThatDiffer, rehearse, type Rehearsed, type RehearsalTally, tallyOf, valueOf } from './rehearsal.js';
import { type RecordPlace, recordsAt, recordsFromPlace, sampleRecords, type SampledRecord } from './sampled-records.js';

/** How much somebody wants to see. */
export interface SampleRequest {
  /** Records, spread evenly. */
  readonly n: number;
  /** Show these, and no others. */
  readonly at?: readonly RecordPlace[] | undefined;
  /** Show what comes from this place on, one record after another. */
  readonly from?: RecordPlace | undefined;
  /** Show so many of each schema that values name, of which more are looked at; undefined: whatever comes. */
  readonly perSchemaId: number | undefined;
}

/** What a plan would make of one record. Shows contents: only for those who may read the topic. */
export interface SampledMigration {
  readonly partition: number;
  readonly offset: number;
  /** The schema the value names; null for none. */
  readonly schemaId: number | null;
  readonly outcome: 'same' | 'changed' | 'left-out' | 'poison';
  /** Undefined for what cannot be shown as JSON. */
  readonly before: JsonValue | undefined;
  readonly after: JsonValue | undefined;
  /** Of the value. */
  readonly changes: readonly JsonChange[];
  /** Headers and timestamp that become others. */
  readonly otherParts: readonly string[];
  readonly poison: string | null;
  readonly message: string | null;
  /** A second evaluation came to the same. */
  readonly deterministic: boolean;
  /** Places that the way back does not restore; null where there is none. */
  readonly lost: readonly string[] | null;
}

export interface SampleReport {
  readonly tally: RehearsalTally;
  /** Places that need not be restored. */
  readonly lossy: readonly string[];
  readonly records: readonly SampledMigration[];
  /** Where the next page begins; null at the end, and for a sample that is spread. */
  readonly next: RecordPlace | null;
  readonly tookMs: number;
}

/** Records looked at for each that is shown, where schemas are to be told apart. */
const LOOK_FURTHER = 20;

/** Shows what a planned migration would make of present records. Reads, changes nothing. */
export class MigrationSamples {
  constructor(
    private readonly tools: MigrationTools & { readonly directories: TopicDirectories; readonly clock: Clock },
  ) {}

  /** @throws `not-a-migration-plan`; `topic-not-found` when the topic is gone. */
  async sample(plan: Plan, request: SampleRequest, signal?: AbortSignal): Promise<SampleReport> {
    if (plan.kind !== 'migration') throw notAMigration(plan);
    const parameters = plan.parameters as unknown as MigrationParameters;
    const { clock, directories, values } = this.tools;
    const began = clock.monotonic();
    const directory = directories.of(parameters.cluster);
    const { description } = await directory.resolve(parameters.topic);
    const { records: samples, next } = await this.#chosen(
      directory.engine,
      description,
      parameters.topic,
      request,
      signal,
    );
    const rehearsed = await rehearse(samples, {
      topic: parameters.topic,
      there: rulesThere(parameters, this.tools, true),
      back: parameters.reverseTail ? routerBack(parameters, this.tools) : undefined,
      values,
      signal,
    });
    const records: SampledMigration[] = [];
    for (const one of rehearsed) records.push(await this.#shown(parameters.topic, one));
    return {
      tally: tallyOf(rehearsed, parameters.lossy),
      lossy: parameters.lossy,
      records,
      next,
      tookMs: clock.monotonic() - began,
    };
  }

  async #chosen(
    engine: LogEngine,
    topic: TopicDescription,
    logical: string,
    { n, perSchemaId, at, from }: SampleRequest,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly records: readonly SampledRecord[]; readonly next: RecordPlace | null }> {
    if (at !== undefined) return { records: await recordsAt(engine, topic, at), next: null };
    if (from !== undefined) return await recordsFromPlace(engine, topic, from, n, signal);
    const looked = await sampleRecords(engine, topic, perSchemaId === undefined ? n : n * LOOK_FURTHER, signal);
    if (perSchemaId === undefined) return { records: looked, next: null };
    return { records: await this.#ofEachSchema(logical, looked, n, perSchemaId), next: null };
  }

  async #ofEachSchema(
    topic: string,
    samples: readonly SampledRecord[],
    n: number,
    most: number,
  ): Promise<SampledRecord[]> {
    const counts = new Map<number | null, number>();
    const chosen: SampledRecord[] = [];
    for (const sample of samples) {
      const schema = await this.#schemaOf(topic, sample);
      const count = (counts.get(schema) ?? 0) + 1;
      counts.set(schema, count);
      if (count <= most && chosen.length < n) chosen.push(sample);
    }
    return chosen;
  }

  async #schemaOf(topic: string, { record }: SampledRecord): Promise<number | null> {
    if (record.value === null) return null;
    try {
      return (await this.tools.values.read(topic, record.value, record.headers)).schema?.schemaId ?? null;
    } catch {
      return null;
    }
  }

  async #shown(topic: string, rehearsed: Rehearsed): Promise<SampledMigration> {
    const { partition, record, migrated, isStable, back } = rehearsed;
    const { values } = this.tools;
    const before = await valueOf(topic, values, record);
    const other = migrated.kind === 'other' ? migrated.record : undefined;
    const after = other === undefined ? undefined : await valueOf(topic, values, other);
    const places = other === undefined ? [] : await placesThatDiffer(topic, values, record, other);
    return {
      partition,
      offset: record.offset,
      schemaId: await this.#schemaOf(topic, rehearsed),
      outcome: OUTCOMES[migrated.kind],
      before,
      after: migrated.kind === 'same' ? before : after,
      changes: before === undefined || after === undefined ? [] : jsonChanges(before, after),
      otherParts: places.filter((place) => place !== '' && !place.startsWith('/')),
      poison: migrated.kind === 'poison' ? migrated.poison : null,
      message: migrated.kind === 'poison' ? migrated.message : null,
      deterministic: isStable,
      lost: back === undefined ? null : 'failed' in back ? [''] : back.lost,
    };
  }
}

const OUTCOMES: Readonly<Record<Migrated['kind'], SampledMigration['outcome']>> = {
  same: 'same',
  other: 'changed',
  'left-out': 'left-out',
  poison: 'poison',
};

function notAMigration({ hash, kind }: Plan): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'not-a-migration-plan',
    message: `Plan ${hash.slice(0, 12)} is one of kind '${kind}', not a migration.`,
    hint: 'Name the hash that POST /v1/migrations/plans answered.',
    details: { planHash: hash, kind },
  });
}
