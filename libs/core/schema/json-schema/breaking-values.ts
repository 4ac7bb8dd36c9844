import {
  dereferenced,
  type ArrayNode,
  type NumberNode,
  type ObjectNode,
  type SchemaNode,
  type StringNode,
} from './node.js';
import { keywordOf } from './closer-look.js';
import { freshNames, isObject, objectOf, PROBES, stretched, type Samples } from './samples.js';

/** Values made for one pair of schemas. */
const MOST_VALUES = 150;
/** Combinations inside combinations that are looked into. */
const DEEPEST_COMBINATION = 3;
/** Names and items that are changed one by one. */
const MOST_PARTS = 12;

/**
 * Values that the original may accept and the update refuse: samples of the original, changed where the two differ. Not promised to do either. Properties and
 * items are pairs of their own and looked into only inside combinations, whose members were matched with no other.
 */
export function breakingValues(original: SchemaNode, update: SchemaNode, samples: Samples): readonly unknown[] {
  return values(dereferenced(original), dereferenced(update), samples, 0).slice(0, MOST_VALUES);
}

function values(o: SchemaNode, u: SchemaNode, samples: Samples, depth: number): readonly unknown[] {
  if (depth < DEEPEST_COMBINATION && (o.kind === 'combined' || u.kind === 'combined')) {
    const pairs = alternatives(o).flatMap((one) => alternatives(u).map((other) => [one, other] as const));
    return [...samples.of(o), ...pairs.slice(0, 32).flatMap(([one, other]) => values(one, other, samples, depth + 1))];
  }
  return [...samples.of(o), ...changed(o, u, samples), ...(depth === 0 ? [] : inside(o, u, samples, depth))];
}

function alternatives(node: SchemaNode): readonly SchemaNode[] {
  return node.kind === 'combined' ? node.members.map(dereferenced) : [node];
}

function changed(o: SchemaNode, u: SchemaNode, samples: Samples): readonly unknown[] {
  if (o.kind === 'object' && u.kind === 'object') return objects(o, u, samples);
  if (o.kind === 'array' && u.kind === 'array') return arrays(o, u, samples);
  if (o.kind === 'string' && u.kind === 'string') return texts(o, u, samples);
  if (o.kind === 'number' && u.kind === 'number') return numbers(o, u);
  if (u.kind === 'not') return [...samples.of(u.inner), ...PROBES];
  return o.kind === u.kind ? [] : PROBES;
}

/** The same for a property or the items of both, with what must be around it. */
function inside(o: SchemaNode, u: SchemaNode, samples: Samples, depth: number): readonly unknown[] {
  if (depth > DEEPEST_COMBINATION) return [];
  const inner = (one: SchemaNode, other: SchemaNode): readonly unknown[] =>
    values(dereferenced(one), dereferenced(other), samples, depth + 1).slice(0, MOST_PARTS);
  if (o.kind === 'array' && u.kind === 'array' && o.allItems !== null && u.allItems !== null) {
    return inner(o.allItems, u.allItems).map((value) => [value]);
  }
  if (o.kind !== 'object' || u.kind !== 'object') return [];
  const least = Object.entries(samples.object(o));
  return [...o.properties].slice(0, MOST_PARTS).flatMap(([name, one]) => {
    const other = u.properties.get(name);
    return other === undefined ? [] : inner(one, other).map((value) => objectOf([...least, [name, value]]));
  });
}

function objects(o: ObjectNode, u: ObjectNode, samples: Samples): readonly unknown[] {
  const least = Object.entries(samples.object(o));
  const with_ = (...more: readonly (readonly [string, unknown])[]): unknown => objectOf([...least, ...more]);
  const without = (names: ReadonlySet<string>): unknown => objectOf(least.filter(([name]) => !names.has(name)));
  const added = [...u.properties.keys()].filter((name) => !o.properties.has(name)).slice(0, MOST_PARTS);
  const dropped = [...o.properties].filter(([name]) => !u.properties.has(name)).slice(0, MOST_PARTS);
  const fresh = [...freshNames(o), ...freshNames(u)];
  const known = samples.of(o).filter(isObject);
  return [
    ...[...u.required].slice(0, MOST_PARTS).map((name) => without(new Set([name]))),
    ...dropped.map(([name, schema]) => with_([name, samples.simplest(schema)])),
    ...[...added, ...fresh].flatMap((name) => PROBES.map((probe) => with_([name, probe]))),
    ...[...u.propertyDependencies.keys(), ...u.schemaDependencies.keys()].slice(0, MOST_PARTS).map((name) => {
      // With what the original asks for beside it, and nothing more.
      const asked = [name, ...(o.propertyDependencies.get(name) ?? [])];
      return with_(...asked.map((one) => [one, samples.simplest(o.properties.get(one) ?? null)] as const));
    }),
    ...[o.maxProperties, u.maxProperties].flatMap((most) =>
      most === null ? [] : [filled(o, least, most + 1, samples)],
    ),
    ...[o.minProperties, u.minProperties].flatMap((least_) =>
      least_ === null ? [] : [filled(o, least, least_ - 1, samples), filled(o, least, least_, samples)],
    ),
    ...known,
  ];
}

