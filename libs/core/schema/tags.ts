import { schemaInvalid } from './errors.js';
import type { SchemaType } from './format.js';
import type { JsonNode } from './lossless-json.js';
import { TAGS_PROPERTY } from './outline.js';

/** What can be tagged in the text of a schema: a type with fields, or one of its fields. */
export type TaggableKind = 'record' | 'field';

/** A part of a schema with the tags in its text (contract 3.5). */
export interface TaggedPart {
  /** Names with dots between, as the reference builds them. Avro: the record's full name, then the field. Protobuf: messages from the outermost in, without the package. JSON Schema: what is passed on the way (`object`, a property, `array`, `allof.0`, …). */
  readonly path: string;
  readonly kind: TaggableKind;
  /** In the order written. */
  readonly tags: readonly string[];
}

/** Tags to give to a part and to take from it. */
export interface TagEdit {
  /** As of {@link TaggedPart}; a leading dot means nothing. */
  readonly path: string;
  readonly kind: TaggableKind;
  readonly add: readonly string[];
  readonly remove: readonly string[];
  /** Nothing is wrong when there is no such part. */
  readonly optional?: boolean;
}

/** Tags of one part, and how they are replaced. */
export type TagChange = (
  part: { readonly path: string; readonly kind: TaggableKind },
  tags: readonly string[],
) => readonly string[];

/** The edits as a function of parts, and a check that each has met its part. Edits of one part are done in their order. */
class TagEdits {
  readonly #edits = new Map<string, TagEdit[]>();
  readonly #met = new Set<TagEdit>();

  constructor(
    private readonly type: SchemaType,
    edits: readonly TagEdit[],
  ) {
    for (const edit of edits) {
      const key = keyOf(edit);
      this.#edits.set(key, [...(this.#edits.get(key) ?? []), edit]);
    }
  }

  readonly change: TagChange = (part, tags) => {
    const result = new Set(tags);
    for (const edit of this.#edits.get(keyOf(part)) ?? []) {
      this.#met.add(edit);
      for (const tag of edit.add) result.add(tag);
      for (const tag of edit.remove) result.delete(tag);
    }
    return [...result];
  };

  /** @throws `schema-invalid` naming the first part that was not there. */
  requireAllMet(): void {
    for (const edits of this.#edits.values()) {
      const missed = edits.find((edit) => edit.optional !== true && !this.#met.has(edit));
      if (missed !== undefined) throw schemaInvalid(this.type, `No matching path '${missed.path}' found in the schema`);
    }
  }
}

/**
 * The text that a walk over the parts of a schema writes with the edits made.
 * @throws `schema-invalid` naming the first part that was not there.
 */
export function textWithEdits(
  type: SchemaType,
  edits: readonly TagEdit[],
  write: (change: TagChange) => string,
): string {
  const tags = new TagEdits(type, edits);
  const text = write(tags.change);
  tags.requireAllMet();
  return text;
}

/** What a walk over the parts of a schema meets: those that have tags. */
export function taggedPartsOf(walk: (change: TagChange) => void): readonly TaggedPart[] {
  const found: TaggedPart[] = [];
  walk((part, tags) => {
    if (tags.length > 0) found.push({ ...part, tags });
    return tags;
  });
  return found;
}

/** Tags written as a member of an object, as Avro and JSON Schema have them. */
export function tagsIn(members: ReadonlyMap<string, JsonNode>): readonly string[] {
  const list = members.get(TAGS_PROPERTY);
  return list?.kind === 'array' ? list.items.flatMap((item) => (item.kind === 'string' ? [item.value] : [])) : [];
}

/** The members with other tags; those that there are keep their place. */
export function withTags(
  members: ReadonlyMap<string, JsonNode>,
  tags: readonly string[],
): ReadonlyMap<string, JsonNode> {
  const result = new Map(members);
  if (tags.length === 0) result.delete(TAGS_PROPERTY);
  else {
    const items = tags.map((value) => ({ kind: 'string' as const, at: -1, value }));
    result.set(TAGS_PROPERTY, { kind: 'array', at: -1, items });
  }
  return result;
}

function keyOf({ path, kind }: { readonly path: string; readonly kind: TaggableKind }): string {
  return `${kind}/${path.startsWith('.') ? path.slice(1) : path}`;
}
