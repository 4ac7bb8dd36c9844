import { comparedType, isSameSource } from './compared-type.js';
import type { MessagePair, ProtoDiffer } from './differ.js';
import type { Findings } from './findings.js';
import type { ProtoDifferenceKind } from './kinds.js';
import { fieldPart, oneofPart } from './parts.js';
import type { ProtoField, ProtoFieldType, ProtoMessage, ProtoOneof } from './tree.js';

/** A field that decodes a number, with the oneof it is a member of. */
export interface PlacedField {
  readonly field: ProtoField;
  readonly oneof: ProtoOneof | null;
}

/** How the fields of two messages are paired, and what is said of those that have no partner. */
export type FieldComparison = (differ: ProtoDiffer, pair: MessagePair, out: Findings) => void;

/** Two fields of one number: name, type, label. Told at the place that the reader's field has. */
export function compareField(
  differ: ProtoDiffer,
  pair: MessagePair,
  read: PlacedField,
  written: PlacedField,
  out: Findings,
): void {
  const report = (kind: ProtoDifferenceKind): void => noteField(pair, kind, read, read, written, out);
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
    } else if (!isSameSource(readDeclaration.source, writtenDeclaration.source)) {
      const findings = differ.compare(readDeclaration, writtenDeclaration);
      out.include(findings);
      if (!findings.compatible) report('FIELD_NAMED_TYPE_CHANGED');
    }
  } else report('FIELD_KIND_CHANGED');
  return undefined;
}

/** A field that only the reader has, or only the writer. Oneofs have rules of their own. */
export function noteLone(pair: MessagePair, side: 'reader' | 'writer', lone: PlacedField, out: Findings): void {
  const required = lone.field.label === 'required';
  if (side === 'reader') noteField(pair, required ? 'REQUIRED_FIELD_ADDED' : 'FIELD_ADDED', lone, lone, null, out);
  else noteField(pair, required ? 'REQUIRED_FIELD_REMOVED' : 'FIELD_REMOVED', lone, null, lone, out);
}

/** Tells of a field at the place of `at`. */
export function noteField(
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
    reader: fieldPart(read, pair.reader),
    writer: fieldPart(written, pair.writer),
  });
}

/** Tells of a oneof. */
export function noteOneof(
  pair: MessagePair,
  kind: ProtoDifferenceKind,
  read: ProtoOneof | null,
  written: ProtoOneof | null,
  out: Findings,
): void {
  const { name } = (read ?? written)!;
  out.add({
    kind,
    path: [...pair.path, name],
    place: `${pair.path.join('.')}.${name}`,
    reader: oneofPart(read, pair.reader),
    writer: oneofPart(written, pair.writer),
  });
}
