import { comparedType } from './compared-type.js';
import type { MessagePair, MessageSide, ProtoDiffer } from './differ.js';
import type { Findings, ProtoPart } from './findings.js';
import type { ProtoDifferenceKind } from './kinds.js';
import type { ProtoDeclaration, ProtoSource } from './scope.js';
import { typeText, type ProtoField, type ProtoFieldType, type ProtoMessage, type ProtoOneof } from './tree.js';

/** A field that decodes a number, with the oneof it is a member of. */
interface PlacedField {
  readonly field: ProtoField;
  readonly oneof: ProtoOneof | null;
}
type Fields = ReadonlyMap<number, PlacedField>;

/**
 * Fields and oneofs of a pair of messages, by number. Where two fields claim a number, the last one counts. Groups take no part.
 *
 * A number is compared wherever it stands: joining, leaving or changing a oneof hides nothing. This is the reference's newer algorithm (8.5); release 8.3
 * compares members only with those of the oneof of the same name.
 */
export function compareFields(differ: ProtoDiffer, pair: MessagePair, out: Findings): void {
  const [reader, writer] = [placedFields(pair.reader.message), placedFields(pair.writer.message)];
  compareOneofs(pair, reader, writer, out);
  for (const [number, read] of reader) {
    differ.step();
    const written = writer.get(number);
    if (written === undefined) added(pair, read, out);
    else compareField(differ, pair, read, written, out);
  }
  const gone = goneOneofs(pair, reader);
  for (const [number, written] of writer) {
    differ.step();
    if (!reader.has(number)) removed(pair, written, gone, out);
  }
}

function placedFields(message: ProtoMessage): Fields {
  const fields = new Map<number, PlacedField>();
  for (const field of message.fields) fields.set(field.number, { field, oneof: null });
  for (const oneof of message.oneofs) for (const field of oneof.fields) fields.set(field.number, { field, oneof });
  return fields;
}

