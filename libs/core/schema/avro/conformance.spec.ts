import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { AvroFormat } from './avro-format.js';
import { fingerprint } from '../fingerprint.js';
import { SchemaFormat, type ParsedSchema, type SchemaReference } from '../format.js';
import { SchemaFormats } from '../formats.js';
import { compatibilityLevel, judge } from '../levels.js';
import { verdictMessages } from '../messages.js';
import {
  conformanceCases,
  resolveReferences,
  UnknownReference,
  type CanonicalCase,
  type CaseSchema,
  type ParseCase,
  type ReferencedCase,
  type VerdictCase,
} from '../testing/conformance-cases.js';

const avro = new AvroFormat();

/** A schema of a type that this suite does not parse: only its type counts. */
class Opaque extends SchemaFormat {
  readonly rules = [];
  constructor(readonly type: 'JSON' | 'PROTOBUF') {
    super();
  }
  parse(text: string): ParsedSchema {
    const self: ParsedSchema = {
      type: this.type,
      canonical: text,
      equivalence: text,
      topLevelFieldNames: [],
      normalised: () => self,
      formatted: () => text,
    };
    return self;
  }
  differences = () => [];
  message = () => '';
  explain = () => ({ what: '', breaks: '', fix: '' });
}
const formats = new SchemaFormats([avro, new Opaque('JSON'), new Opaque('PROTOBUF')]);

/** Schemas registered one after another, as stored. */
function registered(cases: readonly ReferencedCase[] = []) {
  const list: (ReferencedCase & { canonical: string })[] = [];
  for (const one of cases) {
    const references = resolveReferences(one.references ?? [], list, 'AVRO');
    list.push({ ...one, canonical: formats.get(one.schemaType ?? 'AVRO').parse(one.schema, { references }).canonical });
  }
  return list;
}

function parsed(schema: CaseSchema, referenced: readonly ReferencedCase[] | undefined, validate = true): ParsedSchema {
  const references = resolveReferences(schema.references ?? [], registered(referenced), 'AVRO');
  return formats.get(schema.schemaType ?? 'AVRO').parse(schema.schema, { references, validate });
}

/** As a registry keeps it: stored as canonical text, read back without validation. */
function stored(schema: CaseSchema, referenced: readonly ReferencedCase[] | undefined): ParsedSchema {
  const { canonical } = parsed(schema, referenced, true);
  return parsed({ ...schema, schema: canonical }, referenced, false);
}

/** What of the cases comes out otherwise than recorded. */
function wrongVerdicts(cases: readonly VerdictCase[]): readonly object[] {
  return cases.flatMap((one) => {
    const earlier = one.earlier
      .map((schema, i) => ({ version: i + 1, schema: () => stored(schema, one.referenced) }))
      .reverse();
    const verdict = judge(formats, {
      level: compatibilityLevel(one.level),
      candidate: parsed(one.new, one.referenced),
      earlier,
    });
    const messages = verdictMessages(formats, verdict, { validateFields: false });
    const same = verdict.compatible === one.compatible && JSON.stringify(messages) === JSON.stringify(one.messages);
    return same ? [] : [{ id: one.id, compatible: verdict.compatible, messages, expected: one.messages }];
  });
}

function wrongParses(cases: readonly ParseCase[]): readonly object[] {
  return cases.flatMap((one) => {
    let message: string | null = null;
    try {
      parsed(one, one.referenced);
    } catch (error) {
      if (!isAppError(error) && !(error instanceof UnknownReference)) throw error;
      ({ message } = error);
    }
    return (message === null) === one.accepted ? [] : [{ id: one.id, schema: one.schema, message }];
  });
}

function wrongTexts(cases: readonly CanonicalCase[]): readonly object[] {
  const guids = new Map(cases.map((one) => [one.id, one.guid]));
  return cases.flatMap((one) => {
    const plain = parsed(one, one.referenced);
    const normalised = plain.normalised();
    const guid = (text: string, references: readonly SchemaReference[] | undefined): string =>
      fingerprint({ text, references, metadata: one.metadata ?? null }).guid;
    const sorted = [...(one.references ?? [])].sort(
      (a, b) => (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0) || a.version - b.version,
    );
    const got = {
      stored: plain.canonical,
      guid: guid(plain.canonical, one.references),
      stored_normalized: normalised.canonical,
      guid_normalized: guid(normalised.canonical, sorted),
      resolved: plain.formatted('resolved'),
      same: (one.same_as ?? []).every((other) => (guids.get(other) ?? one.guid) === one.guid),
    };
    const expected = {
      stored: one.stored,
      guid: one.guid,
      stored_normalized: one.stored_normalized,
      guid_normalized: one.guid_normalized,
      resolved: one.formats?.['resolved'],
      same: true,
    };
    return JSON.stringify(got) === JSON.stringify(expected) ? [] : [{ id: one.id, got, expected }];
  });
}

describe('Avro against the recorded answers of the reference registry', () => {
  const verdicts = conformanceCases<VerdictCase>('verdicts-avro');
  const parses = conformanceCases<ParseCase>('parse-avro');
  const texts = conformanceCases<CanonicalCase>('canonical-avro');

  it('gives the same verdicts and the same messages', () => {
    expect(wrongVerdicts(verdicts).slice(0, 5)).toEqual([]);
    expect(verdicts.length).toBeGreaterThan(1_500);
  });

  it('accepts and refuses the same texts', () => {
    expect(wrongParses(parses)).toEqual([]);
    expect(parses.length).toBeGreaterThan(150);
  });

  it('stores the same text under the same GUID, plain, normalised and resolved', () => {
    expect(wrongTexts(texts).slice(0, 5)).toEqual([]);
    expect(texts.length).toBeGreaterThan(120);
  });

  it('would notice a wrong verdict, a wrong word, a wrong refusal and a wrong text', () => {
    const refused = verdicts.find((one) => !one.compatible)!;
    expect(wrongVerdicts([{ ...refused, compatible: true }])).toHaveLength(1);
    expect(
      wrongVerdicts([{ ...refused, messages: refused.messages.map((text) => text.replace('new', 'old')) }]),
    ).toHaveLength(1);
    expect(wrongParses([{ ...parses[0]!, accepted: !parses[0]!.accepted }])).toHaveLength(1);
    expect(wrongTexts([{ ...texts[0]!, guid: texts[0]!.guid_normalized + ' ' }])).toHaveLength(1);
  });
});
