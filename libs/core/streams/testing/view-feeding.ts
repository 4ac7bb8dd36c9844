import type { JsonObject, JsonValue } from '#libs/core/kernel';
import type { PartitionRecord } from '#libs/core/log';
import {
  expiredRows,
  type FieldType,
  FieldTypes,
  JsonRecordDecoder,
  mapRecords,
  parseDeclaration,
  planEvolution,
  SeenMembers,
  type EvolutionPlan,
  type EvolvedDeclaration,
  UNCHANGED,
  type SourcePosition,
  stepChanges,
  type StoredRows,
  type TransformInput,
  type TransformOutcome,
  type TransformProgram,
  Transforms,
  UnwrittenRows,
  type ViewDefinition,
  type ViewPositions,
  type ViewTables,
} from '../index.js';

const TYPES: Readonly<Record<string, FieldType>> = {
  'value.n': { type: 'integer' },
  'value.at': { type: 'timestamp' },
  'value.x': { type: 'real' },
  'value.ok': { type: 'boolean' },
  'value.price': { type: 'decimal(10,2)' },
};

/** Types by path, as a registered schema would tell them; text for all others. */
export class GivenTypes extends FieldTypes {
  async typeOf(_topic: string, path: { text: string }): Promise<FieldType> {
    return TYPES[path.text] ?? { type: 'text' };
  }

  async membersOf(): Promise<ReadonlyMap<string, FieldType>> {
    return new Map([
      ['street', { type: 'text' }],
      ['zip', { type: 'integer' }],
    ]);
  }
}

/** What the expressions of a view answer, by a function of the record. */
export type Answers = (
  value: JsonObject,
  key: JsonValue,
) => { readonly keep?: boolean; readonly end?: boolean; readonly computed?: JsonObject };

/** Expressions of views that a test answers itself, whatever their text. One that throws fails the record. */
export class AnsweredTransforms extends Transforms {
  constructor(private readonly answers: Answers = () => ({})) {
    super();
  }

  async check(): Promise<void> {}

  async apply(_program: TransformProgram, inputs: readonly TransformInput[]): Promise<readonly TransformOutcome[]> {
    return inputs.map(({ value, key, headers, timestamp }) => {
      try {
        const answer = this.answers(JSON.parse(value) as JsonObject, JSON.parse(key) as JsonValue);
        const text = JSON.stringify({ keep: true, end: false, computed: {}, ...answer });
        return { kind: 'kept', value: text, headers, timestamp };
      } catch (error) {
        return { kind: 'failed', failure: 'transform-failed', message: String(error) };
      }
    });
  }
}

/** A view that is made, claimed and fed. */
export interface FedView {
  readonly id: string;
  readonly view: ViewDefinition;
  readonly epoch: number;
  readonly declared: EvolvedDeclaration;
}

/** Steps after which a view that was made empty counts as built. */
const BUILT_AFTER = 6;

/** Feeds records to views, step by step, as a worker does: for its first steps a view that began empty is built, then followed. */
export class ViewFeeder {
  readonly #at = new Map<string, SourcePosition>();
  readonly #unwritten = new Map<string, UnwrittenRows>();
  readonly #commits = new Map<string, number>();

  constructor(
    private readonly tables: () => ViewTables,
    readonly transforms: Transforms = new AnsweredTransforms(),
    readonly types: FieldTypes = new GivenTypes(),
  ) {}

