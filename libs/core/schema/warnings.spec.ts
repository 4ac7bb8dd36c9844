import { describe, expect, it } from 'vitest';
import { AvroFormat } from './avro/avro-format.js';
import { SchemaFormats } from './formats.js';
import { judge, type CompatibilityLevel } from './levels.js';
import { NOT_TRANSITIVE, verdictWarnings, type Warning } from './warnings.js';

const formats = new SchemaFormats([new AvroFormat()]);
const record = (...fields: readonly object[]): string => JSON.stringify({ type: 'record', name: 'R', fields });
const decimal = (scale: number): object => ({
  name: 'price',
  type: { type: 'bytes', logicalType: 'decimal', precision: 9, scale },
});

/** Versions are given oldest first, as they were registered. */
function judgement(level: CompatibilityLevel, candidate: string, ...versions: readonly string[]) {
  const avro = formats.get('AVRO');
  const earlier = versions.map((text, i) => ({ version: i + 1, schema: () => avro.parse(text) })).reverse();
  return { level, candidate: avro.parse(candidate), earlier };
}

function warnings(level: CompatibilityLevel, candidate: string, ...versions: readonly string[]): readonly Warning[] {
  return verdictWarnings(formats, judgement(level, candidate, ...versions));
}

describe('warnings beside a verdict', () => {
  it('name a doubtful judgement with version, both sides, place in the new text, and what to do', () => {
    const [warning, ...more] = warnings('BACKWARD', record(decimal(4)), record(decimal(2)));
    expect(more).toEqual([]);
    expect(warning).toMatchObject({
      ruleId: 'avro/unsound-decimal',
      doubt: 'unsound',
      direction: 'new-reads-old',
      version: 1,
      place: 'R.price',
      path: '/fields/0/type',
      position: { line: 1 },
      whom: 'Consumers with the new schema may fail on, or misread, records written with version 1.',
    });
    for (const text of [warning!.what, warning!.breaks, warning!.fix]) expect(text).toMatch(/^\S.*\.$/);
  });

  it('never change the verdict, and are none where nothing is doubtful', () => {
    expect(judge(formats, judgement('FULL', record(decimal(4)), record(decimal(2)))).compatible).toBe(true);
    expect(warnings('FULL', record(decimal(2)), record(decimal(2)))).toEqual([]);
    expect(warnings('NONE', record(decimal(4)), record(decimal(2)))).toEqual([]);
  });

  it('are given for each direction that the level asks about', () => {
    const directions = warnings('FULL', record(decimal(4)), record(decimal(2))).map((one) => one.direction);
    expect(directions).toEqual(['old-reads-new', 'new-reads-old']);
  });

  it('tell when a version that the level leaves out would fail', () => {
    const [first, second, third] = [
      record({ name: 'a', type: 'int' }),
      record({ name: 'a', type: 'int', default: 0 }, { name: 'b', type: 'int', default: 0 }),
      record({ name: 'a', type: 'int' }, { name: 'b', type: 'int' }),
    ];
    const [warning] = warnings('BACKWARD', third, first, second);
    expect(warning).toMatchObject({ ruleId: NOT_TRANSITIVE.id, version: 1, place: 'R.b' });
    expect(warning!.what).toContain('version 1 would fail');
    expect(warnings('BACKWARD', third, second)).toEqual([]);
    expect(warnings('BACKWARD_TRANSITIVE', third, first, second)).toEqual([]);
  });
});
