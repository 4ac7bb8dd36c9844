import { describe, expect, it } from 'vitest';
import { AvroFormat } from './avro/avro-format.js';
import { verdictFindings } from './findings.js';
import type { CompatibilityPolicy } from './format.js';
import { SchemaFormats } from './formats.js';
import { JsonSchemaFormat } from './json-schema/json-schema-format.js';
import { COMPATIBILITY_LEVELS, judge, type CompatibilityLevel } from './levels.js';
import { ProtobufFormat } from './protobuf/protobuf-format.js';
import { ruleFolders, type RuleCase, type Verdicts } from './testing/rule-cases.js';

const FORMATS = [
  { format: new AvroFormat(), folder: 'avro', prefix: 'avro', type: 'AVRO', extension: 'avsc' },
  { format: new JsonSchemaFormat(), folder: 'json-schema', prefix: 'json', type: 'JSON', extension: 'json' },
  { format: new ProtobufFormat(), folder: 'protobuf', prefix: 'protobuf', type: 'PROTOBUF', extension: 'proto' },
] as const;

describe.each(FORMATS)('the catalogue of $type', ({ format, ...where }) => {
  const formats = new SchemaFormats([format]);
  const folders = ruleFolders(where);

  it('has a folder for every rule and no folder without a rule', () => {
    expect([...folders.keys()].sort()).toEqual(format.rules.map((rule) => rule.id).sort());
  });

  it.each([...folders])('%s: verdicts, findings and places are as told', (ruleId, cases) => {
    for (const one of cases) {
      expect(verdicts(one, 'STRICT'), one.name).toEqual(atEveryLevel(one.compatible));
      if (one.lenient !== null) expect(verdicts(one, 'LENIENT'), one.name).toEqual(atEveryLevel(one.lenient));
      expect(told(one), one.name).toEqual(one.findings);
    }
    // The rule is seen broken, and a near miss of it tolerated.
    expect(cases.some((one) => one.findings.some(({ rule }) => rule === ruleId))).toBe(true);
    expect(cases.some((one) => one.compatible.BACKWARD && !broken(one, ruleId))).toBe(true);
  });

  it('words every finding as whole sentences', () => {
    for (const [, cases] of folders) {
      for (const finding of cases.flatMap(findings)) {
        for (const sentence of [finding.what, finding.breaks, finding.fix, finding.whom]) {
          expect(sentence).toMatch(/^\S.*\.$/s);
          expect(sentence).not.toMatch(/undefined|\[object/);
        }
      }
    }
  });

  it('would notice a wrong verdict and a wrong place', () => {
    const [one] = [...folders.values()].flat().filter((some) => !some.compatible.BACKWARD);
    expect(verdicts(one!, 'STRICT')).not.toEqual(atEveryLevel({ ...one!.compatible, BACKWARD: true }));
    expect(told(one!)).not.toEqual(one!.findings.map((finding) => ({ ...finding, at: '99:99' })));
  });

  function broken(one: RuleCase, ruleId: string): boolean {
    return one.findings.some(({ rule, direction }) => rule === ruleId && direction === 'new-reads-old');
  }

  function judged(one: RuleCase, level: CompatibilityLevel, policy: CompatibilityPolicy) {
    const [before, after] = [one.before, one.after].map(({ text, references }) => format.parse(text, { references }));
    return judge(formats, { level, policy, candidate: after!, earlier: [{ version: 1, schema: before! }] });
  }

  function verdicts(one: RuleCase, policy: CompatibilityPolicy) {
    return Object.fromEntries(COMPATIBILITY_LEVELS.map((level) => [level, judged(one, level, policy).compatible]));
  }

  function findings(one: RuleCase) {
    return verdictFindings(formats, judged(one, 'FULL', 'STRICT'));
  }

  function told(one: RuleCase) {
    return findings(one).map(({ ruleId, direction, path, place, position }) => ({
      rule: ruleId,
      direction,
      path,
      place,
      at: position && `${position.line}:${position.column}`,
    }));
  }
});

function atEveryLevel({ BACKWARD, FORWARD, FULL }: Verdicts) {
  return {
    NONE: true,
    BACKWARD,
    BACKWARD_TRANSITIVE: BACKWARD,
    FORWARD,
    FORWARD_TRANSITIVE: FORWARD,
    FULL,
    FULL_TRANSITIVE: FULL,
  };
}
