import type { AvroName } from './tree.js';

/** What a name may look like. `strict`: ASCII, as the specification says. `unicode`: any letter or digit, for schemas that are stored already. */
export type NameRule = 'strict' | 'unicode';

/**
 * Makes a name of its text and the namespace around it: a dot makes it a full name whatever surrounds it, an empty namespace is the null
 * namespace.
 */
export function avroName(text: string, namespace: string | null): AvroName {
  const dot = text.lastIndexOf('.');
  const simple = text.slice(dot + 1);
  const space = dot < 0 ? namespace : text.slice(0, dot);
  const known = space === null || space === '' ? null : space;
  return { simple, namespace: known, full: known === null ? simple : `${known}.${simple}` };
}

/** Why the word cannot be a name, or null when it can. */
export function nameProblem(word: string, rule: NameRule): string | null {
  if (word === '') return 'Empty name';
  const { first, rest } = PATTERNS[rule];
  if (!first.test(word[0]!)) return `Illegal initial character: ${word}`;
  return rest.test(word) ? null : `Illegal character in: ${word}`;
}

/** Why a namespace is not well formed, or null. Namespaces are checked by the strict rule only. */
export function namespaceProblem(namespace: string | null, rule: NameRule): string | null {
  if (namespace === null || rule === 'unicode') return null;
  for (const part of namespace.split('.')) {
    const problem = nameProblem(part, rule);
    if (problem !== null) return `Namespace part "${part}" is invalid: ${problem}`;
  }
  return null;
}

/**
 * The text that means `name` inside `namespace`: simple when it lives there and cannot be taken for a word of the language, full otherwise.
 */
export function qualified(name: AvroName, namespace: string | null): string {
  if (name.namespace === null || name.namespace !== namespace) return name.full;
  return TYPE_WORDS.has(name.simple) ? name.full : name.simple;
}

// Java decides on single UTF-16 units, so characters beyond the first plane are never letters.
const PATTERNS = {
  strict: { first: /^[A-Za-z_]$/, rest: /^[A-Za-z0-9_]+$/ },
  unicode: { first: /^[\p{L}_]$/u, rest: /^(?:(?![\u{10000}-\u{10ffff}])[\p{L}\p{Nd}_])+$/u },
} as const;

const TYPE_WORDS: ReadonlySet<string> = new Set([
  'record',
  'enum',
  'array',
  'map',
  'union',
  'fixed',
  'string',
  'bytes',
  'int',
  'long',
  'float',
  'double',
  'boolean',
  'null',
]);
