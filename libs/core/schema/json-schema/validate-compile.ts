import { schemaInvalid, schemaTooLarge } from '../errors.js';
import type { JsonKind } from '../json-kind.js';
import type { SchemaLimits } from '../limits.js';
import type { JsonMembers, JsonNode } from '../lossless-json.js';
import { SchemaDocuments, type SchemaDocument } from './documents.js';
import { LatePattern } from './regex.js';
import { EVERY_KIND, Subschema, type Keyword, type SchemaResource } from './subschema.js';
import { fragmentOf, withoutFragment } from './uri.js';
import { ContainsItems, ItemCount, ListedItems, UnevaluatedItems, UniqueItems } from './validate-array.js';
import { AllOf, AnyOf, Conditional, Not, OneOf } from './validate-combined.js';
import { formatCheck } from './validate-formats.js';
import { SchemaNumber } from './validate-numbers.js';
import {
  DeclaredMembers,
  DependentSchema,
  MemberCount,
  MemberNames,
  RequiredNames,
  UnevaluatedProperties,
} from './validate-object.js';
import { DynamicReference, Reference } from './validate-reference.js';
import {
  Bound,
  HasFormat,
  MatchesPattern,
  MultipleOf,
  OneOfValues,
  TextLength,
  WholeNumber,
  WrongType,
} from './validate-scalar.js';

/** Where a schema stands: its document and the URI that its references are resolved against. */
interface Place {
  readonly document: SchemaDocument;
  readonly base: string | null;
}

/**
 * Turns schema text that was read before into {@link Subschema}s, by the rules of its draft. Keywords with values of the wrong type mean nothing; texts with such
 * were refused when they were registered, or the draft does not know them. References lead where they led on registration.
 */
export class SubschemaCompiler {
  readonly #compiled = new Map<JsonNode, Subschema>();
  readonly #later: (() => void)[] = [];
  readonly #resources = new Map<string, SchemaResource>();
  readonly #dynamic: boolean;

  constructor(
    private readonly documents: SchemaDocuments,
    private readonly limits: SchemaLimits,
  ) {
    this.#dynamic = documents.texts.some((text) => text.includes('$dynamicRef') || text.includes('$recursiveRef'));
  }

  /** The root. References may lead in circles, so they are followed one after another, not one inside another. */
  compile(): Subschema {
    const { main } = this.documents;
    const root = this.#schema(main.root, { document: main, base: main.base });
    this.#settle();
    // What can take the place of another schema may itself lead to resources not seen so far, which are visited too.
    for (const resource of this.#resources.values()) {
      resource.dynamic.forEach((schema) => schema());
      resource.recursive?.();
      this.#settle();
    }
    return root;
  }

  #settle(): void {
    for (let next = this.#later.shift(); next !== undefined; next = this.#later.shift()) next();
  }

  #schema(json: JsonNode, outer: Place): Subschema {
    const known = this.#compiled.get(json);
    if (known !== undefined) return known;
    if (this.#compiled.size >= this.limits.nodes) {
      throw schemaTooLarge('nodes', this.limits.nodes, this.#compiled.size + 1);
    }
    if (json.kind === 'boolean') {
      const schema = new Subschema(null);
      schema.decide(json.value);
      this.#compiled.set(json, schema);
      return schema;
    }
    if (json.kind !== 'object') throw schemaInvalid('JSON', 'A schema must be an object or a boolean');
    const place = { document: outer.document, base: this.documents.baseWithin(json, outer.base) };
    const schema = new Subschema(this.#dynamic ? this.#resource(place) : null);
    this.#compiled.set(json, schema);
    new Reading(json, schema, this.documents, {
      schema: (inner) => this.#schema(inner, place),
      reference: (text) => this.#reference(text, place),
      dynamicReference: (keyword, text) => this.#dynamicReference(keyword, text, place),
    }).all();
    return schema;
  }

  #reference(text: string, from: Place): Keyword {
    const reference = new Reference();
    this.#later.push(() => reference.lead(this.#target(text, from)));
    return reference;
  }

