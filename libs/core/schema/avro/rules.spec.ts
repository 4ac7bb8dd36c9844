import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { verdictFindings } from '../findings.js';
import { SchemaFormats } from '../formats.js';
import { judge } from '../levels.js';
import { AvroFormat } from './avro-format.js';

/** One file a rule: a schema before and after, and what `after` as the reader of `before` must be told. No expectation means compatible. */
interface RuleCase {
  readonly about: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly expect: readonly { readonly ruleId: string; readonly path: string; readonly place: string }[];
}

const avro = new AvroFormat();
const formats = new SchemaFormats([avro]);
const folder = new URL('rule-cases/', import.meta.url);
const files = readdirSync(folder).sort();

describe.each(files)('%s', (file) => {
  const ruleId = `avro/${file.replace('.json', '')}`;
  const cases = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as RuleCase[];

  it.each(cases.map((one) => [one.about, one] as const))('%s', (_about, one) => {
    const [before, after] = [one.before, one.after].map((schema) => avro.parse(JSON.stringify(schema)));
    const verdict = judge(formats, {
      level: 'BACKWARD',
      candidate: after!,
      earlier: [{ version: 3, schema: before! }],
    });
    const findings = verdictFindings(formats, verdict);
    expect(findings.map(({ ruleId, path, place }) => ({ ruleId, path, place }))).toEqual(one.expect);
    for (const finding of findings) {
      expect(finding).toMatchObject({ version: 3, direction: 'new-reads-old' });
      for (const sentence of [finding.what, finding.breaks, finding.fix, finding.whom]) {
        expect(sentence).toMatch(/^\S.*\.$/s);
        expect(sentence).not.toMatch(/undefined|\[object/);
      }
      expect(finding.position).not.toBeNull();
    }
  });

  it('shows the rule both broken and kept', () => {
    expect(cases.some((one) => one.expect.some((expected) => expected.ruleId === ruleId))).toBe(true);
    expect(cases.some((one) => one.expect.length === 0)).toBe(true);
  });
});

describe('the catalogue', () => {
  it('has a case file for every rule and no file without a rule', () => {
    expect(files.map((file) => `avro/${file.replace('.json', '')}`)).toEqual(avro.rules.map((rule) => rule.id).sort());
  });

  it('points to the place in the new text', () => {
    const before = avro.parse('{"type":"record","name":"R","fields":[]}');
    const after = avro.parse('{"type":"record","name":"R",\n "fields":[\n  {"name":"a","type":"int"}]}');
    const verdict = judge(formats, { level: 'FULL', candidate: after, earlier: [{ version: 1, schema: before }] });
    expect(verdictFindings(formats, verdict)).toMatchObject([
      { ruleId: 'avro/reader-field-missing-default', position: { line: 3, column: 3 }, after: 'field a: int' },
    ]);
  });

  it('tells which readers break when the old ones do', () => {
    const before = avro.parse('{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}');
    const after = avro.parse('{"type":"record","name":"R","fields":[]}');
    const verdict = judge(formats, { level: 'FORWARD', candidate: after, earlier: [{ version: 2, schema: before }] });
    const [finding] = verdictFindings(formats, verdict);
    expect(finding).toMatchObject({ direction: 'old-reads-new', before: 'field a: int' });
    expect(finding!.whom).toContain('still on version 2');
    expect(finding!.fix).toContain('Keep the field "a"');
  });
});
