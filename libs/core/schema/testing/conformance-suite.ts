import { describe, expect, it } from 'vitest';
import type { SchemaFormat } from '../format.js';
import { conformanceCases, type CanonicalCase, type ParseCase, type VerdictCase } from './conformance-cases.js';
import { Conformance } from './conformance.js';

export interface RecordedFormat {
  readonly name: string;
  readonly format: SchemaFormat;
  /** Whether the order of messages is a promise of the reference. */
  readonly messageOrder: 'same' | 'any';
  /** Ending of the names of the format's files. */
  readonly files: string;
  /** How many cases there are at least: a suite without cases promises nothing. */
  readonly least: { readonly verdicts: number; readonly parses: number; readonly texts: number };
}

/**
 * What every format keeps of the recorded answers: texts accepted and refused, texts stored with their GUIDs, and a negative control of all that is compared.
 * @param verdicts what the format promises of its verdicts, which differs.
 */
export function conformanceSuite(
  { name, format, messageOrder, files, least }: RecordedFormat,
  verdicts: (suite: Conformance, recorded: readonly VerdictCase[]) => void,
): void {
  describe(`${name} against the recorded answers of the reference registry`, () => {
    const suite = new Conformance(format, messageOrder);
    const recorded = conformanceCases<VerdictCase>(`verdicts-${files}`);
    const parses = conformanceCases<ParseCase>(`parse-${files}`);
    const texts = conformanceCases<CanonicalCase>(`canonical-${files}`);

    it('is held against all of them', () => {
      expect(recorded.length).toBeGreaterThan(least.verdicts);
      expect(parses.length).toBeGreaterThan(least.parses);
      expect(texts.length).toBeGreaterThan(least.texts);
    });

    verdicts(suite, recorded);

    it('accepts and refuses the same texts', () => {
      expect(suite.wrongParses(parses)).toEqual([]);
    });

    it('stores the same text under the same GUID, plain, normalised and in other forms', () => {
      expect(suite.wrongTexts(texts).slice(0, 5)).toEqual([]);
    });

    it('would notice a wrong verdict, a wrong word, a wrong refusal and a wrong text', () => {
      const refused = recorded.find((one) => !one.compatible && one.reference_bug !== true)!;
      const reworded = refused.messages.map((text) => text.replace('new', 'old'));
      expect(suite.wrongVerdicts([{ ...refused, compatible: true }])).toHaveLength(1);
      expect(suite.wrongVerdicts([{ ...refused, messages: reworded }])).toHaveLength(1);
      expect(suite.wrongParses([{ ...parses[0]!, accepted: !parses[0]!.accepted }])).toHaveLength(1);
      expect(suite.wrongTexts([{ ...texts[0]!, stored: `${texts[0]!.stored} ` }])).toHaveLength(1);
    });
  });
}
