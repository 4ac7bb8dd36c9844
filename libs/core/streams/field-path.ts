import { AppError, type JsonValue } from '#libs/core/kernel';

/** Where in a record a path begins. */
export type FieldRoot = 'key' | 'value';

/**
 * A place in a decoded record, such as `value.address.zip` or `key`. Names are separated by dots; a name that holds a dot or begins or ends with a
 * space is written in backquotes: value.`a.b`. Only own members are seen, so that `constructor` or `__proto__` are names like any other.
 */
export interface FieldPath {
  readonly root: FieldRoot;
  readonly names: readonly string[];
  readonly text: string;
}

const MAX_DEPTH = 16;
const SEGMENT = /\.(?:`([^`]+)`|([^.`\s]+))/gy;

/** @throws `invalid-field-path`, naming what a path looks like. */
export function parseFieldPath(text: string): FieldPath {
  const root = /^(key|value)(?=\.|$)/.exec(text)?.[1];
  if (root === undefined) throw invalidPath(text, 'it must begin with key or value');
  const names: string[] = [];
  SEGMENT.lastIndex = root.length;
  while (SEGMENT.lastIndex < text.length) {
    const at = SEGMENT.lastIndex;
    const match = SEGMENT.exec(text);
    if (match === null) throw invalidPath(text, `position ${at + 1} is not a dot followed by a name`);
    names.push(match[1] ?? match[2]!);
  }
  if (names.length > MAX_DEPTH) throw invalidPath(text, `it has ${names.length} names, more than ${MAX_DEPTH}`);
  return { root: root as FieldRoot, names, text };
}

/** What stands at the path below its root; undefined when there is nothing. List items are reached by their number. */
export function valueAt(path: FieldPath, root: JsonValue): JsonValue | undefined {
  let at: JsonValue | undefined = root;
  for (const name of path.names) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, JsonValue>)[name];
  }
  return at;
}

function invalidPath(text: string, why: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-field-path',
    message: `'${text.slice(0, 100)}' is not a field path: ${why}.`,
    hint: 'Write a path such as key, value.origin or value.address.zip.',
  });
}
