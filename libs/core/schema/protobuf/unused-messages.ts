import { comparedType } from './compared-type.js';
import type { Spot } from './doubted-fields.js';
import { typePart } from './parts.js';
import type { ProtoDeclaration, ProtoScope } from './scope.js';
import { isMapEntry, messagesOf, type ProtoMessage, type ProtoType } from './tree.js';

/** Messages that the writer's file declares, the reader's does not, and no field of another message has as its type. */
export function* unusedMessages(reader: ProtoScope, writer: ProtoScope): Iterable<Spot> {
  const used = usedMessages(writer);
  const stack: Level[] = [
    { read: reader.sources[0]!.file.types, written: writer.sources[0]!.file.types, message: null, path: [] },
  ];
  for (let level = stack.pop(); level !== undefined; level = stack.pop()) {
    const { read, written, message, path } = level;
    const kept = new Map(messagesOf(read).map((one) => [one.name, one]));
    for (const one of messagesOf(written)) {
      const here = [...path, one.name];
      const same = kept.get(one.name);
      if (same !== undefined) {
        const declaration = reader.of(same)!;
        stack.push({ read: same.types, written: one.types, message: { declaration, message: same }, path: here });
      } else if (!used.has(one) && !isMapEntry(one)) {
        yield {
          path: here,
          place: here.join('.'),
          reader: typePart(null, message, reader.sources[0]!),
          writer: typePart(one, null, writer.sources[0]!),
        };
      }
    }
  }
}

interface Level {
  readonly read: readonly ProtoType[];
  readonly written: readonly ProtoType[];
  /** The reader's message around it; null for the file. */
  readonly message: { readonly declaration: ProtoDeclaration; readonly message: ProtoMessage } | null;
  readonly path: readonly string[];
}

/** Messages that fields of other messages of the file have as their type, or as the values of a map. */
function usedMessages(scope: ProtoScope): ReadonlySet<ProtoType> {
  const used = new Set<ProtoType>();
  const stack = [...messagesOf(scope.sources[0]!.file.types)];
  for (let message = stack.pop(); message !== undefined; message = stack.pop()) {
    stack.push(...messagesOf(message.types));
    const within = scope.of(message)!;
    for (const field of [...message.fields, ...message.oneofs.flatMap(({ fields }) => fields)]) {
      let type = comparedType(scope, field.type, within);
      if (type.kind === 'map') type = comparedType(scope, type.value, within);
      if (type.kind === 'message' && type.declaration !== undefined && type.declaration.type !== message) {
        used.add(type.declaration.type);
      }
    }
  }
  return used;
}
