import { afterAll, describe, expect, it } from 'vitest';
import { conformanceCases, type CanonicalCase, type ParseCase, type VerdictCase } from '#libs/core/schema/testing';
import { RecordedCases } from './testing/index.js';

/**
 * Every case recorded with the reference registry, asked over HTTP: what is accepted and with which error refused, what is stored, and what may follow what.
 * What the members mean is told in test/fixtures/conformance/README.md; what comes out otherwise, and why, in docs/compatibility.md.
 */
const LANGUAGES = [
  { type: 'AVRO', files: 'avro', verdicts: ['verdicts-avro'], ordered: true, otherwise: [] },
  {
    type: 'JSON',
    files: 'json-schema',
    verdicts: [
      'verdicts-json-schema',
      'verdicts-json-schema-octokit-MIT',
      'verdicts-json-schema-octokit-whole-MIT',
      'verdicts-reference-bugs',
    ],
    // The reference lists these in the order of its hash tables.
    ordered: false,
    otherwise: [],
  },
  {
    type: 'PROTOBUF',
    files: 'protobuf',
    verdicts: ['verdicts-protobuf', 'verdicts-protobuf-google-Apache-2.0'],
    ordered: false,
    // Refused for the reason that the newer release gives.
    otherwise: ['proto-oneof-0109-full', 'proto-oneof-0116-full-t', 'proto-oneof-0140-full-t'],
  },
] as const;

describe.each(LANGUAGES)('recorded $type cases over HTTP', ({ type, files, verdicts, ordered, otherwise }) => {
  const recorded = new RecordedCases(type, ordered);
  afterAll(() => recorded.close());

  const parses = conformanceCases<ParseCase>(`parse-${files}`);
  it(`are accepted and refused alike, with the same codes (${parses.length})`, async () => {
    expect(await recorded.wrongParses(parses)).toEqual([]);
  });

  const texts = conformanceCases<CanonicalCase>(`canonical-${files}`);
  it(`are stored as the same texts under the same identities (${texts.length})`, async () => {
    expect(await recorded.wrongTexts(texts)).toEqual([]);
  });

  const asked = verdicts.flatMap((name) => conformanceCases<VerdictCase>(name));
  it(`get the same verdicts with the same messages (${asked.length})`, async () => {
    const wrong = await recorded.wrongVerdicts(asked);
    expect(wrong.map((one) => one.id)).toEqual(otherwise);
  }, 180_000);

  it('would not pass with an answer changed', async () => {
    const verdict = asked.find((one) => !one.compatible && one.messages.length > 1 && one.alternatives === undefined)!;
    const worded = verdict.messages.map((message) => message.replace('schema', 'scheme'));
    const changed = [
      { ...verdict, id: 'verdict', compatible: true },
      { ...verdict, id: 'words', messages: worded },
      verdict,
    ];
    expect((await recorded.wrongVerdicts(changed)).map((one) => one.id).sort()).toEqual(['verdict', 'words']);
    const refused = parses.find((one) => !one.accepted)!;
    expect(await recorded.wrongParses([{ ...refused, error_code: 42205 }, refused])).toHaveLength(1);
    const [text] = texts as [CanonicalCase];
    for (const other of [{ stored: ' ' }, { guid: '' }, { stored_normalized: '' }, { guid_normalized: '' }]) {
      expect(await recorded.wrongTexts([{ ...text, ...other }])).toHaveLength(1);
    }
  });
});
