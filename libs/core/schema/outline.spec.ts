import { describe, expect, it } from 'vitest';
import { AvroFormat } from './avro/avro-format.js';
import { JsonSchemaFormat } from './json-schema/json-schema-format.js';
import { fieldPaths } from './outline.js';
import { protoOutline } from './protobuf/outline.js';
import { ProtoScope } from './protobuf/scope.js';
import type { ProtoField, ProtoFieldType, ProtoFile, ProtoMessage, ProtoOption } from './protobuf/tree.js';

const joined = (paths: readonly (readonly string[])[]) => paths.map((path) => path.join('.'));

describe('the outline of an Avro schema', () => {
  const outline = (schema: object, references: { name: string; schema: object }[] = []) =>
    new AvroFormat()
      .parse(JSON.stringify(schema), {
        references: references.map(({ name, schema: one }) => ({
          name,
          schemaType: 'AVRO' as const,
          text: JSON.stringify(one),
          references: [],
        })),
      })
      .outline();

  it('names types, fields through lists, maps and unions, and tags', () => {
    const line = {
      type: 'record',
      name: 'Line',
      fields: [{ name: 'sku', type: 'string', 'confluent:tags': ['PUBLIC', 'PII'] }],
    };
    const found = outline({
      type: 'record',
      name: 'Order',
      namespace: 'shop',
      'confluent:tags': ['PII'],
      fields: [
        { name: 'lines', type: { type: 'array', items: line } },
        { name: 'extra', type: ['null', { type: 'map', values: 'Line' }] },
        { name: 'state', type: { type: 'enum', name: 'State', symbols: ['NEW'] } },
      ],
    });
    expect([...found.names].sort()).toEqual(['shop.Line', 'shop.Order', 'shop.State']);
    expect(joined(found.fields)).toEqual(['lines', 'extra', 'state', 'lines.sku', 'extra.sku']);
    expect([...found.tags].sort()).toEqual(['PII', 'PUBLIC']);
  });

  it('goes through what it refers to, whose names and tags are not its own', () => {
    const base = { type: 'record', name: 'B', 'confluent:tags': ['T'], fields: [{ name: 'x', type: 'int' }] };
    const found = outline({ type: 'record', name: 'A', fields: [{ name: 'b', type: 'B' }] }, [
      { name: 'B', schema: base },
    ]);
    expect(found).toEqual({ names: ['A'], fields: [['b'], ['b', 'x']], tags: [] });
  });

  it('follows a type within itself once', () => {
    const tree = {
      type: 'record',
      name: 'T',
      fields: [
        { name: 'value', type: 'int' },
        { name: 'next', type: ['null', 'T'] },
      ],
    };
    expect(joined(outline(tree).fields)).toEqual(['value', 'next']);
  });
});

describe('the outline of a JSON Schema', () => {
  it('names titles and definitions, properties through references and alternatives, and tags', () => {
    const found = new JsonSchemaFormat()
      .parse(
        JSON.stringify({
          $schema: 'http://json-schema.org/draft-07/schema#',
          title: 'Order',
          definitions: { Money: { type: 'object', properties: { cents: { type: 'integer' } } } },
          type: 'object',
          properties: {
            total: { $ref: '#/definitions/Money' },
            lines: { type: 'array', items: { anyOf: [{ properties: { sku: { 'confluent:tags': ['PII'] } } }, {}] } },
            ['__proto__']: { type: 'string' },
          },
        }),
      )
      .outline();
    expect([...found.names].sort()).toEqual(['Money', 'Order']);
    expect(joined(found.fields)).toEqual(['total', 'lines', '__proto__', 'total.cents', 'lines.sku']);
    expect(found.tags).toEqual(['PII']);
  });
});

describe('the outline of a .proto file', () => {
  const field = (name: string, type: ProtoFieldType, options: readonly ProtoOption[] = []): ProtoField => ({
    at: -1,
    label: null,
    name,
    type,
    number: 1,
    defaultValue: null,
    jsonName: null,
    options,
  });
  const message = (name: string, more: Partial<ProtoMessage>): ProtoMessage => ({
    at: -1,
    kind: 'message',
    name,
    options: [],
    reserved: [],
    fields: [],
    oneofs: [],
    groups: [],
    extensions: [],
    extends: [],
    types: [],
    ...more,
  });

  it('names messages and enums, fields of every message, and tags in both spellings', () => {
    const tags = (value: ProtoOption['value']): ProtoOption => ({ name: 'confluent.field_meta', custom: true, value });
    const text = { kind: 'string', value: 'PII' } as const;
    const inner = message('Inner', {
      fields: [
        field('id', { kind: 'scalar', scalar: 'int32' }, [
          tags({ kind: 'option', option: { name: 'tags', custom: false, value: text } }),
        ]),
        field('outer', { kind: 'named', name: 'Outer' }),
      ],
    });
    const outer = message('Outer', {
      types: [inner],
      fields: [
        field('inner', { kind: 'named', name: 'Inner' }, [
          tags({
            kind: 'map',
            entries: new Map([['tags', { kind: 'list', items: [{ kind: 'string', value: 'GDPR' }] }]]),
          }),
        ]),
        field('by_key', {
          kind: 'map',
          key: { kind: 'scalar', scalar: 'string' },
          value: { kind: 'named', name: 'Inner' },
        }),
      ],
      oneofs: [{ at: -1, name: 'o', options: [], groups: [], fields: [field('one', { kind: 'named', name: 'Gone' })] }],
      groups: [
        {
          at: -1,
          label: 'optional',
          name: 'Grp',
          number: 9,
          fields: [field('deep', { kind: 'scalar', scalar: 'bool' })],
        },
      ],
    });
    const file: ProtoFile = {
      syntax: 'proto2',
      packageAt: -1,
      packageName: 'p',
      imports: [],
      options: [],
      types: [outer],
      extends: [],
      services: [],
    };
    const found = protoOutline(new ProtoScope([{ file, text: '', origin: 'own', path: '' }]));
    expect(found.names).toEqual(['p.Outer', 'p.Outer.Inner']);
    expect([...new Set(joined(found.fields))].sort()).toEqual(
      [
        'by_key',
        'by_key.id',
        'by_key.outer',
        'grp',
        'grp.deep',
        'id',
        'inner',
        'inner.id',
        'inner.outer',
        'one',
        'outer',
      ]
        .concat(['outer.by_key', 'outer.grp', 'outer.grp.deep', 'outer.inner', 'outer.one'])
        .sort(),
    );
    expect([...found.tags].sort()).toEqual(['GDPR', 'PII']);
  });
});

describe('paths of fields', () => {
  it('are bounded where parts share parts', () => {
    const leaf = { next: [] as object[] };
    let top: { next: object[] } = leaf;
    for (let i = 0; i < 30; i++) top = { next: [top, top] };
    const edges = (node: { next: object[] }) =>
      node.next.map((one, i) => [String(i), one as { next: object[] }] as const);
    const paths = fieldPaths(top, edges);
    expect(paths.length).toBe(4_000);
    expect(paths[0]).toEqual(['0']);
  });
});
