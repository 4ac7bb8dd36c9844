import { isAppError } from '#libs/core/kernel';
import type { BreakProof, Difference } from '../format.js';
import type { StepBudget } from '../step-budget.js';
import { settled, type JsonDiffer } from './differ.js';
import { coveringItems } from './differ-array.js';
import { coveringSchema } from './differ-object.js';
import type { JsonSchema } from './json-schema-format.js';
import { breakingValues } from './breaking-values.js';
import { dereferenced, type ArrayNode, type CombinedNode, type ObjectNode, type SchemaNode } from './node.js';
import { judgedPairs, type JudgedPair } from './pairs.js';
import { freshNames, isObject, objectOf, Samples } from './samples.js';
import { JsonValidator } from './validate.js';

/** Characters of a proof. */
const LONGEST_PROOF = 2_000;
/** Documents tried for one difference. */
const MOST_TRIES = 120;
/** Steps that looking at one document may take; see `JsonValidator.problems`. */
const VALIDATION_STEPS = 5_000;

/**
 * For each difference a small document that proves it, or null where none was found: the reference may be stricter than need be, or the document hard to make.
 * Documents are made from what the schemas ask for at the place of the difference and tried on both, smallest first. Deterministic; never a false proof.
 * Differences must be those of this pair. Ends with what it has when the steps are spent.
 */
export function breakProofs(
  reader: JsonSchema,
  writer: JsonSchema,
  differences: readonly Difference[],
  steps: StepBudget,
): readonly (BreakProof | null)[] {
  const proofs = new Array<BreakProof | null>(differences.length).fill(null);
  try {
    const prover = new Prover(reader, writer, steps);
    differences.forEach(({ breaking, path }, i) => {
      if (breaking) proofs[i] = prover.proof(path);
    });
  } catch (error) {
    if (!isAppError(error, 'schema-too-complex')) throw error;
  }
  return proofs;
}

class Prover {
  readonly #differ: JsonDiffer;
  readonly #pairs: readonly JudgedPair[];
  readonly #samples: Samples;
  readonly #reader: JsonValidator;
  readonly #writer: JsonValidator;
  readonly #known = new Map<string, BreakProof | null>();

  constructor(
    reader: JsonSchema,
    private readonly writer: JsonSchema,
    private readonly steps: StepBudget,
  ) {
    this.#samples = new Samples(steps);
    this.#differ = settled(writer.root, reader.root, { policy: 'STRICT', steps }).differ;
    this.#pairs = [...judgedPairs(this.#differ, writer.root, reader.root)];
    steps.spend((reader.canonical.length + writer.canonical.length) >> 1);
    this.#reader = new JsonValidator(reader);
    this.#writer = new JsonValidator(writer);
  }

  proof(path: string): BreakProof | null {
    let proof = this.#known.get(path);
    if (proof === undefined) this.#known.set(path, (proof = this.#proofAt(path)));
    return proof;
  }

