import type { SchemaDigest } from './digest.js';
import type { SourcePosition } from './lossless-json.js';
import { schemaLimits, type SchemaLimits } from './limits.js';
import { StepBudget } from './step-budget.js';
import type { SchemaOutline } from './outline.js';
import type { TagEdit, TaggedPart } from './tags.js';

/** The languages a schema can be written in; spelled as on the wire. */
export const SCHEMA_TYPES = ['AVRO', 'JSON', 'PROTOBUF'] as const;
export type SchemaType = (typeof SCHEMA_TYPES)[number];

/** A reference as it is registered: what the text calls it, and the subject version that provides it. */
export interface SchemaReference {
  /** Avro: full name of the type. JSON Schema: URI used in `$ref`. Protobuf: import path. */
  readonly name: string;
  readonly subject: string;
  /** 1 and up; -1 (latest) is replaced by the number before it gets here. */
  readonly version: number;
}

/** A reference with the text it stands for. */
export interface ResolvedReference {
  readonly name: string;
  readonly schemaType: SchemaType;
  /** Canonical text of the referenced version, as stored. */
  readonly text: string;
  /** References of that text, by name; they appear in the list themselves, before this one. */
  readonly references: readonly SchemaReference[];
  /** The subject version, where the schema itself refers to it; absent for what only its references need. */
  readonly direct?: { readonly subject: string; readonly version: number };
}

/** What was found along the references of a schema, in order, told which of it the schema itself refers to. */
export function resolvedReferences(
  found: ReadonlyMap<string, ResolvedReference>,
  direct: readonly SchemaReference[],
): readonly ResolvedReference[] {
  const own = new Map(direct.map(({ name, subject, version }) => [name, { subject, version }]));
  return [...found.values()].map((one) => {
    const place = own.get(one.name);
    return place === undefined ? one : { ...one, direct: place };
  });
}

export interface ParseOptions {
  /**
   * Every schema reachable through references, depth first: what a reference needs stands before it. Where a name occurs twice, the first
   * wins. Empty by default.
   */
  readonly references?: readonly ResolvedReference[];
  /** The strict rules for new schemas (defaults checked, names in ASCII). False for stored text and where the configuration says so; true by default. */
  readonly validate?: boolean;
  /**
   * The rules of the registry's setting `validateFields` for new schemas: JSON Schema refuses top-level properties that begin with `$$`. False by
   * default; Avro has none.
   */
  readonly validateFields?: boolean;
  readonly limits?: Partial<SchemaLimits>;
}

/** A schema that was understood. Immutable; safe to keep and share. */
export interface ParsedSchema {
  readonly type: SchemaType;
  /** The text that is stored, returned and hashed (registry contract 3.6). Parsing it again gives an equal schema. */
  readonly canonical: string;
  /**
   * Equal for two schemas exactly when the registry treats them as the same schema whatever references provided their parts: everything
   * inlined, in canonical form, docs and aliases included. Without references it is the canonical text of the plain form but for the order of its parts
   * (see `storedSketch`).
   */
  readonly equivalence: string;
  /** Names declared at the top level of the root (fields, properties), for the reserved-field rule. */
  readonly topLevelFieldNames: readonly string[];
  /** The schema that `normalize=true` stores. Idempotent. */
  normalised(): ParsedSchema;
  /** The text for a `format` query parameter, matched without regard to case; the canonical text for an unknown or empty one. */
  formatted(format: string | null | undefined): string;
  /** Types, fields and tags by name. */
  outline(): SchemaOutline;
  /** The parts with tags in its text, in the order of the text. */
  taggedParts(): readonly TaggedPart[];
  /** The text with tags given and taken, to be parsed again. @throws `schema-invalid` for a part that is not there. */
  retagged(edits: readonly TagEdit[]): string;
}

/** One side of a difference: what is written there and where. */
export interface SchemaSpot {
  /** The part of the schema, as short compact text (at most 200 characters). Empty for a part that is not there; its place is then that of what lacks it. */
  readonly text: string;
  /** Where it starts in the text that was parsed, or null when it came from a reference or was generated. */
  readonly position: SourcePosition | null;
}

/** One thing on which a reader and a writer disagree. */
export interface Difference {
  /** Stable id of the rule, `<format>/<kebab-case>`; public, users search for it and ignore by it. */
  readonly ruleId: string;
  /** The reference registry's name of the kind, e.g. `TYPE_MISMATCH`. */
  readonly errorType: string;
  /** Place in the reader schema in the reference's notation. */
  readonly path: string;
  /** The same place in names: `Order.lines[].price`; the path again where it cannot be told. */
  readonly place: string;
  /** The reference's supplementary text (Avro: `additionalInfo`), empty where it has none. */
  readonly detail: string;
  /** Whether this difference alone makes reader and writer incompatible under the policy asked for. */
  readonly breaking: boolean;
  readonly reader: SchemaSpot | null;
  readonly writer: SchemaSpot | null;
}

