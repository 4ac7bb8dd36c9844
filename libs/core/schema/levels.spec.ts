import { describe, expect, it } from 'vitest';
import { AvroFormat } from './avro/avro-format.js';
import { SchemaFormats } from './formats.js';
import { compatibilityLevel, judge, type CompatibilityLevel } from './levels.js';
import { verdictMessages } from './messages.js';

const avro = new AvroFormat();
const formats = new SchemaFormats([avro]);
const parse = (...fields: object[]) => avro.parse(JSON.stringify({ type: 'record', name: 'R', fields }));
const a = { name: 'a', type: 'int' };
const b = { name: 'b', type: 'int' };
const optional = { ...b, default: 0 };

/** Versions oldest first; versions without a schema to compare with fail the test when they are looked at. */
const verdict = (
  level: CompatibilityLevel,
  candidate: ReturnType<typeof parse>,
  ...versions: ReturnType<typeof parse>[]
) =>
  judge(formats, {
    level,
    candidate,
    earlier: versions.map((schema, i) => ({ version: i + 1, schema: () => schema })).reverse(),
  });

describe('compatibility levels', () => {
  it.each<[CompatibilityLevel, boolean, boolean, boolean]>([
    // level, add a field without default, remove one, add one with a default
    ['NONE', true, true, true],
    ['BACKWARD', false, true, true],
    ['FORWARD', true, false, true],
    ['FULL', false, false, true],
    ['BACKWARD_TRANSITIVE', false, true, true],
    ['FORWARD_TRANSITIVE', true, false, true],
    ['FULL_TRANSITIVE', false, false, true],
  ])('%s judges adding, removing and adding with a default', (level, add, remove, addOptional) => {
    expect(verdict(level, parse(a, b), parse(a)).compatible).toBe(add);
    expect(verdict(level, parse(a), parse(a, b)).compatible).toBe(remove);
    expect(verdict(level, parse(a, optional), parse(a)).compatible).toBe(addOptional);
  });

  it('accepts the first version at every level', () => {
    for (const level of ['BACKWARD', 'FULL_TRANSITIVE'] as const)
      expect(verdict(level, parse(a)).compatible).toBe(true);
  });

  it('compares with the latest version only, unless transitive', () => {
    const history = [parse(a), parse(a, optional)];
    const candidate = parse(a, b);
    expect(verdict('BACKWARD', candidate, ...history).compatible).toBe(true);
    const transitive = verdict('BACKWARD_TRANSITIVE', candidate, ...history);
    expect(transitive.compatible).toBe(false);
    expect(transitive.checks.map((check) => check.version)).toEqual([2, 1]);
  });

  it('does not look beyond the first version that fails', () => {
    const earlier = [
      { version: 9, schema: parse(a) },
      {
        version: 8,
        schema: () => {
          throw new Error('looked at');
        },
      },
    ];
    const judged = judge(formats, { level: 'BACKWARD_TRANSITIVE', candidate: parse(a, b), earlier });
    expect(judged.checks.map((check) => check.version)).toEqual([9]);
  });

  it('asks the old reader first under FULL, and both always', () => {
    const both = verdict('FULL', parse(b), parse(a));
    expect(both.checks.map((check) => [check.direction, check.differences.length])).toEqual([
      ['old-reads-new', 1],
      ['new-reads-old', 1],
    ]);
  });

  it('quotes the old schema only when the last direction failed', () => {
    const messages = verdictMessages(formats, verdict('FULL', parse(a), parse(a, b)), { validateFields: true });
    expect(messages).toHaveLength(2);
    expect(messages[0]).toContain("in the old schema has no default value and is missing in the new schema'");
    expect(messages[1]).toBe("{validateFields: 'true', compatibility: 'FULL'}");
  });

  it('cuts a quoted schema and says so', () => {
    const long = parse({ ...a, doc: 'x'.repeat(20_000) });
    const messages = verdictMessages(formats, verdict('BACKWARD', parse(b), long), { validateFields: false });
    const quoted = messages.find((message) => message.startsWith('{oldSchema:'))!;
    expect(quoted).toMatch(/^\{oldSchema: <truncated> '\{"type":"record".*\.\.\.'\}$/s);
    expect(quoted).toHaveLength(10_240 + 30);
  });

  it('puts violations of other rules first and ends with the settings', () => {
    const messages = verdictMessages(formats, verdict('NONE', parse(a)), { validateFields: true, violations: ['v'] });
    expect(messages).toEqual(['v', "{validateFields: 'true', compatibility: 'NONE'}"]);
    expect(verdictMessages(formats, verdict('NONE', parse(a)), { validateFields: true })).toEqual([]);
  });

  it('knows its levels in any case and no others', () => {
    expect(compatibilityLevel('full_Transitive')).toBe('FULL_TRANSITIVE');
    expect(() => compatibilityLevel('BACKWARDS')).toThrow(
      expect.objectContaining({ code: 'compatibility-level-unknown' }),
    );
  });

  it('refuses an unknown schema type by name', () => {
    for (const type of ['avro', 'THRIFT', '__proto__']) {
      expect(() => formats.get(type)).toThrow(expect.objectContaining({ code: 'schema-type-unknown' }));
    }
  });
});
