import type { MessagePair, ProtoDiffer } from './differ.js';
import {
  compareField,
  noteField,
  noteLone,
  noteOneof,
  type FieldComparison,
  type PlacedField,
} from './field-differ.js';
import type { Findings } from './findings.js';
import type { ProtoField, ProtoOneof } from './tree.js';

type Fields = Map<number, PlacedField>;

/**
 * Members of oneofs are compared with those of the oneof of the same name, the other fields with one another; a field that joined a oneof is only counted.
 * What changes beside a move or a new name of a oneof goes unseen. The reference's releases up to 8.3.
 */
export const fieldsByOneof: FieldComparison = (differ, pair, out) => {
  const [reader, writer] = [pair.reader.message, pair.writer.message];
  const [read, written] = [placed(reader.fields, null), placed(writer.fields, null)];
  const inOneofs = new Set(writer.oneofs.flatMap((oneof) => oneof.fields.map(({ number }) => number)));
  const before = new Map(writer.oneofs.map((oneof) => [oneof.name, oneof]));
  for (const oneof of reader.oneofs) {
    const earlier = before.get(oneof.name) ?? null;
    countMoved(pair, oneof, earlier, written, inOneofs, out);
    if (earlier === null) noteOneof(pair, 'ONEOF_ADDED', oneof, null, out);
    else compareMembers(differ, pair, placed(oneof.fields, oneof), placed(earlier.fields, earlier), out);
    before.delete(oneof.name);
  }
  for (const oneof of before.values()) noteOneof(pair, 'ONEOF_REMOVED', null, oneof, out);
  for (const [number, field] of read) {
    differ.step();
    const earlier = written.get(number);
    if (earlier === undefined) noteLone(pair, 'reader', field, out);
    else compareField(differ, pair, field, earlier, out);
  }
  for (const [number, field] of written) if (!read.has(number)) noteLone(pair, 'writer', field, out);
};

function placed(fields: readonly ProtoField[], oneof: ProtoOneof | null): Fields {
  return new Map(fields.map((field) => [field.number, { field, oneof }]));
}

/** Takes the fields that joined the oneof out of `written`. */
function countMoved(
  pair: MessagePair,
  oneof: ProtoOneof,
  earlier: ProtoOneof | null,
  written: Fields,
  inOneofs: ReadonlySet<number>,
  out: Findings,
): void {
  const moved = oneof.fields.filter(({ number }) => written.delete(number));
  const others = oneof.fields.filter((field) => !moved.includes(field) && inOneofs.has(field.number));
  if (moved.length > 1) noteOneof(pair, 'MULTIPLE_FIELDS_MOVED_TO_ONEOF', oneof, earlier, out);
  else if (moved.length === 1 && others.length > 0)
    noteOneof(pair, 'FIELD_MOVED_TO_EXISTING_ONEOF', oneof, earlier, out);
}

function compareMembers(differ: ProtoDiffer, pair: MessagePair, reader: Fields, writer: Fields, out: Findings): void {
  for (const [number, read] of reader) {
    differ.step();
    const written = writer.get(number);
    if (written === undefined) noteField(pair, 'ONEOF_FIELD_ADDED', read, read, null, out);
    else compareField(differ, pair, read, written, out);
  }
  for (const [number, written] of writer) {
    if (!reader.has(number)) noteField(pair, 'ONEOF_FIELD_REMOVED', written, null, written, out);
  }
}