  async make(id: string, declaration: JsonObject): Promise<FedView> {
    const { definition: view, types } = await parseDeclaration('v', 'local', declaration, this);
    await this.tables().create(id, view);
    const { epoch, positions } = await this.tables().claim(id, view);
    for (const source of [...this.#at.keys()]) if (source.startsWith(`${id}/`)) this.#at.delete(source);
    this.#commits.set(id, positions.commit);
    if (positions.commit === 0) this.#unwritten.set(id, new UnwrittenRows());
    else this.#unwritten.delete(id);
    return { id, view, epoch, declared: { declaration, types, evolution: UNCHANGED } };
  }

  /** What becomes of a view by a declaration, with the types as they are now. */
  async plan({ id, view, declared }: FedView, declaration: JsonObject): Promise<EvolutionPlan> {
    const wanted = await parseDeclaration('v', 'local', declaration, this);
    const { seen } = await this.tables().revision(id, view);
    const stored = { name: 'v', cluster: 'local', ...declared };
    return planEvolution(stored, view, declaration, wanted, seen === null ? undefined : new SeenMembers(seen));
  }

  /** Changes a view in place as a plan says; goes on as a worker that has begun anew. @returns undefined when the tables refuse it. */
  async evolve({ id, view }: FedView, { inPlace }: EvolutionPlan): Promise<FedView | undefined> {
    if (inPlace === undefined || !(await this.tables().evolve(id, view, inPlace))) return undefined;
    const { epoch, positions } = await this.tables().claim(id, inPlace.definition);
    this.#commits.set(id, positions.commit);
    this.#unwritten.delete(id);
    return { id, view: inPlace.definition, epoch, declared: inPlace.to };
  }

  /** Records of one source as one step. */
  async feed(
    { id, view, epoch }: FedView,
    source: number,
    records: readonly PartitionRecord[],
  ): Promise<ViewPositions> {
    const place = `${id}/${source}`;
    const from = this.#at.get(place) ?? { generation: 1, next: [0, 0] };
    const next = [...from.next];
    for (const one of records) next[one.partition] = one.offset + 1;
    const to = { ...from, next };
    const members = new SeenMembers((await this.tables().revision(id, view)).seen ?? []);
    const tools = { decoder: new JsonRecordDecoder(), transforms: this.transforms, members };
    const {
      records: mapped,
      refused,
      seen,
    } = await mapRecords(view, source, `topic${source}`, from.generation, records, tools);
    const commit = this.#commits.get(id)!;
    const unwritten = this.#unwritten.get(id);
    if (commit >= BUILT_AFTER) unwritten?.forgetRows();
    const changes = await stepChanges(
      { view, source, stored: this.#stored(id, view), partitions: next.length, nowMs: 0, unwritten },
      mapped,
    );
    const positions = await this.tables().apply(id, view, epoch, {
      commit,
      move: { source, from, to },
      changes,
      refused,
      seen,
    });
    this.#at.set(place, to);
    this.#commits.set(id, positions.commit);
    return positions;
  }

  /** Removes what has no time left. */
  async tidy({ id, view, epoch }: FedView, nowMs: number): Promise<void> {
    const changes = await expiredRows(view, this.#stored(id, view), nowMs);
    const commit = this.#commits.get(id)!;
    this.#commits.set(id, (await this.tables().apply(id, view, epoch, { commit, changes, refused: [] })).commit);
  }

  #stored(id: string, view: ViewDefinition): StoredRows {
    const tables = this.tables();
    return {
      rows: (table, identities) => tables.rows(id, view, table, identities),
      find: (search) => tables.find(id, view, search),
    };
  }

  /** Goes on in another generation of a source, as after a repartition: offsets start anew. */
  async enter({ id, view, epoch }: FedView, source: number, to: SourcePosition): Promise<void> {
    const place = `${id}/${source}`;
    const from = this.#at.get(place) ?? { generation: 1, next: [0, 0] };
    const commit = this.#commits.get(id)!;
    const step = { commit, move: { source, from, to }, changes: [], refused: [] };
    this.#commits.set(id, (await this.tables().apply(id, view, epoch, step)).commit);
    this.#at.set(place, to);
  }
}

/** A record as the feeder takes it. */
export function record(
  offset: number,
  key: string | null,
  value: JsonValue | undefined,
  partition = 0,
  timestamp = 0,
): PartitionRecord {
  return {
    partition,
    offset,
    timestamp,
    headers: [],
    key: key === null ? null : Buffer.from(key),
    value: value === undefined ? null : Buffer.from(JSON.stringify(value)),
  };
}
