import type { JsonNode } from '../lossless-json.js';

/** The editions of JSON Schema. The first three are loaded by one set of rules (`load-classic`), the others by another (`load-modern`). */
export type Draft = 'draft-04' | 'draft-06' | 'draft-07' | '2019-09' | '2020-12';

/** The draft of a document by its `$schema`; draft-07 where it has none or an unknown one. */
export function draftOf(root: JsonNode): Draft {
  const schema = root.kind === 'object' ? root.members.get('$schema') : undefined;
  if (schema?.kind !== 'string') return 'draft-07';
  return metaSchemaDraft(schema.value) ?? 'draft-07';
}

export function isModern(draft: Draft): boolean {
  return draft === '2019-09' || draft === '2020-12';
}

/** The keyword that names a schema: `id` in draft 4, `$id` since. */
export function idKeyword(draft: Draft): 'id' | '$id' {
  return draft === 'draft-04' ? 'id' : '$id';
}

/** The draft whose meta-schema has this URI; undefined for any other. */
export function metaSchemaDraft(uri: string): Draft | undefined {
  return DRAFTS.get(address(uri));
}

function address(uri: string): string {
  return uri.replace(/^https?:\/\//, '').replace(/#$/, '');
}

const DRAFTS: ReadonlyMap<string, Draft> = new Map([
  ['json-schema.org/schema', 'draft-04'],
  ['json-schema.org/draft-04/schema', 'draft-04'],
  ['json-schema.org/draft-06/schema', 'draft-06'],
  ['json-schema.org/draft-07/schema', 'draft-07'],
  ['json-schema.org/draft/2019-09/schema', '2019-09'],
  ['json-schema.org/draft/2020-12/schema', '2020-12'],
]);
