import { schemaTooDeep } from '../errors.js';
import type { CompatibilityPolicy } from '../format.js';
import type { StepBudget } from '../step-budget.js';
import { compareArrays } from './differ-array.js';
import { compareCombined, tryCombined } from './differ-combined.js';
import { compareObjects } from './differ-object.js';
import { compareEnums, compareNumbers, compareStrings } from './differ-scalar.js';
import { Findings, type FoundDifference } from './findings.js';
import { dereferenced, type ObjectNode, type SchemaNode } from './node.js';
import { PatternFinder } from './regex.js';
import { NodeSameness } from './sameness.js';

/** Differences listed at most. */
const LISTED_DIFFERENCES = 10_000;
/** Pairs nested in one another that are followed. */
const DEEPEST_PAIR = 1_000;
/** Comparisons made exactly as the reference makes them, before memory is used everywhere. */
const EXACT_STEPS = 200_000;

export interface JsonDifferOptions {
  readonly policy: CompatibilityPolicy;
  /** One for each comparison of one schema with another, and some for long lists. */
  readonly steps: StepBudget;
}

/**
 * The differences between an original (the writer's schema) and an update (the reader's), tolerated ones included; compatible when none breaks.
 *
 * A pair that is met while it is being compared counts as compatible. The reference forgets pairs once they are done, and explodes on recursive schemas full
 * of `oneOf`. Here results are remembered wherever they cannot depend on a pair that was cut; if that is not enough, everything is remembered, and the comparison is
 * repeated with the pairs found incompatible until no more are found, so that an early cut misleads nobody.
 * @throws `schema-too-complex`.
 */
export function jsonDifferences(
  original: SchemaNode,
  update: SchemaNode,
  options: JsonDifferOptions,
): { readonly compatible: boolean; readonly differences: readonly FoundDifference[] } {
  const { policy, steps } = options;
  const exact = new JsonDiffer(policy, steps, EXACT_STEPS, 'sound', new Pairs());
  const findings = exact.attempt(original, update) ?? settled(original, update, options).findings;
  return { compatible: findings.compatible, differences: findings.list(LISTED_DIFFERENCES, steps) };
}

/**
 * The comparison made with everything remembered, and the differ that remembers it: every pair met between the two, none of them misled by an early cut.
 * @throws `schema-too-complex`.
 */
export function settled(
  original: SchemaNode,
  update: SchemaNode,
  { policy, steps }: JsonDifferOptions,
): { readonly differ: JsonDiffer; readonly findings: Findings } {
  const failed = new Pairs();
  for (;;) {
    const known = failed.size;
    const differ = new JsonDiffer(policy, steps, Infinity, 'always', failed);
    const findings = differ.compare(original, update);
    if (!differ.cut || failed.size === known) return { differ, findings };
  }
}

/** A set of pairs of nodes, by identity. */
class Pairs {
  readonly #pairs = new Map<SchemaNode, Set<SchemaNode>>();
  size = 0;

  has(original: SchemaNode, update: SchemaNode): boolean {
    return this.#pairs.get(original)?.has(update) === true;
  }

  add(original: SchemaNode, update: SchemaNode): void {
    let updates = this.#pairs.get(original);
    if (updates === undefined) this.#pairs.set(original, (updates = new Set()));
    if (updates.has(update)) return;
    updates.add(update);
    this.size++;
  }
}

class AttemptSpent extends Error {}

interface Visit {
  /** Place on the stack of pairs being compared; undefined once done. */
  depth: number | undefined;
  findings: Findings | undefined;
  /** Known to break, though not where: see {@link JsonDiffer.trial}. */
  broken: boolean;
}

/** Compares one pair of schemas. Rules of single kinds live in files of their own and come back here for inner schemas. */
export class JsonDiffer {
  readonly patterns = new PatternFinder((steps) => this.spend(steps));
  readonly sameness = new NodeSameness();
  readonly #visits = new Map<SchemaNode, Map<SchemaNode, Visit>>();
  /** A pair was met while being compared. */
  cut = false;
  #depth = 0;
  /** Trials within which the comparison at hand is made. */
  #trials = 0;
  /** Lowest place on the stack that the comparison at hand was cut at. */
  #lowestCut = Infinity;

  /** @param attemptSteps how many of the steps may be taken before the attempt is given up. */
  constructor(
    private readonly policy: CompatibilityPolicy,
    private readonly steps: StepBudget,
    private attemptSteps: number,
    private readonly memory: 'sound' | 'always',
    private readonly failed: Pairs,
  ) {}

  /** Undefined when the attempt is given up. @throws `schema-too-complex` when all steps are spent. */
  attempt(original: SchemaNode, update: SchemaNode): Findings | undefined {
    try {
      return this.compare(original, update);
    } catch (error) {
      if (error instanceof AttemptSpent) return undefined;
      throw error;
    }
  }

  spend(steps = 1): void {
    this.steps.spend(steps);
    this.attemptSteps -= steps;
    if (this.attemptSteps < 0) throw new AttemptSpent();
  }

