import { describe, expect, it } from 'vitest';
import {
  conformanceCases,
  type CanonicalCase,
  type ParseCase,
  type VerdictCase,
} from '../testing/conformance-cases.js';
import { Conformance } from '../testing/conformance.js';
import { AvroFormat } from './avro-format.js';

describe('Avro against the recorded answers of the reference registry', () => {
  const suite = new Conformance(new AvroFormat(), 'same');
  const verdicts = conformanceCases<VerdictCase>('verdicts-avro');
  const parses = conformanceCases<ParseCase>('parse-avro');
  const texts = conformanceCases<CanonicalCase>('canonical-avro');

  it('gives the same verdicts and the same messages', () => {
    expect(suite.wrongVerdicts(verdicts).slice(0, 5)).toEqual([]);
    expect(verdicts.length).toBeGreaterThan(1_500);
  });

  it('accepts and refuses the same texts', () => {
    expect(suite.wrongParses(parses)).toEqual([]);
    expect(parses.length).toBeGreaterThan(150);
  });

  it('stores the same text under the same GUID, plain, normalised and resolved', () => {
    expect(suite.wrongTexts(texts).slice(0, 5)).toEqual([]);
    expect(texts.length).toBeGreaterThan(120);
  });

  it('would notice a wrong verdict, a wrong word, a wrong refusal and a wrong text', () => {
    const refused = verdicts.find((one) => !one.compatible)!;
    const reworded = refused.messages.map((text) => text.replace('new', 'old'));
    expect(suite.wrongVerdicts([{ ...refused, compatible: true }])).toHaveLength(1);
    expect(suite.wrongVerdicts([{ ...refused, messages: reworded }])).toHaveLength(1);
    expect(suite.wrongParses([{ ...parses[0]!, accepted: !parses[0]!.accepted }])).toHaveLength(1);
    expect(suite.wrongTexts([{ ...texts[0]!, stored: `${texts[0]!.stored} ` }])).toHaveLength(1);
  });
});
