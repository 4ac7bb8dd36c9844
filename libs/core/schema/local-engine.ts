import { createHash } from 'node:crypto';
import { BoundedCache, isAppError, type AppError } from '#libs/core/kernel';
import {
  SchemaEngine,
  type NewSchemaRules,
  type ReadOptions,
  type SchemaReading,
  type SchemaSource,
  sourceKey,
  sourceLength,
  type SourceJudgement,
} from './engine.js';
import type { AvroForm } from './avro/mapping.js';
import type { SchemaCodec } from './codec.js';
import type { ParsedSchema, SchemaType } from './format.js';
import type { SchemaFormats } from './formats.js';
import { fails, judgeVersion, LEVELS, type Check, type EarlierVersion, type Verdict } from './levels.js';
import type { SchemaLimits } from './limits.js';
import { schemaFields, type SchemaFields } from './schema-fields.js';
import { schemaCodec } from './standard-codecs.js';
import { characterSketch } from './equivalence.js';
import { payloadRewriter } from './payload-rewriters.js';
import type { PayloadRewriter, PayloadRewriting, Rewritten } from './rewriting.js';
import type { StepBudget } from './step-budget.js';
import type { TagEdit, TaggedPart } from './tags.js';
import { requireReader, trialReader } from './trial-readers.js';
import type { ReadingTrial, TrialFailure, TrialReader } from './trial.js';
import { verdictWarnings, type Warning } from './warnings.js';

export interface LocalSchemaEngineOptions {
  /** Room for schemas understood lately, in bytes as estimated. */
  readonly cacheBytes?: number;
  readonly limits?: Partial<SchemaLimits>;
}

/** A schema that was understood. */
class Understood {
  #equivalence: Equivalence | null | undefined;
  readonly #codecs = new Map<AvroForm, SchemaCodec>();

  constructor(
    readonly parsed: ParsedSchema,
    /** What the rules for new schemas said, by the rules that were asked. */
    readonly refusals: ReadonlyMap<string, AppError | null>,
  ) {}

  /** Whether {@link equivalence} costs nothing. */
  get isCompared(): boolean {
    return this.#equivalence !== undefined;
  }

  hasCodec(form: AvroForm): boolean {
    return this.#codecs.has(form);
  }

  /** Made when it is first used. @throws `schema-invalid` where none can be made. */
  codec(form: AvroForm): SchemaCodec {
    let codec = this.#codecs.get(form);
    if (codec === undefined) this.#codecs.set(form, (codec = schemaCodec(this.parsed, form)));
    return codec;
  }

  /** Made when it is first compared. */
  get equivalence(): Equivalence | null {
    if (this.#equivalence === undefined) this.#equivalence = equivalenceOf(this.parsed);
    return this.#equivalence;
  }
}

const CACHE_BYTES = 96 * 1024 * 1024;
/** Steps that reading a character takes where a codec is made of the text too. */
const CODEC_STEPS: Readonly<Record<SchemaType, number>> = { AVRO: 0.6, JSON: 1, PROTOBUF: 1.5 };
/** Texts up to this length stand for themselves; longer ones are compared by digest. */
const SHORT_EQUIVALENCE = 200;

/**
 * Reads and compares in the thread that asks. What is asked with a budget gives up with `schema-too-complex` once that is spent: reading takes a step for each
 * character of what was not read lately. Without one, only the limits hold it back.
 */
export class LocalSchemaEngine extends SchemaEngine {
  readonly #understood: BoundedCache<Understood>;
  readonly #trialReaders: BoundedCache<TrialReader>;
  readonly #rewriters: BoundedCache<PayloadRewriter>;

  constructor(
    readonly formats: SchemaFormats,
    private readonly options: LocalSchemaEngineOptions = {},
  ) {
    super();
    this.#understood = new BoundedCache(options.cacheBytes ?? CACHE_BYTES);
    this.#trialReaders = new BoundedCache((options.cacheBytes ?? CACHE_BYTES) / 4);
    this.#rewriters = new BoundedCache((options.cacheBytes ?? CACHE_BYTES) / 4);
  }