  compare(original: SchemaNode, update: SchemaNode): Findings {
    const o = dereferenced(original);
    const u = dereferenced(update);
    this.spend();
    const visit = this.#visit(o, u);
    if (visit.findings !== undefined) return visit.findings;
    if (visit.broken && this.#trials > 0) return this.#broken(o, u);
    if (visit.depth !== undefined) return this.#cutAt(visit.depth, o, u);
    if (this.#depth >= DEEPEST_PAIR) throw schemaTooDeep(DEEPEST_PAIR);

    const outerCut = this.#lowestCut;
    this.#lowestCut = Infinity;
    visit.depth = this.#depth++;
    const findings = this.#findings(o, u);
    this.#kinds(o, u, findings);
    this.#depth--;
    const independent = this.#lowestCut >= visit.depth;
    this.#lowestCut = independent ? outerCut : Math.min(outerCut, this.#lowestCut);
    visit.depth = undefined;
    if (!findings.compatible) this.failed.add(o, u);
    if (independent || this.memory === 'always') {
      if (findings.ended) visit.broken = true;
      else visit.findings = findings;
    }
    return findings;
  }

  /**
   * As {@link compare}, where only a compatible pair counts: null at the first break. Of the members of a combination most fit each other not at all, and there
   * is nothing to be told of those.
   */
  trial(original: SchemaNode, update: SchemaNode): Findings | null {
    this.#trials++;
    const findings = this.compare(original, update);
    this.#trials--;
    return findings.compatible ? findings : null;
  }

  /** Of a pair of which nothing more is known, and nothing more asked. */
  #broken(o: SchemaNode, u: SchemaNode): Findings {
    const findings = this.#findings(o, u);
    findings.fail();
    return findings;
  }

  /** As {@link compare}, where either side may be absent. */
  compareOptional(
    original: SchemaNode | null,
    update: SchemaNode | null,
    out: Findings,
    ...path: readonly string[]
  ): void {
    if (original !== null && update !== null) out.include(this.compare(original, update), ...path);
    else if (update !== null) out.add('SCHEMA_ADDED', ...path);
    else if (original !== null) out.add('SCHEMA_REMOVED', ...path);
  }

  #cutAt(depth: number, o: SchemaNode, u: SchemaNode): Findings {
    this.cut = true;
    this.#lowestCut = Math.min(this.#lowestCut, depth);
    const findings = this.#findings(o, u);
    if (this.memory === 'always' && this.failed.has(o, u)) findings.fail();
    return findings;
  }

  #kinds(o: SchemaNode, u: SchemaNode, out: Findings): void {
    if (tryCombined(this, o, u, out)) return;
    if (o.kind !== u.kind) {
      const tolerated =
        o.kind === 'false' || u.kind === 'empty' || u.kind === 'true' || (o.connectBytes && u.connectBytes);
      if (!tolerated) out.add('TYPE_CHANGED');
      return;
    }
    if (o.id !== u.id) out.add('ID_CHANGED');
    if (o.title !== u.title) out.add('TITLE_CHANGED');
    if (o.description !== u.description) out.add('DESCRIPTION_CHANGED');
    if (o.defaultText !== u.defaultText) out.add('DEFAULT_CHANGED');
    switch (o.kind) {
      case 'string':
        return compareStrings(o, u as typeof o, out);
      case 'number':
        return compareNumbers(o, u as typeof o, out);
      case 'enum':
        this.spend((o.values.size + (u as typeof o).values.size) >> 3);
        return compareEnums(o, u as typeof o, out);
      case 'const':
        if (o.value !== (u as typeof o).value) out.add('ENUM_ARRAY_CHANGED', 'const');
        return;
      case 'not':
        // The other way round: what must not match grew narrower when the old one covers it.
        out.add(this.trial((u as typeof o).inner, o.inner) === null ? 'NOT_TYPE_EXTENDED' : 'NOT_TYPE_NARROWED', 'not');
        return;
      case 'combined':
        return compareCombined(this, o, u as typeof o, out);
      case 'object':
        this.spend(sizeOf(o) + sizeOf(u as typeof o));
        return compareObjects(this, o, u as typeof o, out);
      case 'array':
        return compareArrays(this, o, u as typeof o, out);
      default:
        return;
    }
  }

  #findings(original: SchemaNode, update: SchemaNode): Findings {
    return new Findings(original, update, this.policy, this.#trials > 0);
  }

  #visit(o: SchemaNode, u: SchemaNode): Visit {
    let updates = this.#visits.get(o);
    if (updates === undefined) this.#visits.set(o, (updates = new Map()));
    let visit = updates.get(u);
    if (visit === undefined) updates.set(u, (visit = { depth: undefined, findings: undefined, broken: false }));
    return visit;
  }
}

/** Steps that looking at the names of an object is worth, beside comparing what they name. */
function sizeOf({ properties, propertyDependencies, schemaDependencies }: ObjectNode): number {
  return (properties.size + propertyDependencies.size + schemaDependencies.size) >> 3;
}
