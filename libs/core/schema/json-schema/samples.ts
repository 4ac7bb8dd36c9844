import type { StepBudget } from '../step-budget.js';
import { keywordOf } from './closer-look.js';
import {
  dereferenced,
  type ArrayNode,
  type NumberNode,
  type ObjectNode,
  type SchemaNode,
  type StringNode,
} from './node.js';
import { textFor } from './pattern-text.js';

/** Samples of one schema. */
const MOST_SAMPLES = 8;
/** Properties, items and characters that a sample is filled up to. */
const LARGEST_SAMPLE = 100;

/** One value of each type: what a schema that says nothing may meet. */
export const PROBES: readonly unknown[] = [0, 'a', true, null, 0.5, [], {}, '', -1];

/**
 * Small values that a schema is likely to accept, simplest first: made from what its keywords ask for, not promised to fit. Objects have no prototype, since names
 * come from the schema.
 */
export class Samples {
  readonly #known = new Map<SchemaNode, readonly unknown[]>();
  readonly #open = new Set<SchemaNode>();

  constructor(private readonly steps: StepBudget) {}

  of(schema: SchemaNode): readonly unknown[] {
    const node = dereferenced(schema);
    const known = this.#known.get(node);
    if (known !== undefined) return known;
    // A schema inside itself: the outer one does without.
    if (this.#open.has(node)) return [];
    this.#open.add(node);
    this.steps.spend(8);
    const samples = distinct(this.#made(node)).slice(0, MOST_SAMPLES);
    this.#open.delete(node);
    this.#known.set(node, samples);
    return samples;
  }

  /** The simplest sample; null where there is none. */
  simplest(schema: SchemaNode | null): unknown {
    return schema === null ? 0 : (this.of(schema)[0] ?? null);
  }

  /** An object with what it must have, and no more. */
  object(node: ObjectNode): Record<string, unknown> {
    const entries: [string, unknown][] = [...node.required]
      .slice(0, LARGEST_SAMPLE)
      .map((name) => [name, this.#property(node, name)]);
    for (const [name, needed] of node.propertyDependencies) {
      if (!node.required.has(name)) continue;
      for (const other of needed) if (!node.required.has(other)) entries.push([other, this.#property(node, other)]);
    }
    for (let i = 0; entries.length < Math.min(node.minProperties ?? 0, LARGEST_SAMPLE) && i < 2 * LARGEST_SAMPLE; i++) {
      const name = [...node.properties.keys(), ...freshNames(node)][i] ?? `p${i}`;
      if (!entries.some(([known]) => known === name)) entries.push([name, this.#property(node, name)]);
    }
    return objectOf(entries);
  }

  /** As many items as it must have, at the places of a tuple what belongs there. */
  array(node: ArrayNode, length = Math.max(node.minItems ?? 0, node.minContains ?? 0)): unknown[] {
    const contained = keywordOf(node, 'contains') === undefined ? 0 : 1;
    return Array.from({ length: Math.min(Math.max(length, contained), LARGEST_SAMPLE) }, (_, i) => {
      const schema = node.items?.[i] ?? node.allItems ?? node.additional;
      const samples = schema === null ? PROBES : this.of(schema);
      return samples[node.uniqueItems ? i % Math.max(samples.length, 1) : 0] ?? null;
    });
  }

  #property(node: ObjectNode, name: string): unknown {
    return this.simplest(node.properties.get(name) ?? node.additional ?? null);
  }

  #made(node: SchemaNode): readonly unknown[] {
    switch (node.kind) {
      case 'string':
        return texts(node);
      case 'number':
        return numbers(node);
      case 'boolean':
        return [true, false];
      case 'null':
        return [null];
      case 'enum':
        return [...node.values].map((value) => JSON.parse(value) as unknown);
      case 'const':
        return [JSON.parse(node.value)];
      case 'object':
        return this.#objects(node);
      case 'array':
        return [
          this.array(node),
          this.array(node, (node.minItems ?? 0) + 1),
          this.array(node, node.items?.length ?? 2),
        ];
      case 'combined':
        return this.#combined(node);
      case 'false':
        return [];
      default:
        return PROBES;
    }
  }

  #objects(node: ObjectNode): readonly unknown[] {
    const least = this.object(node);
    const declared = [...node.properties].slice(0, LARGEST_SAMPLE);
    const whole = objectOf([
      ...Object.entries(least),
      ...declared
        .filter(([name]) => !Object.hasOwn(least, name))
        .map(([name, schema]) => [name, this.simplest(schema)] as const),
    ]);
    const further = freshNames(node).map((name) =>
      objectOf([...Object.entries(least), [name, this.#property(node, name)]]),
    );
    return [least, whole, ...further];
  }

  #combined({ criterion, members }: SchemaNode & { kind: 'combined' }): readonly unknown[] {
    const each = members.slice(0, 32).map((member) => this.of(member));
    // Round robin: the first of each member before the second of any.
    const mixed = Array.from({ length: MOST_SAMPLES }, (_, i) =>
      each.flatMap((samples) => samples.slice(i, i + 1)),
    ).flat();
    if (criterion !== 'allOf') return mixed;
    const objects = each.map((samples) => samples[0]).filter(isObject);
    return objects.length > 1 ? [objectOf(objects.flatMap((object) => Object.entries(object))), ...mixed] : mixed;
  }
}

/** An object with these members, later ones first. */
export function objectOf(entries: readonly (readonly [string, unknown])[]): Record<string, unknown> {
  const object = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of entries) object[name] = value;
  return object;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Names that the object does not declare: one of no meaning, and one for each pattern. */
export function freshNames(node: ObjectNode): readonly string[] {
  const patterns = [...node.patternProperties.keys()].slice(0, 8).map(textFor);
  const free = ['x', 'y', 'zz'].find((name) => !node.properties.has(name)) ?? 'xyz';
  return [free, ...patterns.filter((name) => name !== undefined && !node.properties.has(name))] as string[];
}

/** The text made as long as it has to be, by repeating its last character, or cut. */
export function stretched(text: string, length: number): string {
  const characters = [...text];
  if (characters.length >= length) return characters.slice(0, length).join('');
  return text + (characters.at(-1) ?? 'a').repeat(Math.min(length, 10_000) - characters.length);
}

function texts(node: StringNode): readonly unknown[] {
  const format = keywordOf(node, 'format');
  const base = [
    ...(node.pattern === null ? [] : [textFor(node.pattern) ?? 'a']),
    ...(format?.kind === 'string' && FORMATS.has(format.value) ? [FORMATS.get(format.value)!] : []),
    '',
    'a',
  ];
  const longest = node.maxLength ?? Infinity;
  return base.map((text) => stretched(text, Math.min(Math.max([...text].length, node.minLength ?? 0), longest)));
}

function numbers(node: NumberNode): readonly unknown[] {
  const bound = (text: string | null): number[] => (text === null ? [] : [Number(text)]);
  const step = Number(node.multipleOf ?? (node.integer ? 1 : 0));
  const marks = [
    0,
    ...bound(node.minimum),
    ...bound(node.maximum),
    ...[...bound(node.exclusiveMinimum), ...bound(node.exclusiveMaximum)].flatMap((at) => [
      at + 1,
      at - 1,
      at + 0.5,
      at - 0.5,
    ]),
    1,
    ...(node.integer ? [] : [0.5]),
  ];
  const fitting = marks.flatMap((mark) =>
    step === 0
      ? [mark]
      : [Math.round(mark / step) * step, Math.ceil(mark / step) * step, Math.floor(mark / step) * step],
  );
  return fitting
    .filter(Number.isFinite)
    .map((value) => (Object.is(value, -0) ? 0 : value))
    .filter((value) => isWithin(node, value));
}

function isWithin(node: NumberNode, value: number): boolean {
  return !(
    (node.minimum !== null && value < Number(node.minimum)) ||
    (node.maximum !== null && value > Number(node.maximum)) ||
    (node.exclusiveMinimum !== null && value <= Number(node.exclusiveMinimum)) ||
    (node.exclusiveMaximum !== null && value >= Number(node.exclusiveMaximum))
  );
}

function distinct(values: readonly unknown[]): readonly unknown[] {
  const seen = new Set<string>();
  return values.filter((value) => {
    const text = JSON.stringify(value);
    return !seen.has(text) && seen.add(text);
  });
}

const FORMATS: ReadonlyMap<string, string> = new Map([
  ['date-time', '2024-01-31T12:00:00Z'],
  ['date', '2024-01-31'],
  ['time', '12:00:00Z'],
  ['email', 'a@example.org'],
  ['hostname', 'example.org'],
  ['ipv4', '192.0.2.1'],
  ['ipv6', '2001:db8::1'],
  ['uri', 'https://example.org/'],
  ['uri-reference', '/a'],
  ['uuid', '00000000-0000-0000-0000-000000000000'],
  ['json-pointer', '/a'],
  ['regex', 'a'],
]);
