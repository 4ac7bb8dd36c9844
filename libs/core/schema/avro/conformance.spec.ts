import { expect, it } from 'vitest';
import { conformanceSuite } from '../testing/conformance-suite.js';
import { AvroFormat } from './avro-format.js';

const RECORDED = {
  name: 'Avro',
  format: new AvroFormat(),
  messageOrder: 'same',
  files: 'avro',
  least: { verdicts: 1500, parses: 150, texts: 120 },
} as const;

conformanceSuite(RECORDED, (suite, verdicts) => {
  it('gives the same verdicts and the same messages', () => {
    expect(suite.wrongVerdicts(verdicts).slice(0, 5)).toEqual([]);
  });
});
