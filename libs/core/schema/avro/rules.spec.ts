import { describe, expect, it } from 'vitest';
import { verdictFindings } from '../findings.js';
import { SchemaFormats } from '../formats.js';
import { judge } from '../levels.js';
import { AvroFormat } from './avro-format.js';

const avro = new AvroFormat();
const formats = new SchemaFormats([avro]);

describe('findings on Avro schemas', () => {
  it('point to the place in the new text', () => {
    const before = avro.parse('{"type":"record","name":"R","fields":[]}');
    const after = avro.parse('{"type":"record","name":"R",\n "fields":[\n  {"name":"a","type":"int"}]}');
    const verdict = judge(formats, { level: 'FULL', candidate: after, earlier: [{ version: 1, schema: before }] });
    expect(verdictFindings(formats, verdict)).toMatchObject([
      { ruleId: 'avro/reader-field-missing-default', position: { line: 3, column: 3 }, after: 'field a: int' },
    ]);
  });

  it('tell which readers break when the old ones do', () => {
    const before = avro.parse('{"type":"record","name":"R","fields":[{"name":"a","type":"int"}]}');
    const after = avro.parse('{"type":"record","name":"R","fields":[]}');
    const verdict = judge(formats, { level: 'FORWARD', candidate: after, earlier: [{ version: 2, schema: before }] });
    const [finding] = verdictFindings(formats, verdict);
    expect(finding).toMatchObject({ direction: 'old-reads-new', before: 'field a: int' });
    expect(finding!.whom).toContain('still on version 2');
    expect(finding!.fix).toContain('Keep the field "a"');
  });
});
