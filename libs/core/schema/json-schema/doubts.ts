import type { CompatibilityPolicy, Direction, DoubtfulJudgement } from '../format.js';
import type { StepBudget } from '../step-budget.js';
import { CloserLook, type JsonWarningRule } from './closer-look.js';
import { settled } from './differ.js';
import { OVER_STRICT } from './doubts-over-strict.js';
import { UNSOUND } from './doubts-unsound.js';
import type { SchemaNode } from './node.js';
import { judgedPairs, type JudgedPair } from './pairs.js';
import { jsonSpot, placeOf } from './places.js';

/** Warnings of one pair of schemas listed at most. */
const LISTED_WARNINGS = 1_000;

/** The catalogue. */
export const JSON_WARNINGS: readonly JsonWarningRule[] = [...UNSOUND, ...OVER_STRICT];

/** See `SchemaFormat.doubts`. */
export function jsonDoubts(
  original: SchemaNode,
  update: SchemaNode,
  direction: Direction,
  { policy, steps }: { readonly policy: CompatibilityPolicy; readonly steps: StepBudget },
): readonly DoubtfulJudgement[] {
  const words: ['new' | 'old', 'new' | 'old'] = direction === 'new-reads-old' ? ['new', 'old'] : ['old', 'new'];
  const { differ } = settled(original, update, { policy, steps });
  const look = new CloserLook(differ, policy, steps);
  const doubts = new Map<string, DoubtfulJudgement>();
  for (const pair of judgedPairs(differ, original, update)) {
    for (const rule of JSON_WARNINGS) {
      for (const own of rule.where(pair, look)) {
        // Several nodes may be made of one schema object, and the keyword is then told where the object stands.
        const key = `${rule.id} ${pair.update.json.at} ${pair.update.source.reference ?? ''} ${own.join('/')}`;
        if (!doubts.has(key)) doubts.set(key, judgement(rule, pair, own, words));
        if (doubts.size >= LISTED_WARNINGS) return [...doubts.values()];
      }
    }
  }
  return [...doubts.values()];
}

function judgement(
  rule: JsonWarningRule,
  { original, update, path }: JudgedPair,
  own: readonly string[],
  words: readonly [string, string],
): DoubtfulJudgement {
  const whole = [...path, ...own];
  const place = placeOf(whole);
  return {
    ruleId: rule.id,
    doubt: rule.doubt,
    path: `#/${whole.join('/')}`,
    place,
    reader: jsonSpot(update, own),
    writer: jsonSpot(original, own),
    what: rule.what(place, ...words),
    breaks: rule.breaks,
    fix: rule.fix(...words),
  };
}