/** The object with properties added up to a count. */
function filled(
  node: ObjectNode,
  least: readonly (readonly [string, unknown])[],
  count: number,
  samples: Samples,
): unknown {
  const names = new Set(least.map(([name]) => name));
  const more: (readonly [string, unknown])[] = [];
  const spare = [...node.properties.keys(), ...Array.from({ length: Math.min(count, 100) }, (_, i) => `p${i}`)];
  for (const name of spare) {
    if (names.size + more.length >= Math.min(count, 100)) break;
    if (!names.has(name)) more.push([name, samples.simplest(node.properties.get(name) ?? node.additional)]);
  }
  return objectOf([...least, ...more]);
}

function arrays(o: ArrayNode, u: ArrayNode, samples: Samples): readonly unknown[] {
  const tuple = Math.max(o.items?.length ?? 0, u.items?.length ?? 0);
  const lengths = [u.maxItems, o.maxItems, u.minItems, o.minItems, u.maxContains, u.minContains, tuple];
  const sized = lengths
    .flatMap((length) => (length === null ? [] : [length - 1, length, length + 1]))
    .filter((length) => length >= 0)
    .map((length) => samples.array(o, length));
  const [first] = samples.array(o, 1);
  const contained = CONTAINABLE.flatMap((value) =>
    keywordOf(u, 'contains') === undefined
      ? []
      : lengths.flatMap((length) => (length === null ? [] : [repeated(value, length), repeated(value, length + 1)])),
  );
  const whole = samples.array(o, tuple);
  const probed = Array.from({ length: Math.min(tuple + 1, MOST_PARTS) }, (_, i) =>
    PROBES.map((probe) => Object.assign([...whole, ...(whole.length < i ? [null] : [])], { [i]: probe }) as unknown),
  ).flat();
  return [[], ...sized, ...contained, [first, first], ...probed, ...PROBES.map((probe) => [probe])];
}

/** What "contains" may ask for; it has no node of its own in the tree that is compared. */
const CONTAINABLE: readonly unknown[] = ['a', 0, true, null, {}];

function repeated(value: unknown, times: number): readonly unknown[] {
  return Array.from({ length: Math.min(Math.max(times, 0), 100) }, () => value);
}

function texts(o: StringNode, u: StringNode, samples: Samples): readonly unknown[] {
  const lengths = [u.maxLength, o.maxLength, u.minLength, o.minLength].flatMap((length) =>
    length === null ? [] : [length - 1, length, length + 1],
  );
  const known = samples.of(o).filter((sample) => typeof sample === 'string');
  const sized = lengths
    .filter((length) => length >= 0 && length <= 1_000)
    .flatMap((length) => [...known, 'a'].map((text) => stretched(text, length)));
  return [...sized, 'A', '0', 'ab', ' ', 'é', 'a-b'];
}

function numbers(o: NumberNode, u: NumberNode): readonly unknown[] {
  const marks = [u, o].flatMap((node) =>
    [node.minimum, node.maximum, node.exclusiveMinimum, node.exclusiveMaximum].flatMap((text) =>
      text === null ? [] : [Number(text)],
    ),
  );
  const step = Number(o.multipleOf ?? (o.integer ? 1 : 0.5));
  const steps = [1, 2, 3, 5].map((times) => times * step);
  const near = marks.flatMap((mark) => [mark, mark - step, mark + step, mark - 1, mark + 1, mark - 0.5, mark + 0.5]);
  return [...steps, ...near, 0.5, 1.5].filter(Number.isFinite);
}
