import type { DoubtfulJudgement, Direction, WarningRule } from '../format.js';
import type { StepBudget } from '../step-budget.js';
import { AmbiguousField, AvroDiffer } from './differ.js';
import { logicalTypeOf } from './logical-types.js';
import { readPairs, type AvroPair } from './pairs.js';
import { avroPath, avroSpot } from './places.js';
import { isNamed, type AvroType } from './tree.js';

/** Warnings of one pair of schemas listed at most. */
const LISTED_WARNINGS = 1_000;

interface AvroWarningRule extends WarningRule {
  /** Whether the rule has something to say about the pair. */
  applies(pair: AvroPair): boolean;
  what(place: string, reader: string, writer: string): string;
  readonly breaks: string;
  fix(reader: string, writer: string): string;
}

/** The judgements of the reference registry on Avro that are open to doubt. */
export const AVRO_WARNINGS: readonly AvroWarningRule[] = [
  {
    id: 'avro/unsound-decimal',
    doubt: 'unsound',
    title: 'precision and scale of decimals are not compared',
    applies: ({ reader, writer, readable }) => readable && decimalText(reader) !== decimalText(writer),
    what: (place, reader, writer) => `${place} is ${reader} in the reader and ${writer} in the writer.`,
    breaks:
      'Only the digits are written, so with another scale every number is read wrong by powers of ten; Avro calls such decimals no match.',
    fix: (reader) => `Keep precision and scale in the ${reader} schema; put other ones into a new field.`,
  },
  {
    id: 'avro/unsound-logical-type',
    doubt: 'unsound',
    title: 'logical types are not compared',
    applies: ({ reader, writer, readable }) => {
      const [read, written] = [logicalTypeOf(reader)?.name, logicalTypeOf(writer)?.name];
      const meanings = read !== undefined && written !== undefined && read !== written;
      return readable && meanings && read !== 'decimal' && written !== 'decimal';
    },
    what: (place, reader, writer) => `${place} means ${reader} to the reader and ${writer} to the writer.`,
    breaks: 'The value is read without an error and taken for something else, such as milliseconds for microseconds.',
    fix: (reader) => `Keep the logical type in the ${reader} schema; put the other one into a new field.`,
  },
  {
    id: 'avro/unsound-namespace',
    doubt: 'unsound',
    title: 'namespaces of union branches are not compared',
    applies: ({ reader, writer, chosen, readable }) =>
      chosen &&
      readable &&
      isNamed(reader) &&
      isNamed(writer) &&
      reader.name.simple === writer.name.simple &&
      reader.name.full !== writer.name.full &&
      !reader.aliases.some((alias) => alias.full === writer.name.full),
    what: (place, reader, writer) => `${place} takes ${reader} for ${writer}: only the namespace differs.`,
    breaks: 'A client that finds branches of a union by full name finds none, and fails.',
    fix: (reader) => `Keep the namespace, or give the type in the ${reader} schema its former full name as an alias.`,
  },
  {
    id: 'avro/over-strict-root-name',
    doubt: 'over-strict',
    title: 'the name of the outermost record is compared',
    applies: ({ reader, writer, location, chosen }) =>
      location.length === 0 &&
      !chosen &&
      reader.kind === 'record' &&
      writer.kind === 'record' &&
      reader.name.simple !== writer.name.simple &&
      !reader.aliases.some((alias) => alias.full === writer.name.full),
    what: (_, reader, writer) => `The outermost record is ${reader} in the reader and ${writer} in the writer.`,
    breaks: 'Nothing by itself: readers resolve the outermost record by its fields and do not look at its name.',
    fix: (reader) => `Add the former name as an alias in the ${reader} schema, which the comparison accepts.`,
  },
];

/** See `SchemaFormat.doubts`. */
export function avroDoubts(
  reader: AvroType,
  writer: AvroType,
  direction: Direction,
  steps: StepBudget,
): readonly DoubtfulJudgement[] {
  const doubts: DoubtfulJudgement[] = [];
  try {
    for (const pair of readPairs(new AvroDiffer(steps), reader, writer)) {
      const found = AVRO_WARNINGS.filter((rule) => rule.applies(pair));
      doubts.push(...found.map((rule) => judgement(rule, pair, direction)));
      if (doubts.length >= LISTED_WARNINGS) break;
    }
  } catch (ambiguous) {
    // The comparison ends there, and with it what could be doubted.
    if (!(ambiguous instanceof AmbiguousField)) throw ambiguous;
  }
  return doubts;
}

function judgement(rule: AvroWarningRule, pair: AvroPair, direction: Direction): DoubtfulJudgement {
  const sides: [string, string] = direction === 'new-reads-old' ? ['new', 'old'] : ['old', 'new'];
  const place = pair.place === '' ? 'the schema' : pair.place;
  return {
    ruleId: rule.id,
    doubt: rule.doubt,
    path: avroPath(pair.location),
    place,
    reader: avroSpot(pair.reader),
    writer: avroSpot(pair.writer),
    what: rule.what(place, meaning(pair.reader), meaning(pair.writer)),
    breaks: rule.breaks,
    fix: rule.fix(...sides),
  };
}

/** What values of a type stand for, in a few words. */
function meaning(type: AvroType): string {
  if (isNamed(type) && logicalTypeOf(type) === undefined) return `${type.kind} ${type.name.full}`;
  return decimalText(type) ?? logicalTypeOf(type)?.name ?? `plain ${type.kind}`;
}

function decimalText(type: AvroType): string | undefined {
  const logical = logicalTypeOf(type);
  return logical?.name === 'decimal' ? `decimal(${logical.precision}, ${logical.scale})` : undefined;
}