/** Which larger or smaller set of differences is tolerated; changes JSON Schema only. */
export const COMPATIBILITY_POLICIES = ['STRICT', 'LENIENT'] as const;
export type CompatibilityPolicy = (typeof COMPATIBILITY_POLICIES)[number];

/** Who decodes: the schema being registered, or the one already there. */
export type Direction = 'new-reads-old' | 'old-reads-new';

/** A rule of a format's catalogue. Ids are public: people see them, search for them, and write them into exceptions. */
export interface CompatibilityRule {
  readonly id: string;
  /** The reference registry's name of the kind. */
  readonly errorType: string;
  /** What the rule is about, in a few words. */
  readonly title: string;
  /** What goes wrong when reader and writer meet. */
  readonly breaks: string;
}

/** A difference in words for the person who sent the schema. */
export interface Explanation {
  /** What differs, as one sentence. */
  readonly what: string;
  /** What breaks, as one sentence. */
  readonly breaks: string;
  /** What to do instead, as one sentence. */
  readonly fix: string;
}

/** A document that shows what breaks. */
export interface BreakProof {
  /** JSON text. The writer's schema accepts it, the reader's refuses it. */
  readonly document: string;
  /** Why the reader refuses it: the first problem, as one sentence part. */
  readonly refusal: string;
}

/** How a judgement is doubtful: data may fail although it says compatible, or would be read although it says incompatible. */
export type Doubt = 'unsound' | 'over-strict';

/** A judgement of the reference registry that is kept and pointed out. Ids are public, as those of {@link CompatibilityRule}. */
export interface WarningRule {
  /** `<format>/unsound-<what>` or `<format>/over-strict-<what>`. */
  readonly id: string;
  readonly doubt: Doubt;
  /** What the judgement overlooks, in a few words. */
  readonly title: string;
}

/** A place where a doubtful judgement was made. */
export interface DoubtfulJudgement extends Explanation {
  readonly ruleId: string;
  readonly doubt: Doubt;
  /** Place in the reader schema in the reference's notation. */
  readonly path: string;
  /** The same place in names. */
  readonly place: string;
  readonly reader: SchemaSpot | null;
  readonly writer: SchemaSpot | null;
}

export interface ComparisonOptions {
  /** STRICT when absent. */
  readonly policy?: CompatibilityPolicy;
  readonly limits?: Partial<SchemaLimits>;
  /** Taken from by this comparison, instead of one of its own of `limits.comparisonSteps`. */
  readonly steps?: StepBudget;
}

/** The steps a comparison may take. */
export function stepsOf({ steps, limits }: ComparisonOptions): StepBudget {
  return steps ?? new StepBudget(schemaLimits(limits).comparisonSteps);
}

/** Everything the registry needs to know about one schema language. Stateless. */
export abstract class SchemaFormat {
  abstract readonly type: SchemaType;
  /** The rules that {@link differences} can cite. */
  abstract readonly rules: readonly CompatibilityRule[];

  /**
   * Reads schema text.
   * @throws `schema-invalid` naming the place; `schema-too-large` naming limit and measured value.
   */
  abstract parse(text: string, options?: ParseOptions): ParsedSchema;

  /**
   * The digest of a stored text without references, by which most new schemas are judged without it; undefined where there is none, as in a language that has none.
   * Takes time in proportion to the text; see `DIGESTED_LENGTH`.
   */
  digest(_canonical: string): SchemaDigest | undefined {
    return undefined;
  }

  /**
   * Why data written with `writer` cannot (or, with tolerated differences, need not exactly) be read with `reader`: depth first, in the reader's order.
   * Compatible exactly when none is `breaking`. Both must be schemas of this format.
   * @throws `schema-too-complex` when the step budget ends first.
   */
  abstract differences(reader: ParsedSchema, writer: ParsedSchema, options?: ComparisonOptions): readonly Difference[];

  /**
   * For each difference of this pair a small document that proves it, or null where none was found: a language may have no such documents, and looking for one ends when
   * some steps are spent, some tenths of a second. Deterministic; never a false proof.
   * @throws `schema-too-complex` when `options.steps` end first.
   */
  proofs(
    _reader: ParsedSchema,
    _writer: ParsedSchema,
    differences: readonly Difference[],
    _options: ComparisonOptions = {},
  ): readonly (BreakProof | null)[] {
    return differences.map(() => null);
  }

  /** The difference as the reference registry words it, byte for byte. */
  abstract message(difference: Difference, direction: Direction): string;

  /** The difference for people. Takes any difference of {@link differences}. */
  abstract explain(difference: Difference, direction: Direction): Explanation;

  /** The doubtful judgements that {@link doubts} can name. */
  abstract readonly warningRules: readonly WarningRule[];

  /**
   * Where the verdict on this pair is the reference registry's and yet open to doubt, in the reader's order, each place once for each rule; at most 1,000.
   * Never changes a verdict. `direction` says which side is called new.
   * @throws `schema-too-complex` as {@link differences} does.
   */
  abstract doubts(
    reader: ParsedSchema,
    writer: ParsedSchema,
    direction: Direction,
    options?: ComparisonOptions,
  ): readonly DoubtfulJudgement[];
}
