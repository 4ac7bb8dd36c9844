/** What a schema declares, by name: what people look for. */
export interface SchemaOutline {
  /** Names of the types it declares itself, with their namespaces; each once. */
  readonly names: readonly string[];
  /** Paths of field names from the root down, through lists, maps, alternatives and referenced schemas; shallow ones first. Bounded. */
  readonly fields: readonly (readonly string[])[];
  /** Tags written in its text; each once. */
  readonly tags: readonly string[];
}

/** Property or keyword that holds the tags of a part (contract 3.5). */
export const TAGS_PROPERTY = 'confluent:tags';

/** A way from one part of a schema to another; null where it adds no name, as from a list to its items. */
export type OutlineEdge<Node> = readonly [name: string | null, to: Node];

const MAX_PATHS = 4_000;
const MAX_STEPS = 40_000;
const MAX_DEPTH = 32;
/** Characters of a path. Nobody looks for longer ones, and each may be as long as a text may be. */
const MAX_LENGTH = 1_000;

interface Place<Node> {
  readonly node: Node;
  readonly path: readonly string[];
  readonly above: Place<Node> | undefined;
  readonly depth: number;
  readonly length: number;
}

/**
 * The paths of all fields, breadth first. A part that holds itself is listed where it occurs and not followed again; after some thousands of paths the rest
 * is left out, since parts that share parts can have any number of them.
 */
export function fieldPaths<Node extends object>(
  root: Node,
  edges: (node: Node) => Iterable<OutlineEdge<Node>>,
): readonly (readonly string[])[] {
  const paths: (readonly string[])[] = [];
  let places: Place<Node>[] = [{ node: root, path: [], above: undefined, depth: 0, length: 0 }];
  for (let steps = 0; places.length > 0;) {
    const next: Place<Node>[] = [];
    for (const place of places) {
      for (const [name, node] of edges(place.node)) {
        if (++steps > MAX_STEPS || paths.length >= MAX_PATHS) return paths;
        const length = place.length + (name?.length ?? 0);
        if (length > MAX_LENGTH) continue;
        const path = name === null ? place.path : [...place.path, name];
        if (name !== null) paths.push(path);
        if (place.depth < MAX_DEPTH && !isAbove(place, node)) {
          next.push({ node, path, above: place, depth: place.depth + 1, length });
        }
      }
    }
    places = next;
  }
  return paths;
}

/** Every part that can be reached, each once. */
export function partsOf<Node extends object>(
  root: Node,
  edges: (node: Node) => Iterable<OutlineEdge<Node>>,
): ReadonlySet<Node> {
  const found = new Set([root]);
  // A set is walked in the order of its growth.
  for (const node of found) for (const [, to] of edges(node)) found.add(to);
  return found;
}

function isAbove<Node>(place: Place<Node>, node: Node): boolean {
  for (let at: Place<Node> | undefined = place; at !== undefined; at = at.above) if (at.node === node) return true;
  return false;
}
