import { schemaTooDeep } from '../errors.js';
import type { StepBudget } from '../step-budget.js';
import { printAvro } from './print.js';
import {
  isPrimitiveType,
  type AvroEnum,
  type AvroField,
  type AvroFixed,
  type AvroRecord,
  type AvroType,
} from './tree.js';

/** The kinds of difference, in the reference's words. */
export type AvroDifferenceKind =
  | 'NAME_MISMATCH'
  | 'FIXED_SIZE_MISMATCH'
  | 'MISSING_ENUM_SYMBOLS'
  | 'READER_FIELD_MISSING_DEFAULT_VALUE'
  | 'TYPE_MISMATCH'
  | 'MISSING_UNION_BRANCH'
  /** The reference gives up with an exception where a reader field means several writer fields. */
  | 'AMBIGUOUS_FIELD_ALIASES';

export interface AvroDifference {
  readonly kind: AvroDifferenceKind;
  /** Segments below the root of the reader schema. */
  readonly location: readonly string[];
  /** The reference's supplementary text. */
  readonly detail: string;
  readonly reader: AvroType | AvroField;
  readonly writer: AvroType | AvroField;
}

/** A difference as it is found. Most are found in trials and thrown away, so texts and paths are made only for those that are listed. */
interface FoundDifference {
  readonly kind: AvroDifferenceKind;
  readonly location: Location;
  readonly detail: () => string;
  readonly reader: AvroType | AvroField;
  readonly writer: AvroType | AvroField;
}

/** Differences listed at most. A schema in which one faulty type is used along 2^30 paths has one fault, not 2^30. */
const LISTED_DIFFERENCES = 10_000;
/** Types nested in one another that are followed. Beyond it the pair counts as too complex. */
const DEEPEST_PAIR = 1_000;

/**
 * Why `reader` cannot read data of `writer`: Avro's resolution rules as the Java library checks them (`SchemaCompatibility`, 1.12). Depth first, in the
 * reader's field order. Simple names match whatever their namespace, reader aliases match full names.
 *
 * A pair of types is compared once. Met again, its differences are listed again with the location of the first visit, and a pair that is still being
 * compared counts as compatible: that is what ends recursion. Trial comparisons of union branches share the memory and start from an empty location. All
 * of this can be seen in the reference's messages.
 * @throws `schema-too-complex`.
 */
export function avroDifferences(reader: AvroType, writer: AvroType, steps: StepBudget): readonly AvroDifference[] {
  try {
    return flatten(new AvroDiffer(steps).compare(reader, writer), steps);
  } catch (ambiguous) {
    if (ambiguous instanceof AmbiguousField) return [listed(ambiguous.difference)];
    throw ambiguous;
  }
}

/** What comparing a pair gave: differences of its own and whole results of other pairs, in order. Empty means compatible. */
export type Findings = readonly (FoundDifference | Findings)[];
const COMPATIBLE: Findings = [];
/** The location of a path of segments, newest first; shared, never changed. */
type Location = { readonly segment: string | number; readonly parent: Location } | null;

/** Ends a comparison: name and aliases of a reader field mean several fields of the writer. */
export class AmbiguousField extends Error {
  constructor(readonly difference: FoundDifference) {
    super('ambiguous field');
  }
}

/** Compares pairs of types and remembers what came of them. Empty findings mean that the pair is compatible. */
export class AvroDiffer {
  readonly #known = new Map<AvroType, Map<AvroType, Findings>>();
  readonly #fieldMaps = new Map<AvroRecord, ReadonlyMap<string, AvroField>>();
  #depth = 0;

  /** @param steps one for each comparison of one type with another, those of union branches included, and some for long lists. */
  constructor(private readonly steps: StepBudget) {}