  /** Where the two differ, then further out. */
  #proofAt(path: string): BreakProof | null {
    const around = this.#pairs
      .filter((pair) => !pair.compatible && isWithin(path, pair.path))
      .sort((one, other) => other.path.length - one.path.length);
    for (const pair of around.slice(0, 4)) {
      const proof = this.#proofOf(pair);
      if (proof !== null) return proof;
    }
    return null;
  }

  #proofOf({ original, update, path }: JudgedPair): BreakProof | null {
    const documents = new Map<string, unknown>();
    for (const value of breakingValues(original, update, this.#samples)) {
      for (const document of this.#around(this.writer.root, path, value)) {
        const text = JSON.stringify(document);
        this.steps.spend(1 + (text.length >> 3));
        if (text.length <= LONGEST_PROOF) documents.set(text, document);
      }
    }
    const smallest = [...documents].sort(([one], [other]) => one.length - other.length || (one < other ? -1 : 1));
    for (const [text, document] of smallest.slice(0, MOST_TRIES)) {
      this.steps.spend(20 + (text.length >> 2));
      if (this.#writer.accepts(document, VALIDATION_STEPS, this.steps) !== true) continue;
      if (this.#reader.accepts(document, VALIDATION_STEPS, this.steps) !== false) continue;
      const [refusal] = this.#reader.problems(document, VALIDATION_STEPS, this.steps);
      return { document: text, refusal: `${refusal!.path || 'The document'} ${refusal!.message}` };
    }
    return null;
  }

  /** Documents that have the value at the place, as far as the schema tells what goes around it. */
  #around(schema: SchemaNode, path: readonly string[], value: unknown): readonly unknown[] {
    this.steps.spend();
    const node = dereferenced(schema);
    const [segment, name] = path;
    if (segment === undefined) return [value];
    if (node.kind === 'combined') return this.#aroundMembers(node, path, value);
    if (segment === 'not') return path.length === 1 ? [value] : [];
    if (node.kind === 'object') return this.#aroundProperty(node, segment, name, path, value);
    return node.kind === 'array' ? this.#aroundItem(node, segment, path, value) : [];
  }

  #aroundMembers(node: CombinedNode, path: readonly string[], value: unknown): readonly unknown[] {
    const [criterion, index] = path[0]!.split('/') as [string, string?];
    const named = criterion === node.criterion && index !== undefined;
    const members = this.#differ.sameness.distinct(node.members);
    const chosen = named ? members.slice(Number(index), Number(index) + 1) : members;
    const inner = chosen.flatMap((member) => this.#around(member, named ? path.slice(1) : path, value));
    if (node.criterion !== 'allOf') return inner;
    // What the other members ask of an object goes in as well.
    const asked = members
      .map((member) => this.#samples.simplest(member))
      .filter(isObject)
      .flatMap(Object.entries);
    return inner.map((one) => (isObject(one) ? objectOf([...asked, ...Object.entries(one)]) : one));
  }

  #aroundProperty(
    node: ObjectNode,
    segment: string,
    name: string | undefined,
    path: readonly string[],
    value: unknown,
  ): readonly unknown[] {
    const least = Object.entries(this.#samples.object(node));
    const put = (inner: SchemaNode | null, names: readonly string[], rest: readonly string[]): readonly unknown[] =>
      inner === null
        ? []
        : this.#around(inner, rest, value).flatMap((one) => names.map((key) => objectOf([...least, [key, one]])));
    switch (segment) {
      case 'properties': {
        const inner = node.properties.get(name!) ?? coveringSchema(this.#differ.patterns, node, name!);
        return put(inner, [name!], path.slice(2));
      }
      case 'additionalProperties':
        return put(node.additional, freshNames(node), path.slice(1));
      case 'unevaluatedProperties':
        return put(node.unevaluated, freshNames(node), path.slice(1));
      case 'dependencies': {
        const inner = node.schemaDependencies.get(name!);
        const key = [name!, this.#samples.simplest(node.properties.get(name!) ?? null)] as const;
        const objects = inner === undefined ? [] : this.#around(inner, path.slice(2), value).filter(isObject);
        return objects.map((one) => objectOf([...least, key, ...Object.entries(one)]));
      }
      default:
        return [];
    }
  }

  #aroundItem(node: ArrayNode, segment: string, path: readonly string[], value: unknown): readonly unknown[] {
    const index = segment.startsWith('items/') ? Number(segment.slice(6)) : (node.items?.length ?? 0);
    const inner =
      segment === 'items'
        ? node.allItems
        : segment === 'additionalItems'
          ? node.additional
          : segment === 'unevaluatedItems'
            ? node.unevaluated
            : (node.items?.[index] ?? coveringItems(node));
    if (inner === null) return [];
    return this.#around(inner, path.slice(1), value).map((one) => {
      const items = this.#samples.array(node, Math.max(node.minItems ?? 0, index));
      items[segment === 'items' ? 0 : index] = one;
      return items;
    });
  }
}

function isWithin(path: string, around: readonly string[]): boolean {
  const outer = `#/${around.join('/')}`;
  return around.length === 0 || path === outer || path.startsWith(`${outer}/`);
}