  #target(text: string, from: Place): Subschema {
    const place = this.documents.resolve(text, from);
    if (place === undefined) throw schemaInvalid('JSON', `Reference '${text.slice(0, 200)}' cannot be resolved`);
    return this.#schema(place.json, place);
  }

  /** One that cannot be overridden is an ordinary reference; null for one that leads nowhere, which registration lets pass. */
  #dynamicReference(keyword: '$dynamicRef' | '$recursiveRef', text: string, from: Place): Keyword | null {
    const place = keyword === '$recursiveRef' ? this.#rootOf(from) : this.documents.resolve(text, from);
    if (place === undefined) return null;
    if (place.json.kind !== 'object') {
      return this.#reference(text, from);
    }
    const anchor = place.json.members.get(keyword === '$dynamicRef' ? '$dynamicAnchor' : '$recursiveAnchor');
    const overridable =
      keyword === '$dynamicRef'
        ? anchor?.kind === 'string' && anchor.value === fragmentOf(text)
        : anchor?.kind === 'boolean' && anchor.value;
    const reference = overridable
      ? new DynamicReference((resource) =>
          keyword === '$dynamicRef' ? resource.dynamic.get(fragmentOf(text)) : resource.recursive,
        )
      : new Reference();
    this.#later.push(() => reference.lead(this.#schema(place.json, place)));
    return reference;
  }

  /** The root of the resource around a place. */
  #rootOf(from: Place): { readonly json: JsonNode } & Place {
    const named = from.base === null ? undefined : this.documents.resolve(withoutFragment(from.base), from);
    if (named !== undefined) return named;
    return { json: from.document.root, document: from.document, base: from.document.base };
  }

  #resource(place: Place): SchemaResource {
    const key = JSON.stringify([place.document.source.reference, place.base && withoutFragment(place.base)]);
    const known = this.#resources.get(key);
    if (known !== undefined) return known;
    const root = this.#rootOf(place);
    const dynamic = new Map<string, () => Subschema>();
    const recursive = root.json.kind === 'object' ? root.json.members.get('$recursiveAnchor') : undefined;
    const lazily = (json: JsonNode, at: Place) => () => this.#schema(json, at);
    const resource: SchemaResource = {
      dynamic,
      recursive: recursive?.kind === 'boolean' && recursive.value ? lazily(root.json, root) : null,
    };
    this.#resources.set(key, resource);
    const visit = (json: JsonNode): void => {
      if (json.kind === 'array') json.items.forEach(visit);
      if (json.kind !== 'object') return;
      // What has an id of its own is another resource.
      if (json !== root.json && json.members.get('$id')?.kind === 'string') return;
      const anchor = json.members.get('$dynamicAnchor');
      if (anchor?.kind === 'string') dynamic.set(anchor.value, lazily(json, root));
      json.members.forEach(visit);
    };
    visit(root.json);
    return resource;
  }
}

/** What the keywords of one schema object need from around it. */
interface Around {
  schema(json: JsonNode): Subschema;
  reference(text: string): Keyword;
  dynamicReference(keyword: '$dynamicRef' | '$recursiveRef', text: string): Keyword | null;
}

/** Reads the keywords of one schema object. */
class Reading {
  readonly #modern: boolean;

  constructor(
    private readonly json: JsonMembers,
    private readonly target: Subschema,
    private readonly documents: SchemaDocuments,
    private readonly around: Around,
  ) {
    this.#modern = documents.modern;
  }

  all(): void {
    const reference = this.#text('$ref');
    if (reference !== undefined && !this.#modern) {
      // In the older drafts a reference stands for the whole schema.
      this.target.add(EVERY_KIND, this.around.reference(reference));
      return;
    }
    this.#type();
    this.#values();
    this.#numbers();
    this.#texts();
    this.#objects();
    this.#arrays();
    this.#combinations();
    if (reference !== undefined) this.target.add(EVERY_KIND, this.around.reference(reference));
    this.#dynamicReferences();
    this.#unevaluated();
  }