  compare(reader: AvroType, writer: AvroType, location: Location = null): Findings {
    this.steps.spend();
    // A primitive has one place in its schema, so a pair of them is met once: nothing to remember.
    if (isPrimitiveType(reader) && isPrimitiveType(writer)) return this.#kinds(reader, writer, location);
    let known = this.#known.get(reader);
    if (known === undefined) this.#known.set(reader, (known = new Map()));
    const found = known.get(writer);
    if (found !== undefined) return found;
    known.set(writer, COMPATIBLE);
    if (++this.#depth > DEEPEST_PAIR) throw schemaTooDeep(DEEPEST_PAIR);
    const findings = this.#compareAfresh(reader, writer, location);
    this.#depth--;
    known.set(writer, findings);
    return findings;
  }

  #compareAfresh(reader: AvroType, writer: AvroType, location: Location): Findings {
    if (reader.kind === writer.kind) return this.#sameKind(reader, writer, location);
    if (writer.kind === 'union') {
      return joined(writer.branches.map((branch, i) => this.compare(reader, branch, below(location, i))));
    }
    if (reader.kind === 'union') {
      for (const branch of reader.branches) {
        if (this.compare(branch, writer).length === 0) return COMPATIBLE;
      }
      return [missingBranch(reader, writer, writer, location)];
    }
    return this.#kinds(reader, writer, location);
  }

  /** Neither is a union, and at most the kinds can agree. */
  #kinds(reader: AvroType, writer: AvroType, location: Location): Findings {
    if (reader.kind === writer.kind || PROMOTIONS.get(reader.kind)?.has(writer.kind) === true) return COMPATIBLE;
    const detail = (): string =>
      `reader type: ${kindWord(reader)} not compatible with writer type: ${kindWord(writer)}`;
    return [{ kind: 'TYPE_MISMATCH', location, detail, reader, writer }];
  }

  #sameKind(reader: AvroType, writer: AvroType, location: Location): Findings {
    switch (reader.kind) {
      case 'array':
        return this.compare(reader.items, (writer as typeof reader).items, below(location, 'items'));
      case 'map':
        return this.compare(reader.values, (writer as typeof reader).values, below(location, 'values'));
      case 'union':
        return this.#unions(reader, writer as typeof reader, location);
      case 'fixed':
        return [
          ...names(reader, writer as typeof reader, location),
          ...sizes(reader, writer as typeof reader, location),
        ];
      case 'enum':
        return [
          ...names(reader, writer as typeof reader, location),
          ...this.#symbols(reader, writer as typeof reader, location),
        ];
      case 'record':
        return joined([
          names(reader, writer as typeof reader, location),
          ...this.#fields(reader, writer as typeof reader, location),
        ]);
      default:
        return COMPATIBLE;
    }
  }

  #unions(reader: AvroType, writer: AvroType & { kind: 'union' }, location: Location): Findings {
    const findings: FoundDifference[] = [];
    writer.branches.forEach((branch, i) => {
      if (this.compare(reader, branch).length > 0) {
        findings.push(missingBranch(reader, writer, branch, below(location, i)));
      }
    });
    return findings;
  }

  #fields(reader: AvroRecord, writer: AvroRecord, location: Location): Findings[] {
    const writerFields = this.#fieldsOf(writer);
    const inFields = below(location, 'fields');
    return reader.fields.map((field, position) => {
      const here = below(inFields, position);
      let match = writerFields.get(field.name);
      for (const alias of field.aliases) {
        const other = writerFields.get(alias);
        if (other === undefined) continue;
        if (match !== undefined) throw ambiguous(field, position, writer, here);
        match = other;
      }
      if (match !== undefined) return this.compare(field.type, match.type, below(here, 'type'));
      if (field.defaultValue !== undefined) return COMPATIBLE;
      // The reference compares an enum that has a default symbol with the whole writer record here, which never matches.
      if (field.type.kind === 'enum' && field.type.defaultSymbol !== null) {
        return this.compare(field.type, writer, below(here, 'type'));
      }
      return [
        {
          kind: 'READER_FIELD_MISSING_DEFAULT_VALUE',
          location: here,
          detail: () => field.name,
          reader: field,
          writer,
        },
      ];
    });
  }

  #symbols(reader: AvroEnum, writer: AvroEnum, location: Location): FoundDifference[] {
    if (reader.defaultSymbol !== null) return [];
    this.steps.spend((reader.symbols.length + writer.symbols.length) >> 3);
    const known = new Set(reader.symbols);
    const missing = writer.symbols.filter((symbol) => !known.has(symbol)).sort();
    if (missing.length === 0) return [];
    // The same difference may be listed along many paths, and the text is as long as the enum.
    let text: string | undefined;
    const detail = (): string => (text ??= `[${missing.join(', ')}]`);
    return [{ kind: 'MISSING_ENUM_SYMBOLS', location: below(location, 'symbols'), detail, reader, writer }];
  }

  #fieldsOf(record: AvroRecord): ReadonlyMap<string, AvroField> {
    let fields = this.#fieldMaps.get(record);
    if (fields === undefined) {
      this.steps.spend(record.fields.length >> 3);
      fields = new Map(record.fields.map((field) => [field.name, field]));
      this.#fieldMaps.set(record, fields);
    }
    return fields;
  }
}