/** Where each oneof of the reader got its members from: at most one place may have existed before. */
function compareOneofs(pair: MessagePair, reader: Fields, writer: Fields, out: Findings): void {
  const before = new Map(pair.writer.message.oneofs.map((oneof) => [oneof.name, oneof]));
  for (const oneof of pair.reader.message.oneofs) {
    const earlier = before.get(oneof.name) ?? null;
    const report = (kind: ProtoDifferenceKind): void => noteOneof(pair, kind, oneof, earlier, out);
    const origins = new Set<string>();
    let alone = 0;
    for (const { number } of oneof.fields) {
      const written = writer.get(number);
      if (written === undefined || reader.get(number)?.oneof !== oneof) continue;
      if (written.oneof === null) alone++;
      origins.add(written.oneof === null ? String(number) : `oneof ${written.oneof.name}`);
    }
    if (origins.size > 1) report(alone > 1 ? 'MULTIPLE_FIELDS_MOVED_TO_ONEOF' : 'FIELD_MOVED_TO_EXISTING_ONEOF');
    if (earlier === null) report('ONEOF_ADDED');
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

function added(pair: MessagePair, read: PlacedField, out: Findings): void {
  const required = read.field.label === 'required' ? 'REQUIRED_FIELD_ADDED' : 'FIELD_ADDED';
  noteField(pair, read.oneof === null ? required : 'ONEOF_FIELD_ADDED', read, read, null, out);
}

function removed(pair: MessagePair, written: PlacedField, gone: ReadonlySet<string>, out: Findings): void {
  if (written.oneof === null) {
    const kind = written.field.label === 'required' ? 'REQUIRED_FIELD_REMOVED' : 'FIELD_REMOVED';
    noteField(pair, kind, written, null, written, out);
  } else if (!gone.has(written.oneof.name)) {
    noteField(pair, 'ONEOF_FIELD_REMOVED', written, null, written, out);
  }
}

function compareField(
  differ: ProtoDiffer,
  pair: MessagePair,
  read: PlacedField,
  written: PlacedField,
  out: Findings,
): void {
  const report = (kind: ProtoDifferenceKind): void => noteField(pair, kind, read, read, written, out);
  if (written.oneof !== null && read.oneof === null) report('ONEOF_FIELD_MOVED_TO_TOP_LEVEL');
  if (read.field.name !== written.field.name) report('FIELD_NAME_CHANGED');
  const [reader, writer] = [read.field, written.field];
  const sameGroup = compareTypes(differ, pair, reader.type, writer.type, report, out, []);
  if (sameGroup === undefined || reader.label === null || writer.label === null || reader.label === writer.label)
    return;
  report(sameGroup === 'text or bytes' ? 'FIELD_STRING_OR_BYTES_LABEL_CHANGED' : 'FIELD_NUMERIC_LABEL_CHANGED');
}

/** @returns the wire group where both are scalars of the same one. */
function compareTypes(
  differ: ProtoDiffer,
  pair: MessagePair,
  reader: ProtoFieldType,
  writer: ProtoFieldType,
  report: (kind: ProtoDifferenceKind) => void,
  out: Findings,
  entered: readonly ProtoMessage[],
): string | undefined {
  const read = comparedType(differ.reader, reader, pair.reader.declaration);
  const written = comparedType(differ.writer, writer, pair.writer.declaration);
  if (read.kind === 'scalar' && written.kind === 'scalar') {
    if (read.group === written.group) return read.group;
    report('FIELD_SCALAR_KIND_CHANGED');
  } else if (read.kind === 'map' && written.kind === 'map') {
    // An entry message may hold itself as the value.
    const { entry } = written;
    if (entry !== null && entered.includes(entry)) return undefined;
    const further = entry === null ? entered : [...entered, entry];
    compareTypes(differ, pair, read.key, written.key, report, out, further);
    compareTypes(differ, pair, read.value, written.value, report, out, further);
  } else if (read.kind === 'message' && written.kind === 'message') {
    const { declaration: readDeclaration } = read;
    const { declaration: writtenDeclaration } = written;
    if (readDeclaration === undefined || writtenDeclaration === undefined) {
      if (read.name !== written.name) report('FIELD_NAMED_TYPE_CHANGED');
    } else if (readDeclaration.localName !== writtenDeclaration.localName) {
      report('FIELD_NAMED_TYPE_CHANGED');
    } else if (!isOwn(readDeclaration) || !isOwn(writtenDeclaration)) {
      const findings = differ.compare(readDeclaration, writtenDeclaration);
      out.include(findings);
      if (!findings.compatible) report('FIELD_NAMED_TYPE_CHANGED');
    }
  } else report('FIELD_KIND_CHANGED');
  return undefined;
}

/** Messages of the two files themselves are compared where they are declared. */
function isOwn(declaration: ProtoDeclaration): boolean {
  return declaration.source.origin === 'own';
}

function noteField(
  pair: MessagePair,
  kind: ProtoDifferenceKind,
  at: PlacedField,
  read: PlacedField | null,
  written: PlacedField | null,
  out: Findings,
): void {
  const path = [...(at.oneof === null ? [] : [at.oneof.name]), String(at.field.number)];
  out.add({
    kind,
    path: [...pair.path, ...path],
    place: `${pair.path.join('.')}.${at.field.name}`,
    reader: read && fieldPart(read, pair.reader.declaration.source),
    writer: written && fieldPart(written, pair.writer.declaration.source),
  });
}

function fieldPart({ field, oneof }: PlacedField, source: ProtoSource): ProtoPart {
  const label = field.label === null ? '' : `${field.label} `;
  const text = `${label}${typeText(field.type)} ${field.name} = ${field.number}`;
  return { text: oneof === null ? text : `${text} in oneof ${oneof.name}`, source, at: field.at };
}

function noteOneof(
  pair: MessagePair,
  kind: ProtoDifferenceKind,
  read: ProtoOneof | null,
  written: ProtoOneof | null,
  out: Findings,
): void {
  const name = (read ?? written)!.name;
  const part = (oneof: ProtoOneof, { declaration }: MessageSide): ProtoPart => ({
    text: `oneof ${oneof.name} { ${oneof.fields.map((field) => `${field.name} = ${field.number};`).join(' ')} }`,
    source: declaration.source,
    at: oneof.at,
  });
  out.add({
    kind,
    path: [...pair.path, name],
    place: `${pair.path.join('.')}.${name}`,
    reader: read && part(read, pair.reader),
    writer: written && part(written, pair.writer),
  });
}
