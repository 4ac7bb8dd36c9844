import { createHash } from 'node:crypto';
import { BoundedCache, isAppError, type AppError } from '#libs/core/kernel';
import {
  SchemaEngine,
  type NewSchemaRules,
  type ReadOptions,
  type SchemaReading,
  type SchemaSource,
  type SourceJudgement,
} from './engine.js';
import type { ParsedSchema } from './format.js';
import type { SchemaFormats } from './formats.js';
import { fails, judgeVersion, LEVELS, type Check, type EarlierVersion, type Verdict } from './levels.js';
import type { SchemaLimits } from './limits.js';
import type { TagEdit, TaggedPart } from './tags.js';
import { verdictWarnings, type Warning } from './warnings.js';

export interface LocalSchemaEngineOptions {
  /** Room for schemas understood lately, in bytes as estimated. */
  readonly cacheBytes?: number;
  readonly limits?: Partial<SchemaLimits>;
}

/** A schema that was understood. */
interface Understood {
  readonly parsed: ParsedSchema;
  /** What the rules for new schemas said, by the rules that were asked. */
  readonly refusals: ReadonlyMap<string, AppError | null>;
}

const CACHE_BYTES = 96 * 1024 * 1024;
/** Texts up to this length stand for themselves; longer ones are compared by digest. */
const SHORT_EQUIVALENCE = 200;

/** Reads and compares in the thread that asks, with nothing held back but the limits. */
export class LocalSchemaEngine extends SchemaEngine {
  readonly #understood: BoundedCache<Understood>;

  constructor(
    readonly formats: SchemaFormats,
    private readonly options: LocalSchemaEngineOptions = {},
  ) {
    super();
    this.#understood = new BoundedCache(options.cacheBytes ?? CACHE_BYTES);
  }

  async read(source: SchemaSource, options: ReadOptions = {}): Promise<SchemaReading> {
    const { parsed, refusals } = this.#understand(source, options);
    return new LocalReading(parsed, refusals.get(nameOf(options.rules)) ?? null);
  }

  async formatted(source: SchemaSource, format: string): Promise<string> {
    return this.#understand(source, {}).parsed.formatted(format);
  }

  async taggedParts(source: SchemaSource): Promise<readonly TaggedPart[]> {
    return this.#understand(source, {}).parsed.taggedParts();
  }

  async retagged(source: SchemaSource, edits: readonly TagEdit[]): Promise<string> {
    return this.#understand(source, {}).parsed.retagged(edits);
  }

  async judge({ level, candidate, normalize, earlier, policy }: SourceJudgement): Promise<Verdict> {
    const checks: Check[] = [];
    if (LEVELS[level].ask.length === 0) return { compatible: true, level, checks };
    const { parsed } = this.#understand(candidate, { normalize });
    const { limits } = this.options;
    for await (const { version, source } of earlier()) {
      const judged = judgeVersion(
        this.formats,
        { level, candidate: parsed, policy, limits },
        { version, schema: this.#understand(source, {}).parsed },
      );
      checks.push(...judged);
      if (judged.some(fails)) return { compatible: false, level, checks };
      if (LEVELS[level].against === 'latest') break;
    }
    return { compatible: true, level, checks };
  }

  async warnings({ level, candidate, normalize, earlier, policy }: SourceJudgement): Promise<readonly Warning[]> {
    const versions: EarlierVersion[] = [];
    for await (const { version, source } of earlier()) {
      versions.push({ version, schema: () => this.#understand(source, {}).parsed });
    }
    const { parsed } = this.#understand(candidate, { normalize });
    const { limits } = this.options;
    return verdictWarnings(this.formats, { level, candidate: parsed, earlier: versions, policy, limits });
  }

  async parsed(source: SchemaSource): Promise<ParsedSchema> {
    return this.#understand(source, {}).parsed;
  }

  #understand(source: SchemaSource, { normalize = false, rules }: ReadOptions): Understood {
    const key = keyOf(source, normalize);
    const known = this.#understood.get(key);
    if (known !== undefined && (rules === undefined || known.refusals.has(nameOf(rules)))) return known;
    const read = this.#parse(source, rules);
    const understood = normalize ? { ...read, parsed: read.parsed.normalised() } : read;
    // A tree of objects takes about twenty times the room of its text.
    this.#understood.set(key, understood, 2_000 + key.length * 2 + source.text.length * 20);
    return understood;
  }

  /** Text that keeps the rules for new schemas is the same schema without them, so it is read once. */
  #parse(source: SchemaSource, rules: NewSchemaRules | undefined): Understood {
    const format = this.formats.get(source.schemaType);
    const options = { references: source.references, limits: this.options.limits };
    let refusal: AppError | null = null;
    if (rules !== undefined) {
      try {
        const parsed = format.parse(source.text, { ...options, ...rules });
        return { parsed, refusals: new Map([[nameOf(rules), null]]) };
      } catch (error) {
        if (!isAppError(error, 'schema-invalid')) throw error;
        refusal = error;
      }
    }
    const parsed = format.parse(source.text, { ...options, validate: false });
    return { parsed, refusals: refusal === null ? NOT_ASKED : new Map([[nameOf(rules), refusal]]) };
  }
}

const NOT_ASKED: ReadonlyMap<string, AppError | null> = new Map();

function nameOf(rules: NewSchemaRules | undefined): string {
  return rules === undefined ? '' : `${rules.validate}/${rules.validateFields}`;
}

/** What a tree tells. The equivalence is only made for those that are compared. */
class LocalReading implements SchemaReading {
  #equivalence: string | null | undefined;

  constructor(
    private readonly parsed: ParsedSchema,
    readonly refusal: AppError | null,
  ) {}

  get type() {
    return this.parsed.type;
  }

  get canonical() {
    return this.parsed.canonical;
  }

  get topLevelFieldNames() {
    return this.parsed.topLevelFieldNames;
  }

  get outline() {
    return this.parsed.outline();
  }

  get equivalence(): string | null {
    if (this.#equivalence === undefined) this.#equivalence = equivalenceOf(this.parsed);
    return this.#equivalence;
  }
}

function equivalenceOf(parsed: ParsedSchema): string | null {
  let text: string;
  try {
    text = parsed.equivalence;
  } catch (error) {
    // Too large to be written out in one piece: it equals no other.
    if (isAppError(error, 'schema-too-large')) return null;
    throw error;
  }
  return text.length <= SHORT_EQUIVALENCE ? text : `sha256:${createHash('sha256').update(text).digest('base64')}`;
}

function keyOf(source: SchemaSource, normalize: boolean): string {
  const content = source.storedAs ?? `${source.schemaType}/${source.text}`;
  return `${normalize ? 'n' : 'p'}${source.storedAs === undefined ? '/' : '#'}${source.referencesKey}/${content}`;
}
