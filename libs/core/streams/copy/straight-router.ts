import type { HashedTargets } from '#libs/core/log';
import type { Router } from './router.js';

/** Each record goes to the partition it comes from: the copy of a topic into another log with as many partitions. */
export class StraightRouter implements Router {
  readonly placedOver = 'any';

  constructor(readonly targets: number) {}

  route(_record: unknown, source: number): number {
    return source;
  }

  routeInPlace(_record: unknown, source: number): number {
    return source;
  }

  hashed(source: number): HashedTargets {
    return { first: source, partitions: 1, keyless: { first: source, step: 0, modulus: 1 } };
  }

  /** Where a record lay is where it belongs, whatever its key says. */
  misplaced(): undefined {
    return undefined;
  }

  belongsInPlace(): boolean {
    return true;
  }
}
