import { AppError, type JsonValue } from '#libs/core/kernel';

/** Where in a record a path begins. */
export type FieldRoot = 'key' | 'value';

/**
 * A place in a decoded record, in the grammar of key expressions: `key`, `value.address.zip`, `value.legs[0]`, `value["a b"]`. Only own members are seen, so that
 * `constructor` or `__proto__` are names like any other.
 */
export interface FieldPath {
  readonly root: FieldRoot;
  /** Names of members, numbers of list items. */
  readonly steps: readonly (string | number)[];
  readonly text: string;
}

const MAX_DEPTH = 16;
const STEP = /\.([A-Za-z_][A-Za-z0-9_]*)|\[("(?:[^"\\]|\\.)*")\]|\[([0-9]{1,9})\]/gy;

/** @throws `invalid-field-path`, naming what a path looks like. */
export function parseFieldPath(text: string): FieldPath {
  const root = /^(key|value)(?=[.[]|$)/.exec(text)?.[1];
  if (root === undefined) throw invalidPath(text, 'it must begin with key or value');
  const steps: (string | number)[] = [];
  STEP.lastIndex = root.length;
  for (let at = root.length; at < text.length; at = STEP.lastIndex) {
    const match = STEP.exec(text);
    if (match === null)
      throw invalidPath(
        text,
        `at character ${at + 1} a name, a name in brackets and quotes or a number in brackets is expected`,
      );
    if (match[1] !== undefined) steps.push(match[1]);
    else if (match[2] !== undefined) steps.push(quoted(text, match[2]));
    else steps.push(Number(match[3]));
  }
  if (steps.length > MAX_DEPTH) throw invalidPath(text, `it has ${steps.length} steps, more than ${MAX_DEPTH}`);
  return { root: root as FieldRoot, steps, text };
}

function quoted(path: string, text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    throw invalidPath(path, 'the name in quotes is not JSON text');
  }
}

/** What stands at the path below its root; undefined when there is nothing. */
export function valueAt(path: FieldPath, root: JsonValue): JsonValue | undefined {
  let at: JsonValue | undefined = root;
  for (const step of path.steps) {
    if (typeof at !== 'object' || at === null) return undefined;
    if (Array.isArray(at)) at = typeof step === 'number' ? at[step] : undefined;
    else at = Object.hasOwn(at, String(step)) ? at[String(step)] : undefined;
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
