import { impossible } from '#libs/core/kernel';
import { schemaTooLarge } from '../errors.js';
import {
  SchemaFormat,
  stepsOf,
  type ComparisonOptions,
  type Difference,
  type Direction,
  type DoubtfulJudgement,
  type Explanation,
  type ParsedSchema,
  type ParseOptions,
  type ResolvedReference,
} from '../format.js';
import { schemaLimits } from '../limits.js';
import { jsonText } from '../json-text.js';
import { nestingDepth, parseLossless, type JsonNode } from '../lossless-json.js';
import type { SchemaDigest } from '../digest.js';
import type { SchemaOutline } from '../outline.js';
import { taggedPartsOf, textWithEdits, type TagEdit, type TaggedPart } from '../tags.js';
import { avroDigest } from './digest.js';
import { avroDifferences, type AvroDifference } from './differ.js';
import { AVRO_WARNINGS, avroDoubts } from './doubts.js';
import { normalForm } from './normalise.js';
import { avroOutline } from './outline.js';
import { parseAvro, parseAvroTree, type AvroDocument, type AvroParseOptions } from './parse.js';
import { printAvro } from './print.js';
import { avroPath, avroSpot } from './places.js';
import { avroExplanation, avroMessage, AVRO_RULES } from './rules.js';
import { retaggedAvro } from './tags.js';
import type { AvroField, AvroType } from './tree.js';

/** Brackets that a text with all references written out may nest; it is only returned, never parsed again. */
const RESOLVED_DEPTH = 1_000;

/** Apache Avro 1.12, as the reference registry understands it. */
export class AvroFormat extends SchemaFormat {
  readonly type = 'AVRO';
  readonly rules = Object.values(AVRO_RULES);
  readonly warningRules = AVRO_WARNINGS;

  parse(text: string, options: ParseOptions = {}): AvroSchema {
    const given = {
      references: options.references ?? [],
      validate: options.validate ?? true,
      limits: schemaLimits(options.limits),
    };
    return new AvroSchema(parseAvro(text, given), given);
  }

  override digest(canonical: string): SchemaDigest | undefined {
    return avroDigest(canonical);
  }

  differences(reader: ParsedSchema, writer: ParsedSchema, options: ComparisonOptions = {}): readonly Difference[] {
    const { root } = avroSchema(reader);
    return avroDifferences(root, avroSchema(writer).root, stepsOf(options)).map((one) => described(one, root));
  }

  message(difference: Difference, direction: Direction): string {
    return avroMessage(difference, direction);
  }

  explain(difference: Difference, direction: Direction): Explanation {
    return avroExplanation(difference, direction);
  }

  doubts(
    reader: ParsedSchema,
    writer: ParsedSchema,
    direction: Direction,
    options: ComparisonOptions = {},
  ): readonly DoubtfulJudgement[] {
    return avroDoubts(avroSchema(reader).root, avroSchema(writer).root, direction, stepsOf(options));
  }
}

/** A parsed Avro schema. */
export class AvroSchema implements ParsedSchema {
  readonly type = 'AVRO';
  readonly canonical: string;
  readonly #document: AvroDocument;
  readonly #options: AvroParseOptions;
  #normalised: AvroSchema | undefined;
  #equivalence: string | undefined;

  constructor(document: AvroDocument, options: AvroParseOptions) {
    const { depth, textLength } = options.limits;
    this.#document = document;
    this.#options = options;
    this.canonical = printAvro(document.root, { knownNames: document.referencedNames, maxDepth: depth });
    // What is stored must be readable again: types written out at their first use, and values with long escapes, can exceed what the text kept to.
    const measured = nestingDepth(this.canonical);
    if (measured > depth) throw schemaTooLarge('depth', depth, measured);
    if (this.canonical.length > textLength) {
      throw schemaTooLarge('textLength', textLength, this.canonical.length);
    }
  }

  /** The graph of types, for code that knows Avro. */
  get root(): AvroType {
    return this.#document.root;
  }

  get references(): readonly ResolvedReference[] {
    return this.#options.references;
  }

  get equivalence(): string {
    this.#equivalence ??= printAvro(this.root, { maxDepth: RESOLVED_DEPTH, sorted: true });
    return this.#equivalence;
  }

  get topLevelFieldNames(): readonly string[] {
    return this.root.kind === 'record' ? this.root.fields.map((field) => field.name) : [];
  }

  normalised(): AvroSchema {
    if (this.#normalised === undefined) {
      const form = normalForm(this.root, this.#document.referencedNames);
      const source = { text: '', reference: null };
      this.#normalised = new AvroSchema(parseAvroTree(form, source, this.#options), this.#options);
    }
    return this.#normalised;
  }

  formatted(format: string | null | undefined): string {
    if (format?.trim().toLowerCase() !== 'resolved') return this.canonical;
    return printAvro(this.root, { maxDepth: RESOLVED_DEPTH });
  }

  outline(): SchemaOutline {
    return avroOutline(this.root);
  }

  taggedParts(): readonly TaggedPart[] {
    return taggedPartsOf((change) => void retaggedAvro(this.#json(), change));
  }

  retagged(edits: readonly TagEdit[]): string {
    return textWithEdits('AVRO', edits, (change) => jsonText(retaggedAvro(this.#json(), change)));
  }

  #json(): JsonNode {
    return parseLossless(this.canonical, { maxDepth: this.#options.limits.depth });
  }
}

/** The schema as an Avro one. For code that has asked for its type. */
export function avroSchema(schema: ParsedSchema): AvroSchema {
  return schema instanceof AvroSchema ? schema : impossible('an Avro schema was expected', { type: schema.type });
}

function described(one: AvroDifference, readerRoot: AvroType): Difference {
  const { id, errorType } = AVRO_RULES[one.kind];
  const path = avroPath(one.location);
  return {
    ruleId: id,
    errorType,
    path,
    place: placeOf(one, readerRoot) ?? path,
    detail: one.detail,
    breaking: true,
    reader: avroSpot(one.reader),
    writer: avroSpot(one.writer),
  };
}

/** The location in names. Undefined when it does not lead to the reader node: a location may be relative to a union branch. */
function placeOf({ location, reader }: AvroDifference, root: AvroType): string | undefined {
  let at: AvroType | AvroField = root;
  let place = root.kind === 'record' ? root.name.simple : '';
  for (let i = 0; i < location.length && at !== reader; i++) {
    const segment = location[i]!;
    if ('kind' in at && at.kind === 'record' && segment === 'fields') {
      const field: AvroField | undefined = at.fields[Number(location[++i])];
      if (field === undefined) return undefined;
      place += place === '' ? field.name : `.${field.name}`;
      at = field;
    } else if (!('kind' in at) && segment === 'type') at = at.type;
    else if ('kind' in at && at.kind === 'array' && segment === 'items') [at, place] = [at.items, `${place}[]`];
    else if ('kind' in at && at.kind === 'map' && segment === 'values') [at, place] = [at.values, `${place}{}`];
    else return undefined;
  }
  if (at !== reader) return undefined;
  return place === '' ? 'the schema' : place;
}