function names(
  reader: AvroFixed | AvroEnum | AvroRecord,
  writer: typeof reader,
  location: Location,
): FoundDifference[] {
  const { full, simple } = writer.name;
  if (reader.name.simple === simple || reader.aliases.some((alias) => alias.full === full)) return [];
  return [
    { kind: 'NAME_MISMATCH', location: below(location, 'name'), detail: () => `expected: ${full}`, reader, writer },
  ];
}

function sizes(reader: AvroFixed, writer: AvroFixed, location: Location): FoundDifference[] {
  if (reader.size === writer.size) return [];
  const detail = (): string => `expected: ${writer.size}, found: ${reader.size}`;
  return [{ kind: 'FIXED_SIZE_MISMATCH', location: below(location, 'size'), detail, reader, writer }];
}

function missingBranch(reader: AvroType, writer: AvroType, lacking: AvroType, location: Location): FoundDifference {
  const detail = (): string => `reader union lacking writer type: ${kindWord(lacking)}`;
  return { kind: 'MISSING_UNION_BRANCH', location, detail, reader, writer };
}

function ambiguous(field: AvroField, position: number, writer: AvroRecord, location: Location): AmbiguousField {
  const what = `${field.name} type:${kindWord(field.type)} pos:${position}`;
  const text = printAvro(writer, { maxDepth: DEEPEST_PAIR });
  return new AmbiguousField({
    kind: 'AMBIGUOUS_FIELD_ALIASES',
    location,
    detail: () => `Reader record field ${what} matches multiple fields in writer record schema ${text}`,
    reader: field,
    writer,
  });
}

/** Compatible parts left out, so that empty findings always mean compatible. */
function joined(parts: readonly Findings[]): Findings {
  const failing = parts.filter((part) => part.length > 0);
  return failing.length === 1 ? failing[0]! : failing;
}

/** The differences in order. Shared findings appear as often as they are reached, up to the limit. */
function flatten(findings: Findings, steps: StepBudget): readonly AvroDifference[] {
  const differences: AvroDifference[] = [];
  const stack: { readonly list: Findings; next: number }[] = [{ list: findings, next: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const one = top.list[top.next++];
    if (one === undefined) stack.pop();
    else if ('kind' in one) {
      const difference = listed(one);
      steps.spend(1 + (difference.location.length >> 3));
      if (differences.push(difference) >= LISTED_DIFFERENCES) break;
    } else stack.push({ list: one, next: 0 });
  }
  return differences;
}

function listed(found: FoundDifference): AvroDifference {
  return { ...found, location: segments(found.location), detail: found.detail() };
}

function below(parent: Location, segment: string | number): Location {
  return { segment, parent };
}

function segments(location: Location): readonly string[] {
  const path: string[] = [];
  for (let at = location; at !== null; at = at.parent) path.push(String(at.segment));
  return path.reverse();
}

/** The kind as Java spells it. */
function kindWord(type: AvroType): string {
  return type.kind.toUpperCase();
}

/** Reader kind to the writer kinds whose values it takes over. */
const PROMOTIONS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['long', new Set(['int'])],
  ['float', new Set(['int', 'long'])],
  ['double', new Set(['int', 'long', 'float'])],
  ['bytes', new Set(['string'])],
  ['string', new Set(['bytes'])],
]);
