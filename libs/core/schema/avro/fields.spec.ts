import { describe, expect, it } from 'vitest';
import { AvroFormat } from './avro-format.js';
import { recordFields } from './fields.js';

const fields = (schema: unknown) => recordFields(new AvroFormat().parse(JSON.stringify(schema)));

describe('the fields of a record schema', () => {
  it('come with kind, nullability and logical type, nested records followed by their own', () => {
    const listed = fields({
      type: 'record',
      name: 'Order',
      fields: [
        { name: 'id', type: 'long', doc: 'key' },
        {
          name: 'total',
          type: ['null', { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 }],
          default: null,
        },
        { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' } },
        { name: 'bad', type: { type: 'string', logicalType: 'decimal', precision: 4 } },
        { name: 'to', type: { type: 'record', name: 'a.To', fields: [{ name: 'zip', type: 'string' }] } },
        { name: 'tags', type: { type: 'array', items: ['null', 'string'] } },
        { name: 'any', type: ['null', 'string', 'int'] },
        { name: 'state', type: { type: 'enum', name: 'S', symbols: ['A', 'B'] } },
        { name: 'next', type: ['Order', 'null'] },
      ],
    });
    expect(listed.map((one) => [one.path.join('.'), one.kind, one.nullable, one.logicalType])).toEqual([
      ['id', 'long', false, null],
      ['total', 'bytes', true, 'decimal'],
      ['at', 'long', false, 'timestamp-micros'],
      ['bad', 'string', false, null],
      ['to', 'record', false, null],
      ['to.zip', 'string', false, null],
      ['tags', 'array', false, null],
      ['any', 'union', true, null],
      ['state', 'enum', false, null],
      ['next', 'record', true, null],
    ]);
    expect(listed[1]).toMatchObject({ precision: 9, scale: 2, hasDefault: true });
    expect(listed[4]).toMatchObject({ typeName: 'a.To', recursive: false });
    expect(listed[6]).toMatchObject({ itemKind: 'string' });
    expect(listed[8]).toMatchObject({ symbols: ['A', 'B'] });
    expect(listed[9]).toMatchObject({ recursive: true });
  });

  it('are none for a schema that is no record', () => expect(fields(['null', 'string'])).toEqual([]));

  it('stay few where records fan out', () => {
    const level = (i: number): object => ({
      type: 'record',
      name: `L${i}`,
      fields:
        i === 20
          ? []
          : [
              { name: 'a', type: level(i + 1) },
              { name: 'b', type: `L${i + 1}` },
            ],
    });
    expect(fields(level(0))).toHaveLength(10_000);
  });
});
