import type { CompatibilityRule, Difference, Direction, Explanation } from '../format.js';
import type { AvroDifferenceKind } from './differ.js';

interface AvroRule extends CompatibilityRule {
  /** The reference's sentence. `reader` and `writer` are the words `new` and `old`, whichever side each is. */
  sentence(difference: Difference, reader: string, writer: string): string;
  what(difference: Difference, reader: string, writer: string): string;
  fix(difference: Difference, reader: string, writer: string): string;
}

/** The catalogue: every kind of difference that Avro's resolution rules know. */
export const AVRO_RULES = {
  NAME_MISMATCH: {
    id: 'avro/name-mismatch',
    errorType: 'NAME_MISMATCH',
    title: 'name of a record, enum or fixed type',
    breaks: 'A reader takes only a type whose simple name, or one of whose aliases, is the name it was written under.',
    sentence: ({ path }) => `The name of the schema has changed (path '${path}')`,
    what: ({ place, reader, writer }) => `${place} is ${reader?.text} in the reader and ${writer?.text} in the writer.`,
    fix: ({ detail }, reader) =>
      `Keep the name, or add the alias "${detail.replace(/^expected: /, '')}" to the type in the ${reader} schema.`,
  },
  FIXED_SIZE_MISMATCH: {
    id: 'avro/fixed-size-mismatch',
    errorType: 'FIXED_SIZE_MISMATCH',
    title: 'size of a fixed type',
    breaks: 'A fixed value carries no length; with another size everything after it is read from the wrong place.',
    sentence: ({ path }, reader, writer) =>
      `The size of FIXED type field at path '${path}' in the ${reader} schema does not match with the ${writer} schema`,
    what: ({ place, detail }) => `${place} has another size: ${detail}.`,
    fix: () => 'Keep the size; for values of another size add a field with a fixed type of another name.',
  },
  MISSING_ENUM_SYMBOLS: {
    id: 'avro/missing-enum-symbols',
    errorType: 'MISSING_ENUM_SYMBOLS',
    title: 'symbols of an enum',
    breaks: 'A reader that meets a symbol it does not know fails, unless its enum has a default symbol.',
    sentence: ({ path, detail }, reader, writer) =>
      `The ${reader} schema is missing enum symbols '${detail}' at path '${path}' in the ${writer} schema`,
    what: ({ place, detail }, reader, writer) => `${place}: the ${reader} enum lacks ${detail} of the ${writer} one.`,
    fix: ({ detail }, reader) =>
      `Keep ${detail} in the ${reader} schema's enum, or give that enum a "default" symbol (a default of the field does not help).`,
  },
  READER_FIELD_MISSING_DEFAULT_VALUE: {
    id: 'avro/reader-field-missing-default',
    errorType: 'READER_FIELD_MISSING_DEFAULT_VALUE',
    title: 'field without a default that the writer does not have',
    breaks: 'The reader has nothing to put into the field.',
    sentence: ({ path, detail }, reader, writer) =>
      `The field '${detail}' at path '${path}' in the ${reader} schema has no default value and is missing in the ${writer} schema`,
    what: ({ place }, reader, writer) =>
      `${place} is in the ${reader} schema, without a default, and not in the ${writer} one.`,
    fix: ({ detail }, reader) =>
      reader === 'new'
        ? `Give "${detail}" a default (for an optional field: type ["null", …] and default null), or, if it was renamed, name its former name in "aliases".`
        : `Keep the field "${detail}": the old schema gives it no default, so it cannot be left out.`,
  },
  TYPE_MISMATCH: {
    id: 'avro/type-mismatch',
    errorType: 'TYPE_MISMATCH',
    title: 'type that cannot be read as another',
    breaks:
      'The only conversions are int to long, float, double; long to float, double; float to double; string to bytes and back.',
    sentence: ({ path }, reader, writer) =>
      `The type (path '${path}') of a field in the ${reader} schema does not match with the ${writer} schema`,
    what: ({ place, reader: r, writer: w }, reader, writer) =>
      `${place} is ${r?.text} in the ${reader} schema and ${w?.text} in the ${writer} one.`,
    fix: ({ reader, writer }) =>
      reader !== null && writer !== null
        ? `Keep the type, or make it a union that also holds the former one, or add a new field with a default beside it.`
        : 'Keep the type.',
  },
  MISSING_UNION_BRANCH: {
    id: 'avro/missing-union-branch',
    errorType: 'MISSING_UNION_BRANCH',
    title: 'type that no branch of the reader union can read',
    breaks: 'A value of that type fits no branch of the reader.',
    sentence: ({ path }, reader, writer) =>
      `The ${reader} schema is missing a type inside a union field at path '${path}' in the ${writer} schema`,
    what: ({ place, detail }, reader, writer) =>
      `${place}: no branch of the ${reader} schema's union reads ${detail.replace(/^.*: /, '').toLowerCase()} of the ${writer} one.`,
    fix: ({ detail }, reader) =>
      `Keep a branch for ${detail.replace(/^.*: /, '').toLowerCase()} in the ${reader} schema's union; inside it the same rules hold as outside.`,
  },
  AMBIGUOUS_FIELD_ALIASES: {
    id: 'avro/ambiguous-field-aliases',
    errorType: 'AMBIGUOUS_FIELD_ALIASES',
    title: 'field whose name and aliases mean several fields',
    breaks: 'It cannot be decided which of the writer’s fields the reader takes.',
    sentence: () => '',
    what: ({ place }, reader, writer) =>
      `${place}: name and aliases in the ${reader} schema mean several fields of the ${writer} one.`,
    fix: (_, reader) => `Remove aliases in the ${reader} schema until only one of the fields is meant.`,
  },
} as const satisfies Record<AvroDifferenceKind, AvroRule>;

/** The difference as the reference registry words it. */
export function avroMessage(difference: Difference, direction: Direction): string {
  const { errorType, detail } = difference;
  if (errorType === 'AMBIGUOUS_FIELD_ALIASES') return `Unexpected exception during compatibility check: ${detail}`;
  const rule: AvroRule = AVRO_RULES[errorType as AvroDifferenceKind];
  const description = rule.sentence(difference, ...sides(direction));
  return `{errorType:'${errorType}', description:'${description}', additionalInfo:'${detail}'}`;
}

export function avroExplanation(difference: Difference, direction: Direction): Explanation {
  const rule: AvroRule = AVRO_RULES[difference.errorType as AvroDifferenceKind];
  const words = sides(direction);
  return {
    what: rule.what(difference, ...words),
    breaks: rule.breaks,
    fix: rule.fix(difference, ...words),
  };
}

/** The words for reader and writer. */
function sides(direction: Direction): ['new' | 'old', 'new' | 'old'] {
  return direction === 'new-reads-old' ? ['new', 'old'] : ['old', 'new'];
}