  #type(): void {
    const type = this.json.members.get('type');
    const named = type?.kind === 'array' ? type.items : type === undefined ? [] : [type];
    const names = named.flatMap((one) => (one.kind === 'string' ? [one.value] : []));
    if (names.length === 0) return;
    const words = names.map((name) => TYPE_WORDS.get(name) ?? name).join(' or ');
    const refused = EVERY_KIND.filter(
      (kind) => !names.includes(kind) && !(kind === 'number' && names.includes('integer')),
    );
    this.target.add(refused, new WrongType(words));
    if (names.includes('integer') && !names.includes('number')) this.target.add(['number'], new WholeNumber());
  }

  #values(): void {
    const values = this.json.members.get('enum');
    if (values?.kind === 'array') this.target.add(EVERY_KIND, new OneOfValues(values.items));
    const constant = this.json.members.get('const');
    if (constant !== undefined && this.documents.draft !== 'draft-04') {
      this.target.add(EVERY_KIND, new OneOfValues([constant]));
    }
  }

  #numbers(): void {
    const add = (keyword: Keyword): void => this.target.add(['number'], keyword);
    for (const [side, name, exclusiveName] of BOUNDS) {
      const bound = this.#number(name);
      const exclusive = this.json.members.get(exclusiveName);
      if (bound !== undefined) {
        // Draft 4 has a flag beside the bound.
        const flagged = this.documents.draft === 'draft-04' && exclusive?.kind === 'boolean' && exclusive.value;
        add(new Bound(side, bound, flagged));
      }
      if (exclusive?.kind === 'number' && this.documents.draft !== 'draft-04') {
        add(new Bound(side, new SchemaNumber(exclusive.text), true));
      }
    }
    const multiple = this.#number('multipleOf');
    if (multiple !== undefined) add(new MultipleOf(multiple));
  }

  #texts(): void {
    const add = (keyword: Keyword): void => this.target.add(['string'], keyword);
    this.#range('minLength', 'maxLength', (least, most) => add(new TextLength(least, most)));
    const format = this.#text('format');
    const check = format === undefined ? undefined : formatCheck(this.documents.draft, format);
    if (check !== undefined) add(new HasFormat(format!, check));
    const pattern = this.#text('pattern');
    if (pattern !== undefined) add(new MatchesPattern(new LatePattern(pattern)));
  }

  #objects(): void {
    const add = (keyword: Keyword): void => this.target.add(['object'], keyword);
    const required = this.#names('required');
    if (required !== undefined) add(new RequiredNames(required, null));
    this.#range('minProperties', 'maxProperties', (least, most) => add(new MemberCount(least, most)));
    // In drafts 4 to 7 a property named like the id keyword may hold what is no schema.
    const properties = this.#members('properties').filter(([, json]) => isSchema(json));
    const patterns = this.#members('patternProperties');
    const additional = this.json.members.get('additionalProperties');
    if (properties.length > 0 || patterns.length > 0 || isSchema(additional)) {
      add(
        new DeclaredMembers(
          new Map(properties.map(([name, json]) => [name, this.around.schema(json)])),
          patterns.map(([text, json]) => ({ pattern: new LatePattern(text), schema: this.around.schema(json) })),
          isSchema(additional) ? this.around.schema(additional) : null,
        ),
      );
    }
    const names = this.json.members.get('propertyNames');
    if (isSchema(names) && this.documents.draft !== 'draft-04') add(new MemberNames(this.around.schema(names)));
    for (const keyword of this.#modern ? ['dependentRequired', 'dependentSchemas'] : ['dependencies']) {
      for (const [trigger, json] of this.#members(keyword)) {
        if (json.kind === 'array') add(new RequiredNames(textsOf(json.items), trigger));
        else if (isSchema(json)) add(new DependentSchema(trigger, this.around.schema(json)));
      }
    }
  }

  #arrays(): void {
    const add = (keyword: Keyword): void => this.target.add(['array'], keyword);
    this.#range('minItems', 'maxItems', (least, most) => add(new ItemCount(least, most)));
    const unique = this.json.members.get('uniqueItems');
    if (unique?.kind === 'boolean' && unique.value) add(new UniqueItems());
    const { prefix, rest } = this.#itemSchemas();
    if (prefix.length > 0 || rest !== null) add(new ListedItems(prefix, rest));
    const contains = this.json.members.get('contains');
    if (isSchema(contains) && this.documents.draft !== 'draft-04') {
      const least = this.#modern ? (this.#count('minContains') ?? 1) : 1;
      const most = this.#modern ? (this.#count('maxContains') ?? Infinity) : Infinity;
      add(new ContainsItems(this.around.schema(contains), least, most, this.documents.draft === '2020-12'));
    }
  }

  #itemSchemas(): { readonly prefix: readonly Subschema[]; readonly rest: Subschema | null } {
    const items = this.json.members.get('items');
    const newest = this.documents.draft === '2020-12';
    const listed = newest ? this.json.members.get('prefixItems') : items;
    const prefix = listed?.kind === 'array' ? listed.items.map((json) => this.around.schema(json)) : [];
    const more = newest || items?.kind !== 'array' ? items : this.json.members.get('additionalItems');
    return { prefix, rest: isSchema(more) ? this.around.schema(more) : null };
  }

  #combinations(): void {
    const add = (keyword: Keyword): void => this.target.add(EVERY_KIND, keyword);
    for (const [name, Combination] of COMBINATIONS) {
      const members = this.json.members.get(name);
      if (members?.kind === 'array' && members.items.length > 0) {
        add(new Combination(members.items.map((json) => this.around.schema(json))));
      }
    }
    const not = this.json.members.get('not');
    if (isSchema(not)) add(new Not(this.around.schema(not)));
    const [condition, then, otherwise] = ['if', 'then', 'else'].map((name) => this.json.members.get(name));
    if (isSchema(condition) && !['draft-04', 'draft-06'].includes(this.documents.draft)) {
      const schema = (json: JsonNode | undefined) => (isSchema(json) ? this.around.schema(json) : null);
      add(new Conditional(this.around.schema(condition), schema(then), schema(otherwise)));
    }
  }

  #dynamicReferences(): void {
    const keyword = this.documents.draft === '2020-12' ? '$dynamicRef' : '$recursiveRef';
    const text = this.#text(keyword);
    const reference = text !== undefined && this.#modern ? this.around.dynamicReference(keyword, text) : null;
    if (reference !== null) this.target.add(EVERY_KIND, reference);
  }

  /** Last, because they ask what all the others evaluated. */
  #unevaluated(): void {
    if (!this.#modern) return;
    const properties = this.json.members.get('unevaluatedProperties');
    const items = this.json.members.get('unevaluatedItems');
    if (isSchema(properties)) this.target.add(['object'], new UnevaluatedProperties(this.around.schema(properties)));
    if (isSchema(items)) this.target.add(['array'], new UnevaluatedItems(this.around.schema(items)));
    if (isSchema(properties) || isSchema(items)) this.target.collect();
  }

  #text(name: string): string | undefined {
    const value = this.json.members.get(name);
    return value?.kind === 'string' ? value.value : undefined;
  }

  #number(name: string): SchemaNumber | undefined {
    const value = this.json.members.get(name);
    return value?.kind === 'number' ? new SchemaNumber(value.text) : undefined;
  }

  #count(name: string): number | undefined {
    const value = this.json.members.get(name);
    return value?.kind === 'number' ? Number(value.text) : undefined;
  }

  #range(least: string, most: string, add: (least: number, most: number) => void): void {
    const [low, high] = [this.#count(least), this.#count(most)];
    if (low !== undefined || high !== undefined) add(low ?? 0, high ?? Infinity);
  }

  #names(name: string): readonly string[] | undefined {
    const value = this.json.members.get(name);
    return value?.kind === 'array' ? textsOf(value.items) : undefined;
  }

  #members(name: string): readonly (readonly [string, JsonNode])[] {
    const value = this.json.members.get(name);
    return value?.kind === 'object' ? [...value.members] : [];
  }
}

function isSchema(json: JsonNode | undefined): json is JsonNode {
  return json?.kind === 'object' || json?.kind === 'boolean';
}

function textsOf(items: readonly JsonNode[]): readonly string[] {
  return items.flatMap((item) => (item.kind === 'string' ? [item.value] : []));
}

const COMBINATIONS = [
  ['allOf', AllOf],
  ['anyOf', AnyOf],
  ['oneOf', OneOf],
] as const;

const BOUNDS = [
  ['least', 'minimum', 'exclusiveMinimum'],
  ['most', 'maximum', 'exclusiveMaximum'],
] as const;

const TYPE_WORDS: ReadonlyMap<string, string> = new Map([
  ['string', 'a text'],
  ['number', 'a number'],
  ['integer', 'an integer'],
  ['boolean', 'true or false'],
  ['null', 'null'],
  ['array', 'an array'],
  ['object', 'an object'],
] satisfies [JsonKind | 'integer', string][]);
