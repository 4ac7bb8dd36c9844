import type { Direction, DoubtfulJudgement } from '../format.js';
import type { StepBudget } from '../step-budget.js';
import { protoSpot } from './differences.js';
import type { Spot } from './doubted-fields.js';
import { placedFields } from './fields-by-number.js';
import { readPairs } from './pairs.js';
import type { ProtoScope } from './scope.js';
import { unusedMessages } from './unused-messages.js';
import { MESSAGE_WARNINGS, UNUSED_MESSAGE, type ProtoWarningRule } from './warning-rules.js';

/** Warnings of one pair of schemas listed at most. */
const LISTED_WARNINGS = 1_000;

/** See `SchemaFormat.doubts`. */
export function protoDoubts(
  reader: ProtoScope,
  writer: ProtoScope,
  direction: Direction,
  steps: StepBudget,
): readonly DoubtfulJudgement[] {
  const doubts: DoubtfulJudgement[] = [];
  for (const [rule, spot] of found(reader, writer, direction, steps)) {
    doubts.push(judgement(rule, spot, direction));
    if (doubts.length >= LISTED_WARNINGS) break;
  }
  return doubts;
}

function* found(
  reader: ProtoScope,
  writer: ProtoScope,
  direction: Direction,
  steps: StepBudget,
): Generator<[ProtoWarningRule, Spot]> {
  for (const pair of readPairs(reader, writer, steps)) {
    const [read, written] = [placedFields(pair.reader.message), placedFields(pair.writer.message)];
    for (const rule of MESSAGE_WARNINGS) {
      for (const spot of rule.where({ pair, read, written, reader, writer, direction })) yield [rule, spot];
    }
  }
  for (const spot of unusedMessages(reader, writer)) yield [UNUSED_MESSAGE, spot];
}

function judgement(rule: ProtoWarningRule, spot: Spot, direction: Direction): DoubtfulJudgement {
  const words: [string, string] = direction === 'new-reads-old' ? ['new', 'old'] : ['old', 'new'];
  const { path, place, reader, writer } = spot;
  return {
    ruleId: rule.id,
    doubt: rule.doubt,
    path: `#/${path.join('/')}`,
    place,
    reader: protoSpot(reader),
    writer: protoSpot(writer),
    what: rule.what(place, reader.text(), writer.text(), ...words),
    breaks: rule.breaks,
    fix: rule.fix(...words),
  };
}
