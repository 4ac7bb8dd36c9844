import type { JsonDiffer } from './differ.js';
import { coveringItems } from './differ-array.js';
import { matchedMembers } from './differ-combined.js';
import { coveringSchema } from './differ-object.js';
import { dereferenced, type ArrayNode, type CombinedNode, type ObjectNode, type SchemaNode } from './node.js';

/** Two schemas that were held against each other and on which the verdict rests. */
export interface JudgedPair {
  readonly original: SchemaNode;
  readonly update: SchemaNode;
  /** Segments below the roots, in the reference's notation. */
  readonly path: readonly string[];
  /** No difference inside breaks anything. */
  readonly compatible: boolean;
}

type Met = Omit<JudgedPair, 'compatible'>;

/**
 * The pairs of schemas that the comparison of two roots consists of, references followed, each pair once, outer ones first. Of the members of combinations
 * those that were matched; what was only tried is left out. Inside a `not` the sides change places.
 * @param differ one that remembers the comparison of the roots; see `settled`.
 * @throws `schema-too-complex`.
 */
export function* judgedPairs(differ: JsonDiffer, original: SchemaNode, update: SchemaNode): Generator<JudgedPair> {
  const seen = new Map<SchemaNode, Set<SchemaNode>>();
  const stack: Met[] = [{ original, update, path: [] }];
  for (let met = stack.pop(); met !== undefined; met = stack.pop()) {
    const [o, u] = [dereferenced(met.original), dereferenced(met.update)];
    const updates = seen.get(o) ?? new Set();
    seen.set(o, updates);
    if (updates.has(u)) continue;
    updates.add(u);
    yield { original: o, update: u, path: met.path, compatible: differ.compare(o, u).compatible };
    stack.push(...inner(differ, o, u, met.path).reverse());
  }
}

function inner(differ: JsonDiffer, o: SchemaNode, u: SchemaNode, path: readonly string[]): Met[] {
  if (o.kind === 'combined' && u.kind === 'combined') return members(differ, o, u, path);
  if (o.kind === 'combined' || u.kind === 'combined') {
    // Against a schema that is no combination, the first member that settles the pair.
    const pairs = [o]
      .flatMap(alternatives)
      .flatMap((original) => [u].flatMap(alternatives).map((update) => ({ original, update, path })));
    return pairs.filter(({ original, update }) => differ.compare(original, update).compatible).slice(0, 1);
  }
  if (o.kind === 'object' && u.kind === 'object') return objects(differ, o, u, path);
  if (o.kind === 'array' && u.kind === 'array') return arrays(o, u, path);
  if (o.kind === 'not' && u.kind === 'not') return [{ original: u.inner, update: o.inner, path: [...path, 'not'] }];
  return [];
}

function alternatives(node: SchemaNode): readonly SchemaNode[] {
  return node.kind === 'combined' ? node.members : [node];
}

function members(differ: JsonDiffer, o: CombinedNode, u: CombinedNode, path: readonly string[]): Met[] {
  const [originals, updates] = [differ.sameness.distinct(o.members), differ.sameness.distinct(u.members)];
  return matchedMembers(differ, originals, updates).map(({ original, update, index }) => ({
    original,
    update,
    path: [...path, `${o.criterion}/${index}`],
  }));
}

function objects(differ: JsonDiffer, o: ObjectNode, u: ObjectNode, path: readonly string[]): Met[] {
  const pairs: Met[] = [];
  const meet = (original: SchemaNode | null, update: SchemaNode | null, ...below: readonly string[]): void => {
    if (original !== null && update !== null) pairs.push({ original, update, path: [...path, ...below] });
  };
  for (const name of new Set([...o.properties.keys(), ...u.properties.keys()])) {
    const original = o.properties.get(name) ?? coveringSchema(differ.patterns, o, name);
    const update = u.properties.get(name) ?? coveringSchema(differ.patterns, u, name);
    meet(original, update, 'properties', name);
  }
  for (const [name, original] of o.schemaDependencies) {
    meet(original, u.schemaDependencies.get(name) ?? null, 'dependencies', name);
  }
  meet(o.additional, u.additional, 'additionalProperties');
  meet(o.unevaluated, u.unevaluated, 'unevaluatedProperties');
  return pairs;
}

function arrays(o: ArrayNode, u: ArrayNode, path: readonly string[]): Met[] {
  const pairs: Met[] = [];
  const meet = (original: SchemaNode | null, update: SchemaNode | null, ...below: readonly string[]): void => {
    if (original !== null && update !== null) pairs.push({ original, update, path: [...path, ...below] });
  };
  meet(o.allItems, u.allItems, 'items');
  for (let i = 0; i < Math.max(o.items?.length ?? 0, u.items?.length ?? 0); i++) {
    meet(o.items?.[i] ?? coveringItems(o), u.items?.[i] ?? coveringItems(u), `items/${i}`);
  }
  meet(o.additional, u.additional, 'additionalItems');
  meet(o.unevaluated, u.unevaluated, 'unevaluatedItems');
  return pairs;
}
