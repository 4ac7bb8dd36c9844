import type { ParsedSchema } from '../format.js';
import type { JsonKind } from '../json-kind.js';
import type { StepBudget } from '../step-budget.js';
import type { JsonMembers, JsonNode } from '../lossless-json.js';
import type { SchemaDocument, SchemaDocuments } from './documents.js';
import { jsonSchema } from './json-schema-format.js';

/** A declared property of an object schema, as a table column or a data mapping needs it. */
export interface PropertyField {
  /** Names from the root object down; more than one where objects nest. */
  readonly path: readonly string[];
  /** The one type of its values, null aside; `any` where the schema allows several or does not say. `timestamp` and `date`: text that must be one. */
  readonly kind: 'boolean' | 'integer' | 'number' | 'string' | 'timestamp' | 'date' | 'array' | 'object' | 'any';
  readonly nullable: boolean;
  /** Whether the object around it must have it. */
  readonly required: boolean;
  /** Objects only: whether it can have members that are not declared. */
  readonly open: boolean;
  /** An object that holds itself here: its properties are listed where it first occurs and not again. */
  readonly recursive: boolean;
}

/** The root of a schema as an object. */
export interface ObjectShape {
  readonly fields: readonly PropertyField[];
  /** Whether it can have members that are not declared. */
  readonly open: boolean;
}

/** Fields listed at most. */
const LISTED_FIELDS = 10_000;
/** References, and combinations in one another, that are followed for one property. */
const FOLLOWED = 32;

/**
 * The declared properties of an object schema in order, nested objects followed by their own: those of the schema itself, of what it refers to, and of the
 * members of `allOf`. Undefined for a schema of anything else. Alternatives and conditions declare nothing that every value has.
 *
 * @throws `schema-too-complex` when the steps end first.
 */
export function propertyFields(schema: ParsedSchema, steps?: StepBudget): ObjectShape | undefined {
  const { documents } = jsonSchema(schema);
  const { main } = documents;
  const list = new PropertyList(documents, steps);
  const root = list.merged(main.root, { document: main, base: main.base });
  if (root.kind !== 'object') return undefined;
  list.collect(root, [], [root.json]);
  return { fields: list.fields, open: root.open };
}

interface Place {
  readonly document: SchemaDocument;
  readonly base: string | null;
}

/** A schema with everything that holds at once: what it refers to, and the members of its `allOf`. */
interface Merged {
  readonly json: JsonNode;
  readonly kind: PropertyField['kind'];
  readonly nullable: boolean;
  readonly open: boolean;
  readonly properties: ReadonlyMap<string, { readonly json: JsonNode; readonly place: Place }>;
  readonly required: ReadonlySet<string>;
}

class PropertyList {
  readonly fields: PropertyField[] = [];

  constructor(
    private readonly documents: SchemaDocuments,
    private readonly steps: StepBudget | undefined,
  ) {}

  collect(object: Merged, path: readonly string[], around: readonly JsonNode[]): void {
    for (const [name, { json, place }] of object.properties) {
      if (this.fields.length >= LISTED_FIELDS) return;
      const merged = this.merged(json, place);
      const { kind, nullable, open } = merged;
      const here = [...path, name];
      const recursive = kind === 'object' && around.includes(merged.json);
      this.fields.push({ path: here, kind, nullable, required: object.required.has(name), open, recursive });
      if (kind === 'object' && !recursive) this.collect(merged, here, [...around, merged.json]);
    }
  }

