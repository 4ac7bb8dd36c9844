import type { Direction } from '../format.js';
import { comparedType, isSameSource } from './compared-type.js';
import type { MessagePair } from './differ.js';
import type { PlacedField } from './field-differ.js';
import type { Fields } from './fields-by-number.js';
import { fieldPart, groupPart, type ProtoPart } from './parts.js';
import type { ProtoScope } from './scope.js';
import { typeText, type ProtoFieldType, type ProtoGroup, type ProtoMessage, type ProtoReserved } from './tree.js';

/** Everything a rule can look at: two messages and their fields by number. */
export interface Look {
  readonly pair: MessagePair;
  readonly read: Fields;
  readonly written: Fields;
  readonly reader: ProtoScope;
  readonly writer: ProtoScope;
  readonly direction: Direction;
}

/** Where a doubtful judgement was made. */
export interface Spot {
  readonly path: readonly string[];
  /** The same place in names. */
  readonly place: string;
  readonly reader: ProtoPart;
  readonly writer: ProtoPart;
}

function fieldSpot({ pair }: Look, read: PlacedField | null, written: PlacedField | null): Spot {
  const { field, oneof } = (read ?? written)!;
  return {
    path: [...pair.path, ...(oneof === null ? [] : [oneof.name]), String(field.number)],
    place: [...pair.path, field.name].join('.'),
    reader: fieldPart(read, pair.reader),
    writer: fieldPart(written, pair.writer),
  };
}

/** Numbers that both sides use, where the two fields are as asked for. */
export function* shared(look: Look, asked: (read: PlacedField, written: PlacedField) => boolean): Iterable<Spot> {
  for (const [number, read] of look.read) {
    const written = look.written.get(number);
    if (written !== undefined && asked(read, written)) yield fieldSpot(look, read, written);
  }
}

/** As {@link shared}, for the types of the two fields, or the keys or values of two maps. */
export function sharedTypes(
  look: Look,
  asked: (read: ProtoFieldType, written: ProtoFieldType) => boolean,
): Iterable<Spot> {
  return shared(look, ({ field: read }, { field: written }) => {
    const [one, other] = [
      comparedType(look.reader, read.type, look.pair.reader.declaration),
      comparedType(look.writer, written.type, look.pair.writer.declaration),
    ];
    if (one.kind !== 'map' || other.kind !== 'map') return asked(read.type, written.type);
    return asked(one.key, other.key) || asked(one.value, other.value);
  });
}

/** In a message of one subject version that both sides refer to, which is not looked into: fields whose messages have come to be those of another file. */
export function relocated(look: Look): Iterable<Spot> {
  const [read, written] = [look.pair.reader.declaration, look.pair.writer.declaration];
  if (read.source.origin === 'own' || !isSameSource(read.source, written.source)) return [];
  return sharedTypes(look, (one, other) => {
    const [a, b] = [comparedType(look.reader, one, read), comparedType(look.writer, other, written)];
    return a.kind === 'message' && b.kind === 'message' && a.declaration?.source.text !== b.declaration?.source.text;
  });
}

export function scalarOf(type: ProtoFieldType): string | undefined {
  return type.kind === 'scalar' ? type.scalar : undefined;
}

export function isNumber({ reader, pair }: Look, type: ProtoFieldType): boolean {
  const compared = comparedType(reader, type, pair.reader.declaration);
  return compared.kind === 'scalar' && compared.group !== 'text or bytes';
}

export function* renumbered(look: Look): Iterable<Spot> {
  const lost = new Map([...look.written.values()].map((written) => [written.field.name, written]));
  for (const [number, read] of look.read) {
    const written = lost.get(read.field.name);
    if (written === undefined || look.written.has(number) || look.read.has(written.field.number)) continue;
    yield fieldSpot(look, read, written);
  }
}

/** Of the schema being registered only: an older reader cannot reserve what comes after it. */
export function* notReserved(look: Look): Iterable<Spot> {
  if (look.direction !== 'new-reads-old') return;
  const { reserved } = look.pair.reader.message;
  for (const [number, written] of look.written) {
    if (!look.read.has(number) && !isReserved(reserved, number)) yield fieldSpot(look, null, written);
  }
}

function isReserved(reserved: readonly ProtoReserved[], number: number): boolean {
  return reserved.some(({ items }) =>
    items.some((item) => (typeof item === 'object' ? item.from <= number && number <= item.to : item === number)),
  );
}

export function* changedGroups({ pair }: Look): Iterable<Spot> {
  const read = new Map(groupsOf(pair.reader.message).map((group) => [group.number, form(group)]));
  for (const group of groupsOf(pair.writer.message)) {
    if (read.get(group.number) === form(group)) continue;
    yield {
      path: [...pair.path, String(group.number)],
      place: [...pair.path, group.name].join('.'),
      reader: fieldPart(null, pair.reader),
      writer: groupPart(group, pair.writer),
    };
  }
}

function groupsOf(message: ProtoMessage): readonly ProtoGroup[] {
  return [...message.groups, ...message.oneofs.flatMap(({ groups }) => groups)];
}

function form({ label, fields }: ProtoGroup): string {
  return [label, ...fields.map((field) => `${typeText(field.type)} ${field.number}`)].join();
}
