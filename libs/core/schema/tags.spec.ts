import { describe, expect, it } from 'vitest';
import { AvroFormat } from './avro/avro-format.js';
import type { SchemaFormat } from './format.js';
import { JsonSchemaFormat } from './json-schema/json-schema-format.js';
import { ProtobufFormat } from './protobuf/protobuf-format.js';
import type { TagEdit, TaggableKind } from './tags.js';

const edit = (kind: TaggableKind, path: string, add: string[], remove: string[] = []): TagEdit => {
  return { path, kind, add, remove };
};
const retagged = (format: SchemaFormat, text: string, ...edits: TagEdit[]) =>
  format.parse(format.parse(text).retagged(edits));

describe('tags in Avro text', () => {
  const avro = new AvroFormat();
  const schema = JSON.stringify({
    type: 'record',
    name: 'a.Outer',
    fields: [
      { name: 'id', type: 'long', default: 1, 'confluent:tags': ['KEY'] },
      {
        name: 'in',
        type: ['null', { type: 'record', name: 'Inner', fields: [{ name: 'x', type: 'double', default: 1e10 }] }],
      },
      { name: 'list', type: { type: 'array', items: { type: 'record', name: 'b.Other', fields: [] } } },
      { name: 'again', type: ['null', 'Inner'] },
    ],
  });

  it('are met at records by full name and at their fields, wherever they are written', () => {
    const result = retagged(
      avro,
      schema,
      edit('record', 'a.Outer', ['PII']),
      edit('field', 'a.Inner.x', ['A', 'B']),
      edit('record', '.b.Other', ['C']),
      edit('field', 'a.Outer.id', ['NEW'], ['KEY']),
    );
    expect(result.taggedParts()).toEqual([
      { path: 'a.Outer', kind: 'record', tags: ['PII'] },
      { path: 'a.Outer.id', kind: 'field', tags: ['NEW'] },
      { path: 'a.Inner.x', kind: 'field', tags: ['A', 'B'] },
      { path: 'b.Other', kind: 'record', tags: ['C'] },
    ]);
  });

  it('change nothing else of the text, and leave no trace when they go', () => {
    const tagged = retagged(avro, schema, edit('record', 'a.Outer', ['T']), edit('field', 'a.Outer.in', ['T']));
    const plain = tagged.retagged([edit('record', 'a.Outer', [], ['T']), edit('field', 'a.Outer.in', [], ['T', 'X'])]);
    expect(plain).toBe(avro.parse(schema).canonical);
  });

  it('print after the fields, in the order added, each once', () => {
    const text = '{"type":"record","name":"R","fields":[{"name":"f","type":"string"}]}';
    expect(retagged(avro, text, edit('record', 'R', ['TAG1']), edit('record', 'R', ['TAG2', 'TAG1'])).canonical).toBe(
      '{"type":"record","name":"R","fields":[{"name":"f","type":"string"}],"confluent:tags":["TAG1","TAG2"]}',
    );
  });

  it.each([
    ['field', 'does.not.exist'],
    ['record', 'a.Outer.id'],
    ['field', 'a.Outer'],
    ['record', '__proto__'],
  ] as const)('are refused for a %s %s that is not there', (kind, path) => {
    expect(() => avro.parse(schema).retagged([edit(kind, path, ['T'])])).toThrow(`No matching path '${path}' found`);
    expect(() => avro.parse(schema).retagged([{ ...edit(kind, path, ['T']), optional: true }])).not.toThrow();
  });
});

describe('tags in JSON Schema text', () => {
  const json = new JsonSchemaFormat();
  const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });
  const string = { type: 'string' };
  const schema = JSON.stringify(
    object({
      list: { type: 'array', items: object({ field1: string }) },
      union: { allOf: [string, object({ nested: string })] },
      no: { not: object({ hidden: string }) },
      colour: { enum: ['red', 1.0] },
      inner: object({ deep: true }),
    }),
  );

  it('are met at objects and properties, by what is passed on the way', () => {
    const result = retagged(
      json,
      schema,
      edit('record', 'object', ['ROOT']),
      edit('field', 'object.list.array.object.field1', ['PII']),
      edit('record', 'object.list.array.object', ['record']),
      edit('field', 'object.union.allof.1.object.nested', ['PII']),
      edit('field', 'object.no.not.object.hidden', ['PII']),
      edit('field', 'object.colour', ['PII']),
    );
    expect(result.taggedParts().map(({ path, kind }) => `${kind} ${path}`)).toEqual([
      'record object',
      'record object.list.array.object',
      'field object.list.array.object.field1',
      'field object.union.allof.1.object.nested',
      'field object.no.not.object.hidden',
      'field object.colour',
    ]);
    expect(result.canonical).toContain('{"enum":["red",1],"confluent:tags":["PII"]}');
  });

  it('of a property that is an object are one list, however it is named', () => {
    const byField = retagged(json, schema, edit('field', 'object.inner', ['T']));
    expect(retagged(json, schema, edit('record', 'object.inner.object', ['T'])).canonical).toBe(byField.canonical);
    expect(byField.taggedParts()).toEqual([{ path: 'object.inner', kind: 'field', tags: ['T'] }]);
  });

  it('leave a schema that is no object as it is', () => {
    expect(retagged(json, '{"type":"string"}').canonical).toBe('{"type":"string"}');
    expect(() => json.parse('{"type":"string"}').retagged([edit('record', 'object', ['T'])])).toThrow('No matching');
  });
});

describe('tags in Protobuf text', () => {
  const protobuf = new ProtobufFormat();
  const schema = `syntax = "proto3";
package com.example;

message Message1 {
  string f1 = 1;
  string f2 = 2 [(confluent.field_meta) = { doc: "second", tags: ["OLD"] }, deprecated = true];
  oneof choice { int32 n = 3 [(confluent.field_meta).tags = "N"]; }
  message Inner { bool b = 1; }
}
`;

  it('are met at messages and their fields, without the package', () => {
    const result = retagged(
      protobuf,
      schema,
      edit('field', 'Message1.f1', ['TAG1']),
      edit('field', '.Message1.f1', ['TAG2']),
      edit('record', 'Message1.Inner', ['M']),
      edit('field', 'Message1.n', ['O']),
    );
    expect(result.taggedParts()).toEqual([
      { path: 'Message1.f1', kind: 'field', tags: ['TAG1', 'TAG2'] },
      { path: 'Message1.f2', kind: 'field', tags: ['OLD'] },
      { path: 'Message1.n', kind: 'field', tags: ['N', 'O'] },
      { path: 'Message1.Inner', kind: 'record', tags: ['M'] },
    ]);
    expect(result.canonical).toContain(`  string f1 = 1 [(confluent.field_meta) = {
    tags: [
      "TAG1",
      "TAG2"
    ]
  }];`);
  });

  it('leave the rest of an annotation, and no empty one', () => {
    const result = retagged(
      protobuf,
      schema,
      edit('field', 'Message1.f2', [], ['OLD']),
      edit('field', 'Message1.n', [], ['N']),
    );
    expect(result.taggedParts()).toEqual([]);
    expect(result.canonical).toContain('doc: "second"');
    expect(result.canonical).toContain('int32 n = 3;');
    const back = retagged(protobuf, result.canonical, edit('field', 'Message1.f2', ['OLD']));
    expect(back.taggedParts()).toEqual([{ path: 'Message1.f2', kind: 'field', tags: ['OLD'] }]);
  });

  it('are refused for a part that is not there', () => {
    expect(() => protobuf.parse(schema).retagged([edit('field', 'Message1.f9', ['T'])])).toThrow('No matching path');
  });
});
