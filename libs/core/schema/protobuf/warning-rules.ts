import type { WarningRule } from '../format.js';
import {
  changedGroups,
  isNumber,
  notReserved,
  relocated,
  renumbered,
  scalarOf,
  shared,
  sharedTypes,
  type Look,
  type Spot,
} from './doubted-fields.js';
import { isNarrower } from './value-ranges.js';

/** A judgement of the reference registry that is open to doubt. */
export interface ProtoWarningRule extends WarningRule {
  what(place: string, reader: string, writer: string, r: string, w: string): string;
  readonly breaks: string;
  fix(reader: string, writer: string): string;
}

/** A rule about two messages that stand for one another. */
interface MessageWarningRule extends ProtoWarningRule {
  /** Where the judgement was made; nowhere where it was not. */
  where(look: Look): Iterable<Spot>;
}

/** A message was removed that no field uses. */
export const UNUSED_MESSAGE: ProtoWarningRule = {
  id: 'protobuf/over-strict-message-removed',
  doubt: 'over-strict',
  title: 'a message that no field uses',
  what: (place, _reader, _writer, r, w) =>
    `${place} is gone from the ${r} schema; no field of the ${w} one has this type.`,
  breaks: 'Nothing, unless whole records are of this type.',
  fix: (reader) => `Keep the message in the ${reader} schema, deprecated.`,
};

export const MESSAGE_WARNINGS: readonly MessageWarningRule[] = [
  {
    id: 'protobuf/unsound-cardinality',
    doubt: 'unsound',
    title: 'one value or many, where a label is missing or the type is not a number',
    where: (look) =>
      shared(look, ({ field: read }, { field: written }) => {
        return read.label !== written.label && (read.label === 'repeated') !== (written.label === 'repeated');
      }),
    what: bothSides,
    breaks:
      'Of many values a reader of a single one keeps the last at most, and skips numbers that were written packed; a single zero that is not written reads as no value at all.',
    fix: (reader) =>
      `Keep the number of values in the ${reader} schema; put the other form into a field with a new number.`,
  },
  {
    id: 'protobuf/unsound-bytes-as-text',
    doubt: 'unsound',
    title: 'bytes read as a string',
    where: (look) => sharedTypes(look, (read, written) => scalarOf(read) === 'string' && scalarOf(written) === 'bytes'),
    what: bothSides,
    breaks: 'Bytes that are no UTF-8 are refused by readers of a string, or replaced.',
    fix: (reader) => `Keep bytes in the ${reader} schema.`,
  },
  {
    id: 'protobuf/unsound-narrower-number',
    doubt: 'unsound',
    title: 'a number, boolean or enum that cannot hold every value written',
    where: (look) => sharedTypes(look, (read, written) => isNarrower(look, read, written)),
    what: bothSides,
    breaks: 'Values beyond what the reader can hold are cut, take another sign, or are dropped, without an error.',
    fix: (reader) => `Keep a type in the ${reader} schema that holds every value; widening is safe.`,
  },
  {
    id: 'protobuf/unsound-required',
    doubt: 'unsound',
    title: 'required for the reader, not for the writer',
    where: (look) =>
      shared(look, ({ field: read }, { field: written }) => {
        const compared = read.label !== null && written.label !== null && isNumber(look, read.type);
        return read.label === 'required' && written.label !== 'required' && !compared;
      }),
    what: bothSides,
    breaks: 'The reader refuses messages without the field.',
    fix: (reader) => `Declare the field optional in the ${reader} schema.`,
  },
  {
    id: 'protobuf/unsound-renumbered',
    doubt: 'unsound',
    title: 'a field of the same name under another number',
    where: renumbered,
    what: bothSides,
    breaks: 'Fields are found by number: what was written under the former one is skipped.',
    fix: (reader) => `Keep the number in the ${reader} schema.`,
  },
  {
    id: 'protobuf/unsound-number-not-reserved',
    doubt: 'unsound',
    title: 'a number that is free to be used again',
    where: notReserved,
    what: (place, _, writer, r) =>
      `${place} ("${writer}") is gone from the ${r} schema, which does not reserve its number.`,
    breaks:
      'A later field may take the number for something else, and only versions that still have the former one are compared with it.',
    fix: (reader) => `Reserve the number and the name in the ${reader} schema.`,
  },
  {
    id: 'protobuf/unsound-default',
    doubt: 'unsound',
    title: 'default values are not compared',
    where: (look) => shared(look, ({ field: read }, { field: written }) => read.defaultValue !== written.defaultValue),
    what: (place, _reader, _writer, r, w) => `${place} has another default in the ${r} schema than in the ${w} one.`,
    breaks: 'A value that was left out because it was the default is read as another.',
    fix: (reader) => `Keep the default in the ${reader} schema.`,
  },
  {
    id: 'protobuf/unsound-group',
    doubt: 'unsound',
    title: 'groups are not compared',
    where: changedGroups,
    what: (place, _reader, _writer, r, w) =>
      `${place} is a group in the ${w} schema, and not the same in the ${r} one.`,
    breaks: 'What the group held is skipped or misread.',
    fix: (reader) => `Keep the group in the ${reader} schema, or replace it by a message under a new number.`,
  },
  {
    id: 'protobuf/unsound-same-version',
    doubt: 'unsound',
    title: 'messages of one referenced version, whose own references have changed',
    where: relocated,
    what: (place, _reader, _writer, r, w) =>
      `${place} has a message from another file in the ${r} schema than in the ${w} one.`,
    breaks: 'What that message holds may be skipped or misread.',
    fix: (reader) => `Refer to the same versions in the ${reader} schema as the referenced schema does.`,
  },
];

/** The catalogue. */
export const PROTO_WARNINGS: readonly ProtoWarningRule[] = [...MESSAGE_WARNINGS, UNUSED_MESSAGE];

function bothSides(place: string, reader: string, writer: string, r: string, w: string): string {
  return `${place} is "${reader}" in the ${r} schema and "${writer}" in the ${w} one.`;
}
