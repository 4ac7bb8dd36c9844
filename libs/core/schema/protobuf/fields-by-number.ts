import type { MessagePair } from './differ.js';
import {
  compareField,
  noteField,
  noteLone,
  noteOneof,
  type FieldComparison,
  type PlacedField,
} from './field-differ.js';
import type { Findings } from './findings.js';
import type { ProtoMessage } from './tree.js';

/** By number. */
export type Fields = ReadonlyMap<number, PlacedField>;

/**
 * A number is compared wherever it stands: joining, leaving or changing a oneof hides nothing. What the members of a oneof of the reader were before may
 * not have been set together, so they may come from one place at most. The reference's development line (8.5).
 */
export const fieldsByNumber: FieldComparison = (differ, pair, out) => {
  const [reader, writer] = [placedFields(pair.reader.message), placedFields(pair.writer.message)];
  compareOneofs(pair, reader, writer, out);
  for (const [number, read] of reader) {
    differ.step();
    const written = writer.get(number);
    if (written === undefined) {
      if (read.oneof === null) noteLone(pair, 'reader', read, out);
      else noteField(pair, 'ONEOF_FIELD_ADDED', read, read, null, out);
      continue;
    }
    if (written.oneof !== null && read.oneof === null) {
      noteField(pair, 'ONEOF_FIELD_MOVED_TO_TOP_LEVEL', read, read, written, out);
    }
    compareField(differ, pair, read, written, out);
  }
  const gone = goneOneofs(pair, reader);
  for (const [number, written] of writer) {
    differ.step();
    if (reader.has(number)) continue;
    if (written.oneof === null) noteLone(pair, 'writer', written, out);
    else if (!gone.has(written.oneof.name)) noteField(pair, 'ONEOF_FIELD_REMOVED', written, null, written, out);
  }
};

/** Of two fields that claim a number, the last one counts; members of oneofs come last. */
export function placedFields(message: ProtoMessage): Fields {
  const fields = new Map<number, PlacedField>();
  for (const field of message.fields) fields.set(field.number, { field, oneof: null });
  for (const oneof of message.oneofs) for (const field of oneof.fields) fields.set(field.number, { field, oneof });
  return fields;
}

function compareOneofs(pair: MessagePair, reader: Fields, writer: Fields, out: Findings): void {
  const before = new Map(pair.writer.message.oneofs.map((oneof) => [oneof.name, oneof]));
  for (const oneof of pair.reader.message.oneofs) {
    const earlier = before.get(oneof.name) ?? null;
    const origins = new Set<string>();
    let alone = 0;
    for (const { number } of oneof.fields) {
      const written = writer.get(number);
      if (written === undefined || reader.get(number)?.oneof !== oneof) continue;
      if (written.oneof === null) alone++;
      origins.add(written.oneof === null ? String(number) : `oneof ${written.oneof.name}`);
    }
    if (origins.size > 1) {
      const kind = alone > 1 ? 'MULTIPLE_FIELDS_MOVED_TO_ONEOF' : 'FIELD_MOVED_TO_EXISTING_ONEOF';
      noteOneof(pair, kind, oneof, earlier, out);
    }
    if (earlier === null) noteOneof(pair, 'ONEOF_ADDED', oneof, null, out);
  }
  const after = new Set(pair.reader.message.oneofs.map((oneof) => oneof.name));
  for (const oneof of pair.writer.message.oneofs) {
    if (!after.has(oneof.name)) noteOneof(pair, 'ONEOF_REMOVED', null, oneof, out);
  }
}

/** Names of the writer's oneofs of which the reader has neither the name nor any number. */
function goneOneofs(pair: MessagePair, reader: Fields): ReadonlySet<string> {
  const kept = new Set(pair.reader.message.oneofs.map((oneof) => oneof.name));
  return new Set(
    pair.writer.message.oneofs
      .filter(({ name, fields }) => !kept.has(name) && !fields.some(({ number }) => reader.has(number)))
      .map(({ name }) => name),
  );
}
