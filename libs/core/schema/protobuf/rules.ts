import type { CompatibilityRule, Difference, Direction, Explanation } from '../format.js';
import { PROTO_KINDS, type ProtoDifferenceKind } from './kinds.js';

/** Kinds that make reader and writer incompatible. */
type BreakingKind = {
  [Kind in ProtoDifferenceKind]: (typeof PROTO_KINDS)[Kind] extends 'breaking' ? Kind : never;
}[ProtoDifferenceKind];

interface ProtoRule {
  readonly title: string;
  readonly breaks: string;
  /** The reference's sentence. `r` and `w` are the words for reader and writer. */
  sentence(path: string, r: string, w: string): string;
  what(difference: Difference, r: string, w: string): string;
  fix(difference: Difference, r: string, w: string): string;
}

const RULES: Record<BreakingKind, ProtoRule> = {
  PACKAGE_CHANGED: {
    title: 'package of the file',
    breaks:
      'The bytes still decode, but every message has another full name: clients that find types by name (Any, record name strategies, generated code) find none.',
    sentence: (path, r, w) =>
      `The package at '${path}' in the ${r} schema does not match the package in the ${w} schema`,
    what: ({ reader, writer }, r, w) =>
      `The ${r} schema has ${reader?.text || 'no package'}, the ${w} one ${writer?.text || 'none'}.`,
    fix: () => 'Keep the package; register a file of another package under a subject of its own.',
  },
  MESSAGE_REMOVED: {
    title: 'message that only the writer has',
    breaks: 'A reader that gets the message, by message index or by name, has no type to decode it with.',
    sentence: (path, r, w) => `The ${r} schema is missing a MESSAGE type at path '${path}' in the ${w} schema`,
    what: ({ place }, r, w) => `${place} is a message of the ${w} schema that the ${r} one does not have.`,
    fix: ({ place }, r) =>
      `Keep the message ${place} in the ${r} schema where it was declared, under the same name; it may move among its neighbours.`,
  },
  FIELD_KIND_CHANGED: {
    title: 'scalar, message or map',
    breaks: 'The bytes of one kind of value do not decode as another.',
    sentence: (path, r, w) => `The type of a field at path '${path}' in the ${r} schema does not match the ${w} schema`,
    what: bothSides,
    fix: newNumber,
  },
  FIELD_SCALAR_KIND_CHANGED: {
    title: 'scalar type with another wire format',
    breaks:
      'The value is written in another wire format, so it is skipped or misread. Interchangeable are only: int32, int64, uint32, uint64, bool and enums; sint32 and sint64; string and bytes; fixed32 and sfixed32; fixed64 and sfixed64.',
    sentence: (path, r, w) =>
      `The kind of a SCALAR field at path '${path}' in the ${r} schema does not match its kind in the ${w} schema`,
    what: bothSides,
    fix: newNumber,
  },
  FIELD_NAMED_TYPE_CHANGED: {
    title: 'message type of a field',
    breaks:
      'The bytes of one message are decoded as another: values are lost, or land in fields that mean something else.',
    sentence: (path, r, w) =>
      `The type of a MESSAGE field at path '${path}' in the ${r} schema does not match its type in the ${w} schema`,
    what: ({ place, reader, writer }, r, w) =>
      `${place} is "${reader?.text}" in the ${r} schema and "${writer?.text}" in the ${w} one, and the two message types do not match.`,
    fix: (_, r) =>
      `Keep the message type in the ${r} schema (its package may differ), and see that its own fields are compatible; put another message into a field with a new number.`,
  },
  FIELD_NUMERIC_LABEL_CHANGED: {
    title: 'label of a number',
    breaks:
      'Several numbers may be written packed together, which a reader of a single one skips; a required one may be missing.',
    sentence: (path, r, w) =>
      `The label for a NUMERIC field at path '${path}' in the ${r} schema does not match its label in the ${w} schema`,
    what: bothSides,
    fix: newNumber,
  },
  REQUIRED_FIELD_ADDED: {
    title: 'required field that the writer does not have',
    breaks: 'The reader refuses every message without the field.',
    sentence: (path, r, w) => `A required field  at path '${path}' in the ${r} schema is missing in the ${w} schema`,
    what: ({ place }, r, w) => `${place} is required in the ${r} schema and does not exist in the ${w} one.`,
    fix: ({ place }, r) => `Declare ${place} optional in the ${r} schema.`,
  },
  REQUIRED_FIELD_REMOVED: {
    title: 'required field that the reader does not have',
    breaks: 'Messages written by those without the field are refused by everyone who still requires it.',
    sentence: (path, r, w) => `The ${r} schema is missing a required field at path: '${path}' in the ${w} schema`,
    what: ({ place }, r, w) => `${place} is required in the ${w} schema and does not exist in the ${r} one.`,
    fix: ({ place }, r) => `Keep ${place} in the ${r} schema.`,
  },
  ONEOF_FIELD_REMOVED: {
    title: 'member of a oneof that only the writer has',
    breaks: 'A message that holds this member looks to the reader as if none of the oneof were set.',
    sentence: (path, r, w) => `The ${r} schema is missing a oneof field at path '${path}' in the ${w} schema`,
    what: ({ place, writer }, r, w) =>
      `${place} ("${writer?.text}") is in the ${w} schema and not in the ${r} one, which keeps other parts of the oneof.`,
    fix: ({ place }, r) =>
      `Keep ${place} in the ${r} schema, in a oneof or beside it; mark it deprecated if nobody is to set it.`,
  },
  MULTIPLE_FIELDS_MOVED_TO_ONEOF: {
    title: 'several fields moved into one oneof',
    breaks: 'A message may have several of them set; the reader keeps only the last one.',
    sentence: (path, r, w) =>
      `Multiple fields in the oneof at path '${path}' in the ${r} schema are outside a oneof in the ${w} schema`,
    what: ({ place, reader }, r, w) =>
      `${place} in the ${r} schema ("${reader?.text}") holds several fields that stand alone in the ${w} one.`,
    fix: () => 'Leave the fields outside; a new oneof may take one existing field and any number of new ones.',
  },
  FIELD_MOVED_TO_EXISTING_ONEOF: {
    title: 'fields from several places in one oneof',
    breaks: 'A message may have more than one of them set; the reader keeps only the last one.',
    sentence: (path, r, w) =>
      `A field in the oneof at path '${path}' in the ${r} schema is outside an existing oneof in the ${w} schema`,
    what: ({ place, reader }, r, w) =>
      `${place} in the ${r} schema ("${reader?.text}") holds fields that do not exclude one another in the ${w} one.`,
    fix: () => 'Leave the field where it was; a oneof may take new fields, and existing ones only from one oneof.',
  },
};

