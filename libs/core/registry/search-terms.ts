import { createHash } from 'node:crypto';
import type { SchemaMetadata, SchemaOutline, SchemaType } from '#libs/core/schema';

/**
 * What a term says of a schema. `field`: a path, or the end of one; `name`: a declared type; `property`: name and value of a metadata property; `schemaType`: the
 * language.
 */
export const TERM_KINDS = ['field', 'name', 'tag', 'property', 'schemaType'] as const;
export type TermKind = (typeof TERM_KINDS)[number];

/** One word under which a version is found. Terms are compared whole, with upper and lower case. */
export interface SearchTerm {
  readonly kind: TermKind;
  /** At most {@link MAX_TERM_BYTES}, well-formed, without NUL, so that any database takes it as a key. */
  readonly text: string;
}

const MAX_TERM_BYTES = 500;
/** Terms of one version at most; those of a schema beyond the limit are the deepest of its fields. */
const MAX_TERMS = 4_000;
/** Parts of a path at most that a field is found by: `c`, `b.c` and `a.b.c` of `a.b.c`. */
const MAX_PATH_PARTS = 8;

/** A path of field names, as people write it: `customer.address.city`, or its end. */
export function fieldTerm(path: string): SearchTerm {
  return term('field', path);
}

/** A declared type, by its full name or by the last part of it. */
export function nameTerm(name: string): SearchTerm {
  return term('name', name);
}

/** What versions with the tag are found by, wherever the tag stands. */
export function tagTerm(tag: string): SearchTerm {
  return term('tag', tag);
}

/** What versions with the metadata property are found by. */
export function propertyTerm(name: string, value: string): SearchTerm {
  return term('property', JSON.stringify([name, value]));
}

/** What versions in the schema language are found by. */
export function schemaTypeTerm(type: SchemaType): SearchTerm {
  return term('schemaType', type);
}

/** Kinds from those that few versions share to those that many do. */
const RAREST_FIRST: readonly TermKind[] = ['name', 'property', 'field', 'tag', 'schemaType'];

/** The terms with the one first that is likely to be the rarest: a search begins with it. */
export function rarestFirst(terms: readonly SearchTerm[]): readonly SearchTerm[] {
  return [...terms].sort((a, b) => RAREST_FIRST.indexOf(a.kind) - RAREST_FIRST.indexOf(b.kind));
}

/**
 * Everything a schema is found by, each once: the ends of the paths of its fields, shallow ones first; declared types with and without namespace; tags in the text and
 * in the metadata; metadata properties. Bounded by {@link MAX_TERMS}.
 */
export function termsOf(
  schemaType: SchemaType,
  outline: SchemaOutline,
  metadata: SchemaMetadata | null,
): readonly SearchTerm[] {
  const found = new Map<string, SearchTerm>();
  const add = (one: SearchTerm) => {
    if (found.size < MAX_TERMS) found.set(`${one.kind} ${one.text}`, one);
  };
  add(schemaTypeTerm(schemaType));
  for (const [name, value] of Object.entries(metadata?.properties ?? {})) add(propertyTerm(name, value));
  for (const tag of [...outline.tags, ...Object.values(metadata?.tags ?? {}).flat()]) add(tagTerm(tag));
  for (const name of outline.names) {
    if (found.size >= MAX_TERMS) break;
    add(nameTerm(name));
    add(nameTerm(name.slice(name.lastIndexOf('.') + 1)));
  }
  const paths = [...outline.fields].sort((a, b) => a.length - b.length);
  for (const path of paths) {
    if (found.size >= MAX_TERMS) break;
    for (let parts = 1; parts <= Math.min(path.length, MAX_PATH_PARTS); parts++) {
      add(fieldTerm(path.slice(-parts).join('.')));
    }
  }
  return [...found.values()];
}

/** A text that cannot be a key as it is stands as its digest. */
function term(kind: TermKind, text: string): SearchTerm {
  // With the u flag the range matches lone surrogates only.
  const usable = !/[\0\ud800-\udfff]/u.test(text) && Buffer.byteLength(text, 'utf8') <= MAX_TERM_BYTES;
  return { kind, text: usable ? text : `sha256:${createHash('sha256').update(text).digest('hex')}` };
}
