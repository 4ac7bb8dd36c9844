import { AppError } from '#libs/core/kernel';
import type { CopyTally } from '../copy/copy-tally.js';
import type { PoisonPolicy } from './parameters.js';

/** Records read before a ratio means anything. */
const RATIO_FROM = 100;

/** Stops a copy in which more records cannot be migrated than the plan bears. @throws `too-much-poison`. */
export function demandBearable(topic: string, { maxCount, maxRatio }: PoisonPolicy, tally: CopyTally): void {
  const { read } = tally;
  // Those that wait for their key are as little migrated as the one that failed.
  const poison = Math.max(tally.poison, tally.parked);
  const most = Math.min(maxCount ?? Infinity, maxRatio === null || read < RATIO_FROM ? Infinity : maxRatio * read);
  if (poison <= most) return;
  const waiting = tally.parked > 0 ? `, ${tally.parked} parked in all` : '';
  const classes = [...tally.byClass].map(([name, count]) => `${count} ${name}`).join(', ');
  throw new AppError({
    kind: 'unprocessable',
    code: 'too-much-poison',
    message: `${poison} of ${read} records of '${topic}' cannot be migrated (${classes}${waiting}), more than the plan bears.`,
    hint: 'Redrive what is parked by a corrected transform; or cancel the operation, correct the transform or raise poison.maxCount or poison.maxRatio, and plan again.',
    details: { topic, read, poison },
  });
}