/** Every kind that can break, as a rule of the catalogue. */
export const PROTO_RULES: readonly CompatibilityRule[] = Object.entries(RULES).map(([kind, { title, breaks }]) => ({
  id: protoRuleId(kind),
  errorType: kind,
  title,
  breaks,
}));

export function protoRuleId(kind: string): string {
  return `protobuf/${kind.toLowerCase().replaceAll('_', '-')}`;
}

/** The difference as the reference registry words it; tolerated ones are never shown and have no sentence. */
export function protoMessage({ errorType, path }: Difference, direction: Direction): string {
  const text = ruleOf(errorType)?.sentence(path, ...sides(direction)) ?? '';
  return `{errorType:"${errorType}", description:"${text}"}`;
}

export function protoExplanation(difference: Difference, direction: Direction): Explanation {
  const words = sides(direction);
  const rule = ruleOf(difference.errorType);
  if (rule === undefined) {
    const what = difference.errorType.toLowerCase().replaceAll('_', ' ');
    return {
      what: `${difference.place}: ${what} (${words[0]}: ${difference.reader?.text || 'nothing'}; ${words[1]}: ${difference.writer?.text || 'nothing'}).`,
      breaks: 'Nothing: fields are found by number, and unknown ones are skipped.',
      fix: 'Nothing needs to be done.',
    };
  }
  return { what: rule.what(difference, ...words), breaks: rule.breaks, fix: rule.fix(difference, ...words) };
}

function ruleOf(kind: string): ProtoRule | undefined {
  return Object.hasOwn(RULES, kind) ? RULES[kind as BreakingKind] : undefined;
}

function bothSides({ place, reader, writer }: Difference, r: string, w: string): string {
  return `${place} is "${reader?.text}" in the ${r} schema and "${writer?.text}" in the ${w} one.`;
}

function newNumber({ writer }: Difference, r: string, w: string): string {
  return `Keep "${writer?.text}" of the ${w} schema in the ${r} one, and add what you need as a field with a new number.`;
}

/** The words for reader and writer. */
function sides(direction: Direction): ['new' | 'old', 'new' | 'old'] {
  return direction === 'new-reads-old' ? ['new', 'old'] : ['old', 'new'];
}
