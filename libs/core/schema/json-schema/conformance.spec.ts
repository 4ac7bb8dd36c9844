import { describe, expect, it } from 'vitest';
import {
  conformanceCases,
  type CanonicalCase,
  type ParseCase,
  type VerdictCase,
} from '../testing/conformance-cases.js';
import { Conformance } from '../testing/conformance.js';
import { JsonSchemaFormat } from './json-schema-format.js';

describe('JSON Schema against the recorded answers of the reference registry', () => {
  const suite = new Conformance(new JsonSchemaFormat(), 'any');
  const verdicts = conformanceCases<VerdictCase>('verdicts-json-schema');
  const parses = conformanceCases<ParseCase>('parse-json-schema');
  const texts = conformanceCases<CanonicalCase>('canonical-json-schema');

  it('gives the same verdicts and the same messages in all drafts and under both policies', () => {
    expect(suite.wrongVerdicts(verdicts).slice(0, 5)).toEqual([]);
    expect(verdicts.length).toBeGreaterThan(2_500);
  });

  it('gives the same verdicts on real schemas, a whole one of 344 recursive definitions included', () => {
    const real = ['', '-whole'].flatMap((part) =>
      conformanceCases<VerdictCase>(`verdicts-json-schema-octokit${part}-MIT`),
    );
    expect(suite.wrongVerdicts(real)).toEqual([]);
    expect(real.length).toBeGreaterThan(80);
  }, 120_000);

  it('gives one of the right answers where the reference fails', () => {
    const bugs = conformanceCases<VerdictCase>('verdicts-reference-bugs').filter((one) => one.format === 'JSON');
    expect(suite.wrongVerdicts(bugs)).toEqual([]);
  });

  it('accepts and refuses the same texts', () => {
    expect(suite.wrongParses(parses)).toEqual([]);
    expect(parses.length).toBeGreaterThan(200);
  });

  it('stores the same text under the same GUID, plain and normalised', () => {
    expect(suite.wrongTexts(texts).slice(0, 5)).toEqual([]);
    expect(texts.length).toBeGreaterThan(50);
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
