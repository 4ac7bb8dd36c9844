import { describe, expect, it } from 'vitest';
import { conformanceCases, type CanonicalCase, type ParseCase } from '../testing/conformance-cases.js';
import { Conformance } from '../testing/conformance.js';
import { ProtobufFormat } from './protobuf-format.js';

describe('Protobuf against the recorded answers of the reference registry', () => {
  const suite = new Conformance(new ProtobufFormat(), 'any');
  const parses = conformanceCases<ParseCase>('parse-protobuf');
  const texts = conformanceCases<CanonicalCase>('canonical-protobuf');

  it('accepts and refuses the same texts', () => {
    expect(suite.wrongParses(parses)).toEqual([]);
    expect(parses.length).toBeGreaterThan(100);
  });

  it('stores the same text under the same GUID, plain, normalised, serialised and without extensions', () => {
    expect(suite.wrongTexts(texts).slice(0, 5)).toEqual([]);
    expect(texts.length).toBeGreaterThan(100);
  });

  it('would notice a wrong refusal and a wrong text', () => {
    expect(suite.wrongParses([{ ...parses[0]!, accepted: !parses[0]!.accepted }])).toHaveLength(1);
    expect(suite.wrongTexts([{ ...texts[0]!, stored: `${texts[0]!.stored} ` }])).toHaveLength(1);
  });
});
