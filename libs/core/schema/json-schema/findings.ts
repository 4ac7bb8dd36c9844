import type { CompatibilityPolicy } from '../format.js';
import type { StepBudget } from '../step-budget.js';
import { isTolerated, type JsonDifferenceKind } from './kinds.js';
import type { SchemaNode } from './node.js';

/** One difference. */
export interface FoundDifference {
  readonly kind: JsonDifferenceKind;
  /** Until it is listed as {@link own}, then from the roots. */
  readonly path: readonly string[];
  /** Relative to the pair of schemas it was found in. */
  readonly own: readonly string[];
  /** Original (writer) and update (reader) of the pair. */
  readonly original: SchemaNode;
  readonly update: SchemaNode;
}

/** Differences of a pair inside another one. */
interface Included {
  readonly path: readonly string[];
  readonly findings: Findings;
}

/**
 * What comparing a pair gave: differences of its own, and whole findings of inner pairs by reference, so that a pair that is reached along many paths is kept
 * once. Paths are relative and made whole when they are listed.
 */
export class Findings {
  readonly #items: (FoundDifference | Included)[] = [];
  #compatible = true;

  constructor(
    private readonly original: SchemaNode,
    private readonly update: SchemaNode,
    private readonly policy: CompatibilityPolicy,
    /** One break is all that is asked for. */
    private readonly brief = false,
  ) {}

  /** No difference in it breaks anything under the policy. */
  get compatible(): boolean {
    return this.#compatible;
  }

  /** What was asked for is known: whoever compares leaves off here, and what is found otherwise is told to nobody. */
  get ended(): boolean {
    return this.brief && !this.#compatible;
  }

  /** Whether such a difference would be all that is asked for. */
  endsWith(kind: JsonDifferenceKind): boolean {
    return this.brief && !isTolerated(kind, this.policy);
  }

  add(kind: JsonDifferenceKind, ...path: readonly string[]): void {
    if (!isTolerated(kind, this.policy)) this.fail();
    this.#items.push({ kind, path, own: path, original: this.original, update: this.update });
  }

  include(findings: Findings, ...path: readonly string[]): void {
    if (!findings.compatible) this.#compatible = false;
    if (findings.#items.length > 0) this.#items.push({ path, findings });
  }

  /** Differences of the pair itself, without those of inner pairs. */
  ownDifferences(): readonly FoundDifference[] {
    return this.#items.filter((item) => 'kind' in item);
  }

  /** Incompatible for a reason that is listed elsewhere. */
  fail(): void {
    this.#compatible = false;
  }

  /** All differences with whole paths, in order, each once, at most `limit`. */
  list(limit: number, budget: StepBudget): readonly FoundDifference[] {
    const listed = new Map<string, FoundDifference>();
    const stack: { readonly findings: Findings; readonly path: readonly string[]; next: number }[] = [
      { findings: this, path: [], next: 0 },
    ];
    // Bounds the walk where the same findings are reached along very many paths.
    let steps = limit * 20;
    for (let top = stack.at(-1); top !== undefined && listed.size < limit && steps-- > 0; top = stack.at(-1)) {
      const item = top.findings.#items[top.next++];
      budget.spend(1 + (top.path.length >> 3));
      if (item === undefined) {
        stack.pop();
      } else if ('kind' in item) {
        const path = [...top.path, ...item.path];
        const key = `${item.kind} ${path.join('/')}`;
        if (!listed.has(key)) listed.set(key, { ...item, path });
      } else {
        stack.push({ findings: item.findings, path: [...top.path, ...item.path], next: 0 });
      }
    }
    return [...listed.values()];
  }
}
