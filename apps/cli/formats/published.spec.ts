import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ValidateFunction } from 'ajv';
import { validateXML } from 'xmllint-wasm';
import { avroRecord, runWeir, ScratchProject } from '../testing/index.js';

const PUBLISHED = `${import.meta.dirname}/../../../test/fixtures/published-schemas`;
const AWKWARD = 'a "quote", <tags> & ]]> and \\u0007 𝄞';

/** Projects and what is asked of them, so that every kind of finding is in some report. */
const CASES: Readonly<Record<string, readonly string[]>> = {
  'nothing found': ['check', 'schemas/same.avsc'],
  'findings of a check, one waived, one new subject, one lost': ['check', '--level', 'FULL', '--fail-on', 'info'],
  'a text that is no schema': ['check', 'schemas/broken.avsc'],
  'a limit of what is shown': ['check', '--level', 'FULL', '--max', '1'],
  'naming and style': ['lint'],
  'policies of topics and schemas': ['policy', 'test'],
};

describe('reports in formats of others', () => {
  let project: ScratchProject;
  let isSarif: ValidateFunction;
  const xsd = readFileSync(`${PUBLISHED}/junit-10.xsd`, 'utf8');
  const report = async (format: string, args: readonly string[], env: Record<string, string> = {}): Promise<string> =>
    (await runWeir([...args, '--format', format], { cwd: project.path, env })).out;
  const junitProblems = async (xml: string): Promise<readonly string[]> =>
    (await validateXML({ xml: [{ fileName: 'junit.xml', contents: xml }], schema: [xsd] })).errors.map(
      ({ message }) => message,
    );

  beforeAll(async () => {
    const { default: Ajv } = await import('ajv');
    const { default: formats } = await import('ajv-formats');
    // One pattern of the published text is none by the stricter rules of `u`.
    const ajv = new Ajv.default({ strict: false, allErrors: true, unicodeRegExp: false });
    formats.default(ajv);
    isSarif = ajv.compile(JSON.parse(readFileSync(`${PUBLISHED}/sarif-schema-2.1.0.json`, 'utf8')) as object);
    const schemas = ['same', 'order', 'lost'];
    const file = (names: readonly string[]): string =>
      `apiVersion: v1\ncheck: { waivers: waivers.yaml }\nlint: { use: [strict] }\nschemas:\n${names.map((name) => `  - { subject: ${name}-value, file: schemas/${name}.avsc${name === 'same' ? ', metadata: { properties: { owner: me } }' : ''} }\n`).join('')}topics:\n  - { name: orders, tags: [pii] }\npolicies: [policies.yaml]\n`;
    project = new ScratchProject({
      'weir.yaml': file(schemas),
      'waivers.yaml': '[]',
      'policies.yaml': `apiVersion: v1
policies:
  - { id: ends, title: ${JSON.stringify(AWKWARD)}, on: topic, require: "false", fix: 'say it' }
  - { id: owned, title: owned, on: schema, severity: info, require: "'owner' in schema.metadata.properties" }
`,
      ...Object.fromEntries(
        schemas.map((name) => [
          `schemas/${name}.avsc`,
          avroRecord(name, '{"name": "id", "type": "long"}', '{"name": "n", "type": "int"}'),
        ]),
      ),
    });
    project.git('checkout', '-q', '-b', 'change');
    project.write({
      'weir.yaml': file(['same', 'order', 'new', 'broken']),
      'schemas/order.avsc': avroRecord('order', '{"name": "id", "type": "string"}', '{"name": "n", "type": "string"}'),
      'schemas/new.avsc': avroRecord('new_one', '{"name": "BadName", "type": "long"}'),
      'schemas/broken.avsc': '{\n  "type": "recrod" }',
    });
    const { data } = JSON.parse((await runWeir(['check', '-o', 'json'], { cwd: project.path })).out) as {
      data: { findings: { fingerprint: string; subject: string }[] };
    };
    const waived = data.findings.find(({ subject }) => subject === 'order-value')!.fingerprint;
    project.write({
      'waivers.yaml': `- { fingerprint: ${waived}, owner: me, reason: ${JSON.stringify(AWKWARD)}, expires: 2999-01-01 }`,
    });
  });
  afterAll(() => project.remove());

  for (const [name, args] of Object.entries(CASES)) {
    it(`are SARIF 2.1.0 and JUnit by the published schemas: ${name}`, async () => {
      const settings: Record<string, string>[] = [{}, { WEIR_HELP_URL: 'https://docs.example.com/rules/{rule}' }];
      for (const env of settings) {
        const sarif = JSON.parse(await report('sarif', args, env)) as { runs: { results: object[] }[] };
        expect([isSarif(sarif), isSarif.errors]).toEqual([true, null]);
        expect(sarif.runs[0]!.results.length > 0).toBe(name !== 'nothing found');
      }
      const junit = await report('junit', args);
      expect(await junitProblems(junit)).toEqual([]);
      if (name.startsWith('policies')) expect(junit).toContain('<testcase name="topic orders"');
    });
  }

  it('are told apart from what only looks like them', async () => {
    const sarif = await report('sarif', CASES['naming and style']!);
    for (const broken of [
      sarif.replace('"version": "2.1.0"', '"version": "2.2.0"'),
      sarif.replace('"level": "warning"', '"level": "bad"'),
      sarif.replace('"startLine": ', '"startLine": -'),
      sarif.replace('"ruleIndex"', '"ruleNumber"'),
    ])
      expect([broken === sarif, isSarif(JSON.parse(broken))]).toEqual([false, false]);
    const junit = await report('junit', CASES['naming and style']!);
    for (const broken of [
      junit.replace('<testcase ', '<case ').replace('</testcase>', '</case>'),
      junit.replace(' failures="', ' failed="'),
      junit.replace('time="0"', 'time="soon"'),
    ])
      expect([broken === junit, (await junitProblems(broken)).length > 0]).toEqual([false, true]);
  });

  it('lead to the pages of rules where an address is known', async () => {
    const env = { WEIR_HELP_URL: 'https://docs.example.com/rules/{rule}' };
    const args = CASES['findings of a check, one waived, one new subject, one lost']!;
    for (const format of ['text', 'json', 'sarif', 'github', 'gitlab', 'markdown'])
      expect([format, (await report(format, args, env)).includes('example.com/rules/avro/type-mismatch')]).toEqual([
        format,
        true,
      ]);
    expect(await report('json', args)).toContain('"helpUrl": "docs/rules/avro/type-mismatch.md"');
    expect(await report('text', args)).not.toContain('docs/rules');
    const wrong = await runWeir(['check'], { cwd: project.path, env: { WEIR_HELP_URL: 'https://x' } });
    expect([wrong.code, wrong.err]).toEqual([2, expect.stringContaining('{rule}')]);
  });
});
