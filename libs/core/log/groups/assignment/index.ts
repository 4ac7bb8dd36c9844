import type { AssignmentStrategy } from '../../group-membership.js';
import type { Assignor } from './assignment.js';
import { assignSticky } from './cooperative-sticky.js';
import { assignRanges } from './range.js';
import { assignInTurns } from './round-robin.js';

export type { Assignment, Assignor, Subscriber } from './assignment.js';

/** Every strategy by the name its members agree on. */
export const ASSIGNORS: ReadonlyMap<AssignmentStrategy, Assignor> = new Map([
  ['range', assignRanges],
  ['roundrobin', assignInTurns],
  ['cooperative-sticky', assignSticky],
]);
