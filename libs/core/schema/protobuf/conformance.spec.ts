import { expect, it } from 'vitest';
import { conformanceCases, type VerdictCase } from '../testing/conformance-cases.js';
import { conformanceSuite } from '../testing/conformance-suite.js';
import { ProtobufFormat } from './protobuf-format.js';

const RECORDED = {
  name: 'Protobuf',
  format: new ProtobufFormat(),
  messageOrder: 'any',
  files: 'protobuf',
  least: { verdicts: 900, parses: 100, texts: 100 },
} as const;

conformanceSuite(RECORDED, (suite, verdicts) => {
  it('gives the same verdicts and the same messages', () => {
    const wrong = suite.wrongVerdicts(verdicts) as readonly { readonly id: string; readonly compatible: boolean }[];
    // At FULL both releases refuse these, but 8.3 for one direction and 8.5 for the other: there the newer reason is given.
    expect(wrong.map(({ id, compatible }) => [id, compatible])).toEqual([
      ['proto-oneof-0109-full', false],
      ['proto-oneof-0116-full-t', false],
      ['proto-oneof-0140-full-t', false],
    ]);
  });

  it('gives the same verdicts and the same messages on published files', () => {
    const published = conformanceCases<VerdictCase>('verdicts-protobuf-google-Apache-2.0');
    expect(suite.wrongVerdicts(published)).toEqual([]);
    expect(published.length).toBeGreaterThan(150);
  });

  it('gives the newer answer where two releases differ', () => {
    const noted = verdicts.flatMap((one) => {
      const newer = /development line \(8\.5\) answers (true|false):/.exec(one.note ?? '');
      return newer === null ? [] : [{ ...one, alternatives: [], compatible: newer[1] === 'true' }];
    });
    expect(suite.wrongVerdicts(noted)).toEqual([]);
    expect(noted.length).toBeGreaterThan(50);
  });
});
