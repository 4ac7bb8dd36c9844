import { AppError, type JsonObject } from '#libs/core/kernel';
import type { LiveCopy } from '../copy/live-copy.js';
import { kindsText } from '../verify/mismatch-tally.js';
import type { Verification } from '../verify/verification.js';
import type { SwitchFacts } from './switch-over.js';
import { translationToJson } from './translation.js';
import { errorsOf, type GenerationWork, type Live, verificationToJson } from './work.js';

/** What was decided at the cutover, as notes of the operation. */
export function factsOf(work: GenerationWork, live: Live, facts: SwitchFacts): JsonObject {
  const { fence, ends, groups, verification } = facts;
  return {
    fence: fence.map(String),
    ends: ends.map(String),
    groups: groups.map((one) => ({ ...translationToJson(one), state: 'translated' })),
    errors: errorsOf(work, live.copy),
    ...(verification && {
      verification: verificationToJson(verification, work.parameters.verification, writtenBy(live.copy)),
    }),
  };
}

/** Records a copy has written to its target. */
export function writtenBy(copy: LiveCopy): number {
  return copy.sessions.reduce((sum, { totals }) => sum + totals.sum.count + (totals.parked?.sum.count ?? 0), 0);
}

/** The topic was closed by a user while the operation began. */
export function topicClosed(topic: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'topic-frozen',
    message: `Topic '${topic}' was frozen while the operation began.`,
    hint: 'Unfreeze it and resume the operation, or cancel it.',
    details: { topic },
  });
}

/** The copy is not its source. */
export function verificationFailed(topic: string, verification: Verification): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'verification-failed',
    message: `The copy of '${topic}' does not agree with its source (${kindsText(verification)}); nothing was switched.`,
    hint: 'Look at the mismatches of the operation, cancel it and plan again.',
    details: { topic, mismatches: verification.mismatchCount },
  });
}
