import { expect, it } from 'vitest';
import { conformanceCases, type VerdictCase } from '../testing/conformance-cases.js';
import { conformanceSuite } from '../testing/conformance-suite.js';
import { JsonSchemaFormat } from './json-schema-format.js';

const RECORDED = {
  name: 'JSON Schema',
  format: new JsonSchemaFormat(),
  messageOrder: 'any',
  files: 'json-schema',
  least: { verdicts: 2500, parses: 200, texts: 50 },
} as const;

conformanceSuite(RECORDED, (suite, verdicts) => {
  it('gives the same verdicts and the same messages in all drafts and under both policies', () => {
    expect(suite.wrongVerdicts(verdicts).slice(0, 5)).toEqual([]);
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
});
