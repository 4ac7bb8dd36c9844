import { describe, expect, it } from 'vitest';
import {
  conformanceCases,
  type CanonicalCase,
  type ParseCase,
  type VerdictCase,
} from '../testing/conformance-cases.js';
import { Conformance } from '../testing/conformance.js';
import { ProtobufFormat } from './protobuf-format.js';

describe('Protobuf against the recorded answers of the reference registry', () => {
  const suite = new Conformance(new ProtobufFormat(), 'any');
  const parses = conformanceCases<ParseCase>('parse-protobuf');
  const texts = conformanceCases<CanonicalCase>('canonical-protobuf');
  const verdicts = conformanceCases<VerdictCase>('verdicts-protobuf');

  it('gives the same verdicts and the same messages', () => {
    const wrong = suite.wrongVerdicts(verdicts) as readonly { readonly id: string; readonly compatible: boolean }[];
    // At FULL both releases refuse these, but 8.3 for one direction and 8.5 for the other: there the newer reason is given.
    expect(wrong.map(({ id, compatible }) => [id, compatible])).toEqual([
      ['proto-oneof-0109-full', false],
      ['proto-oneof-0116-full-t', false],
      ['proto-oneof-0140-full-t', false],
    ]);
    expect(verdicts.length).toBeGreaterThan(900);
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

  it('accepts and refuses the same texts', () => {
    expect(suite.wrongParses(parses)).toEqual([]);
    expect(parses.length).toBeGreaterThan(100);
  });

  it('stores the same text under the same GUID, plain, normalised, serialised and without extensions', () => {
    expect(suite.wrongTexts(texts).slice(0, 5)).toEqual([]);
    expect(texts.length).toBeGreaterThan(100);
  });

  it('would notice a wrong verdict, a wrong word, a wrong refusal and a wrong text', () => {
    const refused = verdicts.find((one) => !one.compatible && one.reference_bug !== true)!;
    const reworded = refused.messages.map((text) => text.replace('new', 'old'));
    expect(suite.wrongVerdicts([{ ...refused, compatible: true }])).toHaveLength(1);
    expect(suite.wrongVerdicts([{ ...refused, messages: reworded }])).toHaveLength(1);
    expect(suite.wrongParses([{ ...parses[0]!, accepted: !parses[0]!.accepted }])).toHaveLength(1);
    expect(suite.wrongTexts([{ ...texts[0]!, stored: `${texts[0]!.stored} ` }])).toHaveLength(1);
  });
});
