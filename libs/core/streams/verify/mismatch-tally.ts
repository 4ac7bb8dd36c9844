import type { JsonObject } from '#libs/core/kernel';
import type { Mismatch, MismatchKind } from './mismatch.js';

/** What is wrong with a copy: all of it counted, the first of it listed. */
export interface FoundMismatches {
  /** The first ones, at most {@link LISTED_MISMATCHES}. */
  readonly mismatches: readonly Mismatch[];
  /** How many there are, listed or not. */
  readonly mismatchCount: number;
  /** How many of each kind that there is one of. */
  readonly mismatchKinds: Readonly<Partial<Record<MismatchKind, number>>>;
}

/** Most mismatches that are told one by one. */
export const LISTED_MISMATCHES = 100;

/** Takes in mismatches, however many. */
export class MismatchTally implements FoundMismatches {
  readonly mismatches: Mismatch[] = [];
  readonly #kinds = new Map<MismatchKind, number>();

  get mismatchCount(): number {
    let count = 0;
    for (const one of this.#kinds.values()) count += one;
    return count;
  }

  get mismatchKinds(): FoundMismatches['mismatchKinds'] {
    return Object.fromEntries(this.#kinds);
  }

  add(mismatch: Mismatch): void {
    this.#count(mismatch.kind, 1);
    if (this.mismatches.length < LISTED_MISMATCHES) this.mismatches.push(mismatch);
  }

  /** Takes in what another has found, behind what is here. */
  addAll({ mismatches, mismatchKinds }: FoundMismatches): this {
    for (const [kind, count] of Object.entries(mismatchKinds)) this.#count(kind as MismatchKind, count);
    this.mismatches.push(...mismatches.slice(0, LISTED_MISMATCHES - this.mismatches.length));
    return this;
  }

  /** As it stands, whatever is added later. */
  found(): FoundMismatches {
    const { mismatches, mismatchCount, mismatchKinds } = this;
    return { mismatches: [...mismatches], mismatchCount, mismatchKinds };
  }

  #count(kind: MismatchKind, count: number): void {
    this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + count);
  }
}

/** How many of each kind, for people: `3 missing, 1 different`. */
export function kindsText({ mismatchKinds }: Pick<FoundMismatches, 'mismatchKinds'>): string {
  return Object.entries(mismatchKinds)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
}

/** The counts in JSON. */
export function countsToJson({ mismatchCount, mismatchKinds }: FoundMismatches): JsonObject {
  return { mismatchCount, mismatchKinds: { ...mismatchKinds } };
}
