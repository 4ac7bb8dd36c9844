import { checkGroup, checkPosition } from './commit-checks.js';
import type { GroupPosition } from './engine.js';

/** Where a group goes on in the topic that it is handed over to. */
export interface HandedOverGroup {
  readonly group: string;
  /** Next offset for every partition of that topic. */
  readonly positions: readonly number[];
}

/** See `WriterCommit.handOver`: what a cutover takes from a superseded generation of a topic to the next one, or back. Both by physical name. */
export interface HandOver {
  readonly from: string;
  readonly to: string;
  readonly groups: readonly HandedOverGroup[];
}

/** Groups whose members read nothing of a topic for a while. */
export interface RestingGroups {
  /** Members that have not given up yet what they read. They may still store positions. */
  waiting(): number;
  /** The members share out anew, by what the group is told then. Harmless to repeat. */
  end(): void;
}

/** For engines whose members cannot be asked to rest. */
export const NOBODY_RESTS: RestingGroups = { waiting: () => 0, end: () => undefined };

/** Positions of a group in the topic that it is handed over to. @throws `invalid-group`, `invalid-position`. */
export function handedOverPositions(to: string, { group, positions }: HandedOverGroup): readonly GroupPosition[] {
  checkGroup(group);
  return positions.map((offset, partition) => {
    const position = { topic: to, partition, offset };
    checkPosition(position);
    return position;
  });
}