  async read(source: SchemaSource, options: ReadOptions = {}, steps?: StepBudget): Promise<SchemaReading> {
    const key = keyOf(source, options.normalize);
    const known = this.#known(key, options);
    if (known?.isCompared === false) steps?.spend(sourceLength(source));
    return new LocalReading(
      known ?? this.#understandAs(key, source, options, steps),
      options.rules === undefined ? '' : nameOf(options.rules),
    );
  }

  async formatted(source: SchemaSource, format: string, steps?: StepBudget): Promise<string> {
    return this.#whole(source, steps).formatted(format);
  }

  async taggedParts(source: SchemaSource, steps?: StepBudget): Promise<readonly TaggedPart[]> {
    return this.#whole(source, steps).taggedParts();
  }

  async retagged(source: SchemaSource, edits: readonly TagEdit[], steps?: StepBudget): Promise<string> {
    return this.#whole(source, steps).retagged(edits);
  }

  async judge(judgement: SourceJudgement, steps?: StepBudget): Promise<Verdict> {
    const { level, candidate, normalize, earlier, policy, proofs } = judgement;
    const checks: Check[] = [];
    if (LEVELS[level].ask.length === 0) return { compatible: true, level, checks };
    const { parsed } = this.#understand(candidate, { normalize }, steps);
    const { limits } = this.options;
    for await (const { version, source } of earlier()) {
      const judged = judgeVersion(
        this.formats,
        { level, candidate: parsed, policy, proofs, limits, steps },
        { version, schema: this.#understand(source, {}, steps).parsed },
      );
      checks.push(...judged);
      if (judged.some(fails)) return { compatible: false, level, checks };
      if (LEVELS[level].against === 'latest') break;
    }
    return { compatible: true, level, checks };
  }

  async warnings(judgement: SourceJudgement, steps?: StepBudget): Promise<readonly Warning[]> {
    const { level, candidate, normalize, earlier, policy } = judgement;
    const versions: EarlierVersion[] = [];
    for await (const { version, source } of earlier()) {
      versions.push({ version, schema: () => this.#understand(source, {}, steps).parsed });
    }
    const { parsed } = this.#understand(candidate, { normalize }, steps);
    const { limits } = this.options;
    return verdictWarnings(this.formats, { level, candidate: parsed, earlier: versions, policy, limits, steps });
  }

  async codec(source: SchemaSource, form: AvroForm = 'plain', steps?: StepBudget): Promise<SchemaCodec> {
    const known = this.#known(keyOf(source), {});
    if (known?.hasCodec(form) !== true) {
      const { type } = this.formats.get(source.schemaType);
      steps?.spend(Math.ceil(sourceLength(source) * CODEC_STEPS[type]));
    }
    return (known ?? this.#understand(source, {})).codec(form);
  }

  async fields(source: SchemaSource, steps?: StepBudget): Promise<SchemaFields> {
    return schemaFields(this.#understand(source, {}, steps).parsed, steps);
  }

  async tried({ candidate, writers, records }: ReadingTrial): Promise<readonly TrialFailure[]> {
    const { parsed } = this.#understand(candidate, {});
    requireReader(parsed);
    const readers = new Map<number, TrialReader>();
    const readerOf = (writer: number): TrialReader => {
      const reader = readers.get(writer) ?? this.#paired(this.#trialReaders, trialReader, writers[writer]!, candidate);
      readers.set(writer, reader);
      return reader;
    };
    return records.flatMap((record, place) => {
      const failure = readerOf(record.writer).failure(record);
      return failure === undefined ? [] : [{ record: place, ...failure }];
    });
  }

  async rewritten({ reader, writers, records }: PayloadRewriting): Promise<readonly Rewritten[]> {
    requireReader(this.#understand(reader, {}).parsed);
    const rewriters = writers.map((writer) => this.#paired(this.#rewriters, payloadRewriter, writer, reader));
    return records.map((record) => rewriters[record.writer]!.rewritten(record));
  }

  /** What is made of the schemas of a writer and a reader, and kept for the next records. */
  #paired<T>(
    kept: BoundedCache<T>,
    make: (writer: ParsedSchema, reader: ParsedSchema) => T,
    writer: SchemaSource,
    reader: SchemaSource,
  ): T {
    const key = createHash('sha256')
      .update(`${keyOf(writer)}\n${keyOf(reader)}`)
      .digest('base64');
    const known = kept.get(key);
    if (known !== undefined) return known;
    const made = make(this.#understand(writer, {}).parsed, this.#understand(reader, {}).parsed);
    kept.set(key, made, 4_000 + (sourceLength(writer) + sourceLength(reader)) * 40);
    return made;
  }

  /** Whether a stored schema was read lately, so that its text is not needed and may be left empty. */
  knows(source: SchemaSource): boolean {
    return this.#understood.get(keyOf(source)) !== undefined;
  }

  /** The schema for something that goes through all of it. */
  #whole(source: SchemaSource, steps: StepBudget | undefined): ParsedSchema {
    steps?.spend(sourceLength(source));
    return this.#understand(source, {}, steps).parsed;
  }

  #understand(source: SchemaSource, options: ReadOptions, steps?: StepBudget): Understood {
    const key = keyOf(source, options.normalize);
    return this.#known(key, options) ?? this.#understandAs(key, source, options, steps);
  }

  #known(key: string, { rules }: ReadOptions): Understood | undefined {
    const known = this.#understood.get(key);
    return rules === undefined || known?.refusals.has(nameOf(rules)) === true ? known : undefined;
  }

  #understandAs(key: string, source: SchemaSource, options: ReadOptions, steps?: StepBudget): Understood {
    steps?.spend(sourceLength(source));
    const { parsed, refusals } = this.#parse(source, options.rules);
    const understood = new Understood(options.normalize === true ? parsed.normalised() : parsed, refusals);
    // A tree of objects takes about twenty times the room of its text.
    this.#understood.set(key, understood, 2_000 + key.length * 2 + sourceLength(source) * 20);
    return understood;
  }

  /** Text that keeps the rules for new schemas is the same schema without them, so it is read once. */
  #parse(source: SchemaSource, rules: NewSchemaRules | undefined): Pick<Understood, 'parsed' | 'refusals'> {
    const format = this.formats.get(source.schemaType);
    const options = { references: source.references, limits: this.options.limits };
    const read = () => format.parse(source.text, { ...options, validate: false });
    if (rules === undefined) return { parsed: read(), refusals: new Map() };
    try {
      const parsed = format.parse(source.text, { ...options, ...rules });
      return { parsed, refusals: new Map([[nameOf(rules), null]]) };
    } catch (error) {
      if (!isAppError(error, 'schema-invalid')) throw error;
      return { parsed: read(), refusals: new Map([[nameOf(rules), error]]) };
    }
  }
}

function nameOf({ validate, validateFields }: NewSchemaRules): string {
  return `${validate}/${validateFields}`;
}

/** What a tree tells. */
class LocalReading implements SchemaReading {
  readonly refusal: AppError | null;

  constructor(
    private readonly understood: Understood,
    rules: string,
  ) {
    this.refusal = understood.refusals.get(rules) ?? null;
  }

  get type() {
    return this.understood.parsed.type;
  }

  get canonical() {
    return this.understood.parsed.canonical;
  }

  get topLevelFieldNames() {
    return this.understood.parsed.topLevelFieldNames;
  }

  get outline() {
    return this.understood.parsed.outline();
  }

  get equivalence() {
    return this.understood.equivalence?.text ?? null;
  }

  get sketch() {
    return this.understood.equivalence?.sketch ?? null;
  }
}

interface Equivalence {
  readonly text: string;
  readonly sketch: string;
}

function equivalenceOf(parsed: ParsedSchema): Equivalence | null {
  let text: string;
  try {
    text = parsed.equivalence;
  } catch (error) {
    // Too large to be written out in one piece: it equals no other.
    if (isAppError(error, 'schema-too-large')) return null;
    throw error;
  }
  const short = text.length <= SHORT_EQUIVALENCE;
  return {
    text: short ? text : `sha256:${createHash('sha256').update(text).digest('base64')}`,
    sketch: characterSketch(text),
  };
}

function keyOf(source: SchemaSource, normalize = false): string {
  return `${normalize ? 'n' : 'p'}${sourceKey(source)}`;
}
