import { describe, expect, it } from 'vitest';
import { AvroFormat } from './avro/avro-format.js';
import { verdictsAtEveryLevel } from './every-level.js';
import { SchemaFormats } from './formats.js';
import { JsonSchemaFormat } from './json-schema/json-schema-format.js';
import { COMPATIBILITY_LEVELS, judge, type CompatibilityLevel } from './levels.js';

const formats = new SchemaFormats([new AvroFormat(), new JsonSchemaFormat()]);
const avro = (...fields: string[]) =>
  formats.get('AVRO').parse(
    JSON.stringify({
      type: 'record',
      name: 'R',
      // Lower-case fields have a default.
      fields: fields.map((name) => ({ name, type: 'int', ...(name === name.toLowerCase() ? { default: 0 } : {}) })),
    }),
  );
const json = formats.get('JSON').parse('{"type":"string"}');

describe('the verdict at every level from two', () => {
  const schemas = [avro(), avro('a'), avro('A'), avro('a', 'B'), avro('C'), json];

  it('is what each level says when asked by itself', () => {
    let compared = 0;
    const histories = schemas.flatMap((one) => schemas.map((two) => [one, two]));
    for (const history of [[], ...schemas.map((one) => [one]), ...histories]) {
      for (const candidate of schemas) {
        const earlier = history.map((schema, i) => ({ version: i + 1, schema })).reverse();
        const at = (level: CompatibilityLevel) => judge(formats, { level, candidate, earlier });
        const derived = verdictsAtEveryLevel(at('BACKWARD_TRANSITIVE'), at('FORWARD_TRANSITIVE'));
        expect(derived).toEqual(COMPATIBILITY_LEVELS.map(at));
        compared += derived.filter((verdict) => !verdict.compatible).length;
      }
    }
    expect(compared).toBeGreaterThan(300);
  });
});
