import type { JsonObject } from '#libs/core/kernel';

/**
 * `missing`: the offset map names a record that the target does not have. `unclaimed`: the target has a record that the map does not name
 * (a duplicate, a resurrected record, a foreign writer). `different`: the record is not what the source has at those coordinates. `misplaced`: its
 * key belongs to another partition. `order`: the map is not increasing. `gap`: the map leaves source offsets out.
 */
export type MismatchKind = 'missing' | 'unclaimed' | 'different' | 'misplaced' | 'order' | 'gap';

/** One thing that is wrong with a copy. Coordinates, never contents. */
export interface Mismatch {
  readonly kind: MismatchKind;
  /** −1 where there is none. */
  readonly source: number;
  readonly sourceOffset: number;
  readonly target: number;
  readonly targetOffset: number;
  readonly detail: string;
}

/** A mismatch in JSON, offsets as text. */
export function mismatchToJson(mismatch: Mismatch): JsonObject {
  const { kind, source, sourceOffset, target, targetOffset, detail } = mismatch;
  return {
    kind,
    source: source < 0 ? null : { partition: source, offset: String(sourceOffset) },
    target: target < 0 ? null : { partition: target, offset: String(targetOffset) },
    detail,
  };
}
