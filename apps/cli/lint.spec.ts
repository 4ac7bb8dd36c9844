import { describe, expect, it } from 'vitest';
import { formattedText } from './lint/format.js';
import { LINT_RULES } from './lint/rules.js';
import { ruleCatalogue } from './rules/catalogue.js';
import { avroRecord, runWeir, ScratchProject } from './testing/index.js';

describe('lint rules', () => {
  for (const rule of LINT_RULES) {
    it(`${rule.id} dislikes its example before, and not the one after`, () => {
      const subject = (name: string, text: string) => ({
        subject: rule.schemaType === null ? name : 'a-value',
        schemaType: rule.schemaType ?? ('AVRO' as const),
        text,
      });
      expect(rule.look(subject('orders', rule.before)).length).toBeGreaterThan(0);
      expect(rule.look(subject('orders-value', rule.after))).toEqual([]);
    });
  }

  it('have ids, titles and purposes of their own', () => {
    const ids = ruleCatalogue().map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { title, purpose } of ruleCatalogue())
      expect([title, purpose].every((text) => text.length > 5)).toBe(true);
  });
});

describe('weir lint and weir fmt', () => {
  it('name the place, count from warnings on, and take rules in and out', async () => {
    const file = (lint: string) => `apiVersion: v1\nschemas: [{ subject: orders-value, file: a.avsc }]\n${lint}`;
    const project = new ScratchProject({
      'weir.yaml': file(''),
      'a.avsc': avroRecord('Order', '{"name": "Total", "type": "long"}'),
    });
    const lint = async () => {
      const { code, out } = await runWeir(['lint', '-o', 'json'], { cwd: project.path });
      const { data } = JSON.parse(out) as { data: { findings: { ruleId: string; location: object }[] } | null };
      return { code, rules: data?.findings.map(({ ruleId }) => ruleId), first: data?.findings[0] };
    };
    try {
      expect(await lint()).toMatchObject({
        code: 1,
        rules: ['lint/avro-field-name'],
        first: { location: { file: 'a.avsc', startLine: 4, startColumn: 14 } },
      });
      project.write({ 'weir.yaml': file('lint: { except: [lint/avro-field-name] }\n') });
      expect(await lint()).toMatchObject({ code: 0, rules: [] });
      project.write({ 'weir.yaml': file('lint: { use: [strict] }\n') });
      expect((await lint()).rules).toEqual(['lint/avro-field-name', 'lint/avro-type-doc', 'lint/avro-field-doc']);
      project.write({ 'weir.yaml': file('lint: { use: [standrad] }\n') });
      expect((await lint()).code).toBe(2);
    } finally {
      project.remove();
    }
  });

  it('lay out without changing what is said, and laying out twice is laying out once', async () => {
    const json =
      '{"type":"record","name":"R","fields":[{"name":"a","type":"double","default":1.50},{"name":"b","type":["null","string"],"default":null}], "doc": "\\u00e9 long enough for several lines, surely so"}';
    const made = formattedText({ schemaType: 'AVRO', text: json })!;
    expect(JSON.parse(made)).toEqual(JSON.parse(json));
    expect([made.includes('1.50'), made.split('\n').length > 5]).toEqual([true, true]);
    expect(formattedText({ schemaType: 'AVRO', text: made })).toBe(made);
    expect(formattedText({ schemaType: 'PROTOBUF', text: 'syntax = "proto3";  \r\n\n\n\nmessage A {}' })).toBe(
      'syntax = "proto3";\n\nmessage A {}\n',
    );
    expect(formattedText({ schemaType: 'AVRO', text: '{' })).toBeUndefined();
    const project = new ScratchProject({ 'a-value.avsc': json });
    try {
      expect((await runWeir(['fmt', '.', '--check', '-o', 'name'], { cwd: project.path })).code).toBe(1);
      expect(project.git('status', '--porcelain')).toBe('');
      expect((await runWeir(['fmt', '.', '--write'], { cwd: project.path })).code).toBe(0);
      expect((await runWeir(['fmt', '.', '--check'], { cwd: project.path })).code).toBe(0);
    } finally {
      project.remove();
    }
  });
});
