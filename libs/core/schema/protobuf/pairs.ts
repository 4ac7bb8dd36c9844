import type { StepBudget } from '../step-budget.js';
import { comparedType } from './compared-type.js';
import { messagePair, type MessagePair } from './differ.js';
import { placedFields } from './fields-by-number.js';
import type { ProtoDeclaration, ProtoScope } from './scope.js';
import { messagesOf, type ProtoFieldType, type ProtoMessage } from './tree.js';

/**
 * The messages that stand for one another when `reader` reads what `writer` wrote, each pair once: those of the two files by name, with what is nested, then those of
 * other files that fields lead to.
 * @throws `schema-too-complex`.
 */
export function* readPairs(reader: ProtoScope, writer: ProtoScope, steps: StepBudget): Generator<MessagePair> {
  const seen = new Map<ProtoMessage, Set<ProtoMessage>>();
  const waiting: MessagePair[] = [];
  const meet = (read: ProtoDeclaration | undefined, written: ProtoDeclaration | undefined): void => {
    if (read?.type.kind !== 'message' || written?.type.kind !== 'message') return;
    const writers = seen.get(read.type) ?? new Set();
    seen.set(read.type, writers);
    if (writers.has(written.type)) return;
    writers.add(written.type);
    waiting.push(messagePair(read, written));
  };
  const meetAll = (read: readonly ProtoMessage[], written: readonly ProtoMessage[]): void => {
    const byName = new Map(written.map((message) => [message.name, message]));
    for (const message of read) {
      const other = byName.get(message.name);
      if (other !== undefined) meet(reader.of(message), writer.of(other));
    }
  };
  const follow = (pair: MessagePair, read: ProtoFieldType, written: ProtoFieldType): void => {
    const [one, other] = [
      comparedType(reader, read, pair.reader.declaration),
      comparedType(writer, written, pair.writer.declaration),
    ];
    if (one.kind === 'map' && other.kind === 'map') follow(pair, one.value, other.value);
    if (one.kind !== 'message' || other.kind !== 'message') return;
    const [a, b] = [one.declaration, other.declaration];
    if (a !== undefined && b !== undefined && a.localName === b.localName && !(isOwn(a) && isOwn(b))) meet(a, b);
  };
  meetAll(messagesOf(reader.sources[0]!.file.types), messagesOf(writer.sources[0]!.file.types));
  for (let next = 0; next < waiting.length; next++) {
    const pair = waiting[next]!;
    const [read, written] = [pair.reader.message, pair.writer.message];
    steps.spend(1 + read.fields.length + written.fields.length);
    yield pair;
    meetAll(messagesOf(read.types), messagesOf(written.types));
    const writerFields = placedFields(written);
    for (const [number, { field }] of placedFields(read)) {
      const other = writerFields.get(number);
      if (other !== undefined) follow(pair, field.type, other.field.type);
    }
  }
}

/** Met where it is declared. */
function isOwn(declaration: ProtoDeclaration): boolean {
  return declaration.source.origin === 'own';
}