  merged(json: JsonNode, place: Place): Merged {
    const parts = this.#parts(json, place, FOLLOWED);
    const types = parts.flatMap((part) => this.#types(part.json));
    // Where several parts name types, all of them hold.
    const kinds = types.length === 0 ? null : types.reduce((a, b) => a.filter((kind) => b.includes(kind)));
    const properties = new Map<string, { readonly json: JsonNode; readonly place: Place }>();
    const required = new Set<string>();
    let open = true;
    for (const part of parts) {
      for (const [name, property] of membersOf(part.json, 'properties')) {
        if (!properties.has(name)) properties.set(name, { json: property, place: part.place });
      }
      for (const name of itemsOf(part.json, 'required')) if (name.kind === 'string') required.add(name.value);
      if (CLOSING.some((keyword) => isFalse(part.json.members.get(keyword)))) open = false;
    }
    const kind = this.#kind(kinds, parts, properties.size > 0);
    const whole = this.#alternative(kind, parts) ?? { kind, nullable: kinds?.includes('null') ?? false };
    return { json: parts.at(-1)?.json ?? json, open, properties, required, ...whole };
  }

  /** The schema, what its references lead to and the members of its `allOf`; the innermost of a chain of references last. */
  #parts(json: JsonNode, outer: Place, left: number): { readonly json: JsonMembers; readonly place: Place }[] {
    this.steps?.spend();
    if (json.kind !== 'object' || left === 0) return [];
    const place = { document: outer.document, base: this.documents.baseWithin(json, outer.base) };
    const reference = json.members.get('$ref');
    const target = reference?.kind === 'string' ? this.documents.resolve(reference.value, place) : undefined;
    const referred = target === undefined ? [] : this.#parts(target.json, target, left - 1);
    // In the older drafts a reference stands for the whole schema.
    if (reference !== undefined && !this.documents.modern) return referred;
    const all = itemsOf(json, 'allOf').flatMap((member) => this.#parts(member, place, left - 1));
    return [{ json, place }, ...all, ...referred];
  }

  /** Types that one schema object names, by `type`, `enum` or `const`. */
  #types(json: JsonMembers): (readonly string[])[] {
    const type = json.members.get('type');
    const named = type?.kind === 'array' ? type.items : type === undefined ? [] : [type];
    const values = [...itemsOf(json, 'enum'), ...[json.members.get('const')].filter((value) => value !== undefined)];
    const lists: string[][] = [];
    if (named.length > 0) lists.push(named.flatMap((one) => (one.kind === 'string' ? [one.value] : [])));
    if (values.length > 0) lists.push([...new Set(values.flatMap(typesOfValue))]);
    return lists;
  }

  #kind(
    kinds: readonly string[] | null,
    parts: readonly { readonly json: JsonMembers }[],
    declares: boolean,
  ): PropertyField['kind'] {
    // Properties without a type mean an object to everybody who writes them.
    if (kinds === null) return declares ? 'object' : 'any';
    const rest = kinds.filter((kind) => kind !== 'null');
    const [only] = rest.includes('integer') ? rest.filter((kind) => kind !== 'number') : rest;
    if (only === undefined || rest.some((kind) => kind !== only && !(only === 'integer' && kind === 'number')))
      return 'any';
    if (only !== 'string') return KINDS.has(only) ? (only as PropertyField['kind']) : 'any';
    // Newer drafts only remark on formats.
    if (this.documents.modern) return 'string';
    const formats = parts.map(({ json }) => textOf(json, 'format'));
    return formats.includes('date-time') ? 'timestamp' : formats.includes('date') ? 'date' : 'string';
  }

  /** One alternative besides null is what there is when there is anything. */
  #alternative(
    kind: PropertyField['kind'],
    parts: readonly { readonly json: JsonMembers; readonly place: Place }[],
  ): (Pick<Merged, 'kind' | 'nullable'> & Partial<Merged>) | undefined {
    if (kind !== 'any') return undefined;
    const choices = parts.flatMap(({ json, place }) =>
      ['anyOf', 'oneOf'].map((keyword) => ({ members: itemsOf(json, keyword), place })),
    );
    const [choice, ...more] = choices.filter(({ members }) => members.length > 0);
    if (choice === undefined || more.length > 0) return undefined;
    const rest = choice.members.filter((member) => member.kind !== 'object' || textOf(member, 'type') !== 'null');
    if (rest.length !== 1 || rest.length === choice.members.length) return undefined;
    return { ...this.merged(rest[0]!, choice.place), nullable: true };
  }
}

function membersOf(json: JsonMembers, keyword: string): ReadonlyMap<string, JsonNode> {
  const value = json.members.get(keyword);
  return value?.kind === 'object' ? value.members : new Map<string, JsonNode>();
}

function itemsOf(json: JsonMembers, keyword: string): readonly JsonNode[] {
  const value = json.members.get(keyword);
  return value?.kind === 'array' ? value.items : [];
}

function textOf(json: JsonMembers, keyword: string): string | undefined {
  const value = json.members.get(keyword);
  return value?.kind === 'string' ? value.value : undefined;
}

function isFalse(json: JsonNode | undefined): boolean {
  return json?.kind === 'boolean' && !json.value;
}

/** A whole number is of both numeric types. */
function typesOfValue(value: JsonNode): readonly string[] {
  const kind: JsonKind = value.kind;
  return value.kind === 'number' && Number.isInteger(Number(value.text)) ? ['integer', 'number'] : [kind];
}

const KINDS: ReadonlySet<string> = new Set(['boolean', 'integer', 'number', 'string', 'array', 'object']);
const CLOSING = ['additionalProperties', 'unevaluatedProperties'];
