import { isBreaking, PROTO_KINDS, type ProtoDifferenceKind } from './kinds.js';
import type { ProtoPart } from './parts.js';

export interface FoundDifference {
  readonly kind: ProtoDifferenceKind;
  /** Message names, name of the oneof, number. */
  readonly path: readonly string[];
  /** The same place in names: `Order.Line.price`. */
  readonly place: string;
  readonly reader: ProtoPart;
  readonly writer: ProtoPart;
}

/**
 * What comparing a pair gave: differences of its own, and whole findings of other pairs by reference. Paths are whole from the start, so findings that are
 * reached several times are listed once.
 */
export class Findings {
  readonly #items: (FoundDifference | Findings)[] = [];
  #compatible = true;

  /** No difference in it breaks anything. */
  get compatible(): boolean {
    return this.#compatible;
  }

  add(difference: FoundDifference): void {
    if (isBreaking(difference.kind)) this.#compatible = false;
    this.#items.push(difference);
  }

  include(findings: Findings): void {
    if (!findings.compatible) this.#compatible = false;
    if (findings.#items.length > 0) this.#items.push(findings);
  }

  /** Incompatible for a reason that is listed elsewhere. */
  fail(): void {
    this.#compatible = false;
  }

  /** All differences in order, each once; of those that break and of those that do not at most `limit` each. */
  list(limit: number): readonly FoundDifference[] {
    const listed = new Map<string, FoundDifference>();
    const left = { breaking: limit, tolerated: limit };
    const seen = new Set<Findings>([this]);
    const stack: { readonly findings: Findings; next: number }[] = [{ findings: this, next: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const item = top.findings.#items[top.next++];
      if (item === undefined) stack.pop();
      else if (item instanceof Findings) {
        if (!seen.has(item)) stack.push({ findings: item, next: 0 });
        seen.add(item);
      } else {
        const key = `${item.kind} ${item.path.join('/')}`;
        if (!listed.has(key) && left[PROTO_KINDS[item.kind]]-- > 0) listed.set(key, item);
      }
    }
    return [...listed.values()];
  }
}
