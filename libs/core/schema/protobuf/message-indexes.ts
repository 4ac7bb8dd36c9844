import { nameIn, type ProtoScope, type ProtoSource } from './scope.js';
import { messagesOf, type ProtoMessage, type ProtoType } from './tree.js';

/**
 * The path by which a payload names its message (contract 4.1): positions among the messages of the file, then of each message around it; enums and
 * groups do not count. They belong to the text as stored: normalised text has no messages for map entries, so its indexes can differ.
 */

/** A message with the indexes that lead to it. */
export interface IndexedMessage {
  readonly fullName: string;
  readonly indexes: readonly number[];
  readonly message: ProtoMessage;
}

/** All messages of the file, each before those it contains. */
export function indexedMessages(scope: ProtoScope): readonly IndexedMessage[] {
  const { file } = fileOf(scope);
  return within(file.types, file.packageName ?? '', []);
}

/** The message that indexes lead to; undefined when they lead nowhere. */
export function messageAt(scope: ProtoScope, indexes: readonly number[]): IndexedMessage | undefined {
  const { file } = fileOf(scope);
  let [types, fullName]: [readonly ProtoType[], string] = [file.types, file.packageName ?? ''];
  let message: ProtoMessage | undefined;
  for (const index of indexes) {
    message = messagesOf(types)[index];
    if (message === undefined) return undefined;
    [types, fullName] = [message.types, nameIn(fullName, message.name)];
  }
  return message && { fullName, indexes, message };
}

/** The indexes of the message with this full name; undefined when the file has none such. */
export function indexesOf(scope: ProtoScope, fullName: string): readonly number[] | undefined {
  return indexedMessages(scope).find((one) => one.fullName === fullName)?.indexes;
}

/** The file whose messages are meant: a file that does nothing but `import public` one other stands for that one. */
function fileOf(scope: ProtoScope): ProtoSource {
  const own = scope.sources[0]!;
  const seen = new Set<ProtoSource>();
  for (let source = own; !seen.has(source);) {
    seen.add(source);
    const { types, imports } = source.file;
    const [first, ...more] = imports;
    if (types.length > 0 || first?.kind !== 'public' || more.length > 0) return source;
    const imported = scope.sources.find(({ origin, path }) => origin !== 'own' && path === first.path);
    if (imported === undefined) return source;
    source = imported;
  }
  return own;
}

function within(types: readonly ProtoType[], outside: string, path: readonly number[]): readonly IndexedMessage[] {
  return messagesOf(types).flatMap((message, i) => {
    const [fullName, indexes] = [nameIn(outside, message.name), [...path, i]];
    return [{ fullName, indexes, message }, ...within(message.types, fullName, indexes)];
  });
}
