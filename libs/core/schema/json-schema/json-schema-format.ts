import { impossible } from '#libs/core/kernel';
import { schemaInvalid, schemaTooComplex, schemaTooLarge } from '../errors.js';
import {
  SchemaFormat,
  stepsOf,
  type BreakProof,
  type ComparisonOptions,
  type CompatibilityPolicy,
  type CompatibilityRule,
  type Difference,
  type Direction,
  type DoubtfulJudgement,
  type Explanation,
  type ParsedSchema,
  type ParseOptions,
} from '../format.js';
import { jsonText } from '../json-text.js';
import { schemaLimits, type SchemaLimits } from '../limits.js';
import { nestingDepth } from '../lossless-json.js';
import type { SchemaOutline } from '../outline.js';
import { StepBudget } from '../step-budget.js';
import { taggedPartsOf, textWithEdits, type TagEdit, type TaggedPart } from '../tags.js';
import { jsonDifferences } from './differ.js';
import { SchemaDocuments } from './documents.js';
import { JSON_WARNINGS, jsonDoubts } from './doubts.js';
import type { FoundDifference } from './findings.js';
import { isTolerated, sentence, type JsonDifferenceKind } from './kinds.js';
import { loadClassic } from './load-classic.js';
import { loadModern } from './load-modern.js';
import type { SchemaNode } from './node.js';
import { jsonOutline } from './outline.js';
import { jsonSpot, placeOf } from './places.js';
import { breakProofs } from './proof.js';
import { JSON_RULES, explainJson } from './rules.js';
import { retaggedJson } from './tags.js';

/** Steps of looking for the proofs of one pair. */
const PROOF_STEPS = 200_000;

/** JSON Schema, drafts 4, 6, 7, 2019-09 and 2020-12, as the reference registry understands it. */
export class JsonSchemaFormat extends SchemaFormat {
  readonly type = 'JSON';
  readonly rules: readonly CompatibilityRule[] = JSON_RULES;
  readonly warningRules = JSON_WARNINGS;

  parse(text: string, options: ParseOptions = {}): JsonSchema {
    const limits = schemaLimits(options.limits);
    const documents = new SchemaDocuments(text, options.references ?? [], limits, options.validate !== false);
    const root = documents.modern ? loadModern(documents, limits) : loadClassic(documents, limits);
    const schema = new JsonSchema(documents, root, limits);
    const reserved = schema.topLevelFieldNames.some((name) => name.startsWith('$$'));
    if (reserved && options.validateFields === true) {
      throw schemaInvalid('JSON', '#: Field names cannot start with $$ prefix');
    }
    return schema;
  }

  /** Tolerated differences are left out of `breaking` only; they are listed too. */
  differences(reader: ParsedSchema, writer: ParsedSchema, options: ComparisonOptions = {}): readonly Difference[] {
    const { policy = 'STRICT' } = options;
    const [original, update] = [jsonSchema(writer).root, jsonSchema(reader).root];
    const { compatible, differences } = jsonDifferences(original, update, { policy, steps: stepsOf(options) });
    const listed = differences.map((one) => described(one, policy));
    // A verdict never rests on a difference that is not shown.
    if (!compatible && !listed.some((one) => one.breaking)) {
      listed.push(described({ kind: 'TYPE_CHANGED', path: [], own: [], original, update }, policy));
    }
    return listed;
  }

  override proofs(
    reader: ParsedSchema,
    writer: ParsedSchema,
    differences: readonly Difference[],
    { steps }: ComparisonOptions = {},
  ): readonly (BreakProof | null)[] {
    const proofs = breakProofs(jsonSchema(reader), jsonSchema(writer), differences, new StepBudget(PROOF_STEPS, steps));
    // Proofs that are missing because the caller's steps ended would be there elsewhere.
    if (steps !== undefined && steps.left < 0) throw schemaTooComplex(steps.total);
    return proofs;
  }

  message(difference: Difference, direction: Direction): string {
    const words: ['new' | 'old', 'new' | 'old'] = direction === 'new-reads-old' ? ['new', 'old'] : ['old', 'new'];
    const text = sentence(difference.errorType as JsonDifferenceKind, difference.path, ...words);
    // The reference opens the description with one kind of quote and closes it with another.
    return `{errorType:"${difference.errorType}", description:"${text}'}`;
  }

  explain(difference: Difference, direction: Direction): Explanation {
    return explainJson(difference, direction);
  }

  doubts(
    reader: ParsedSchema,
    writer: ParsedSchema,
    direction: Direction,
    options: ComparisonOptions = {},
  ): readonly DoubtfulJudgement[] {
    const { policy = 'STRICT' } = options;
    const [original, update] = [jsonSchema(writer).root, jsonSchema(reader).root];
    return jsonDoubts(original, update, direction, { policy, steps: stepsOf(options) });
  }
}

/** A parsed JSON Schema. */
export class JsonSchema implements ParsedSchema {
  readonly type = 'JSON';
  readonly canonical: string;
  #normalised: JsonSchema | undefined;

  constructor(
    /** The texts, for code that knows JSON Schema. */
    readonly documents: SchemaDocuments,
    /** The typed tree that is compared. */
    readonly root: SchemaNode,
    private readonly limits: SchemaLimits,
    sorted = false,
  ) {
    this.canonical = jsonText(documents.main.root, { numbers: 'decimal', sorted });
    const measured = nestingDepth(this.canonical);
    if (measured > limits.depth) throw schemaTooLarge('depth', limits.depth, measured);
    if (this.canonical.length > limits.textLength) {
      throw schemaTooLarge('textLength', limits.textLength, this.canonical.length);
    }
    if (sorted) this.#normalised = this;
  }

  /** The reference compares the texts: another order of members is another schema. */
  get equivalence(): string {
    return this.canonical;
  }

  get topLevelFieldNames(): readonly string[] {
    return this.root.kind === 'object' ? [...this.root.properties.keys()] : [];
  }

  normalised(): JsonSchema {
    this.#normalised ??= new JsonSchema(this.documents, this.root, this.limits, true);
    return this.#normalised;
  }

  formatted(): string {
    return this.canonical;
  }

  outline(): SchemaOutline {
    return jsonOutline(this.root, this.documents.main.root);
  }

  /** What a property has is told of the property, not again of the object that it is. */
  taggedParts(): readonly TaggedPart[] {
    const parts = taggedPartsOf((change) => void retaggedJson(this.documents.main.root, change));
    const fields = new Set(parts.filter(({ kind }) => kind === 'field').map(({ path }) => `${path}.object`));
    return parts.filter(({ kind, path }) => kind === 'field' || !fields.has(path));
  }

  retagged(edits: readonly TagEdit[]): string {
    return textWithEdits('JSON', edits, (change) =>
      jsonText(retaggedJson(this.documents.main.root, change), { numbers: 'decimal' }),
    );
  }
}

/** The schema as a JSON Schema. For code that has asked for its type. */
export function jsonSchema(schema: ParsedSchema): JsonSchema {
  return schema instanceof JsonSchema ? schema : impossible('a JSON Schema was expected', { type: schema.type });
}

function described({ kind, path, own, original, update }: FoundDifference, policy: CompatibilityPolicy): Difference {
  return {
    ruleId: ruleIdOf(kind),
    errorType: kind,
    path: `#/${path.join('/')}`,
    place: placeOf(path),
    detail: '',
    breaking: !isTolerated(kind, policy),
    reader: jsonSpot(update, own),
    writer: jsonSpot(original, own),
  };
}

function ruleIdOf(kind: JsonDifferenceKind): string {
  return `json/${kind.toLowerCase().replaceAll('_', '-')}`;
}
