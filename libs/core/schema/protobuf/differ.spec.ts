import { describe, expect, it } from 'vitest';
import { StepBudget } from '../step-budget.js';
import { protoFileDifferences } from './differ.js';
import { ProtoScope, type ProtoSource } from './scope.js';
import type { ProtoField, ProtoFile, ProtoMessage, ProtoOneof, ProtoType } from './tree.js';

/** Trees by hand: what the parser makes of text is its own business. */
const field = (number: number, type: string | null, label: ProtoField['label'] = null): ProtoField => ({
  at: -1,
  label,
  type: type === null ? { kind: 'scalar', scalar: 'int32' } : { kind: 'named', name: type },
  name: `f${number}`,
  number,
  defaultValue: null,
  jsonName: null,
  options: [],
});
const oneof = (name: string, ...fields: readonly ProtoField[]): ProtoOneof => ({
  at: -1,
  name,
  options: [],
  fields,
  groups: [],
});
const message = (name: string, parts: Partial<ProtoMessage> = {}): ProtoMessage => ({
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
  ...parts,
});
const source = (origin: ProtoSource['origin'], packageName: string | null, ...types: ProtoType[]): ProtoSource => ({
  file: {
    syntax: 'proto3',
    packageName,
    packageAt: -1,
    imports: [],
    options: [],
    types,
    extends: [],
    services: [],
  } as ProtoFile,
  text: '',
  origin,
  path: '',
});
const differences = (reader: readonly ProtoSource[], writer: readonly ProtoSource[], steps = 1_000_000): string[] =>
  protoFileDifferences(new ProtoScope(reader), new ProtoScope(writer), new StepBudget(steps)).map(
    ({ kind, path }) => `${kind} #/${path.join('/')}`,
  );

describe('differences of two .proto files', () => {
  it('compares a number wherever it stands: a new name of the oneof hides nothing', () => {
    const before = message('M', { oneofs: [oneof('c', field(1, null), field(2, null))], types: [message('P')] });
    const after = message('M', { oneofs: [oneof('d', field(1, 'P'), field(2, null))], types: [message('P')] });
    expect(differences([source('own', null, after)], [source('own', null, before)])).toEqual([
      'ONEOF_ADDED #/M/d',
      'ONEOF_REMOVED #/M/c',
      'FIELD_KIND_CHANGED #/M/d/1',
    ]);
  });

  it('lists what release 8.3 lists where that refuses as well', () => {
    const before = message('M', { fields: [field(1, null)], oneofs: [oneof('c', field(2, null), field(3, null))] });
    const after = message('M', { fields: [field(1, null), field(2, null)], oneofs: [oneof('c')] });
    expect(differences([source('own', null, after)], [source('own', null, before)])).toEqual([
      'ONEOF_FIELD_REMOVED #/M/c/2',
      'ONEOF_FIELD_REMOVED #/M/c/3',
      'FIELD_ADDED #/M/2',
    ]);
    const left = message('M', { fields: [field(1, null), field(2, null)], oneofs: [oneof('c', field(3, null))] });
    expect(differences([source('own', null, left)], [source('own', null, before)])).toEqual([
      'ONEOF_FIELD_MOVED_TO_TOP_LEVEL #/M/2',
    ]);
  });

  it('ends on messages of other files that hold one another, and still finds what breaks', () => {
    const ring = (type: string | null, n: number): ProtoMessage[] =>
      Array.from({ length: n }, (_, i) =>
        message(`R${i}`, {
          fields: [...Array.from({ length: n }, (__, j) => field(j + 1, `R${j}`)), field(n + 1, type)],
        }),
      );
    const own = source('own', null, message('M', { fields: [field(1, 'r.R0')] }));
    const found = differences(
      [own, source('reference', 'r', ...ring(null, 14), message('X'))],
      [own, source('reference', 'r', ...ring('X', 14), message('X'))],
    );
    expect(found).toContain('FIELD_KIND_CHANGED #/R13/15');
    expect(found).toContain('FIELD_NAMED_TYPE_CHANGED #/M/1');
    expect(
      differences(
        [own, source('reference', 'r', ...ring(null, 14))],
        [own, source('reference', 'r', ...ring(null, 14))],
      ),
    ).toEqual([]);
  });

  it('does not look into one subject version that both refer to, whatever its own references have become', () => {
    const own = source('own', null, message('M', { fields: [field(1, 'p.Price')] }));
    const price = source('reference', 'p', message('Price', { fields: [field(1, 'm.Money')] }));
    const money = (type: string | null) =>
      source('reference', 'm', message('Money', { fields: [field(1, type)] }), message('X'));
    const told = (read: Partial<ProtoSource>, written: Partial<ProtoSource>) =>
      differences([own, { ...price, ...read }, money(null)], [own, { ...price, ...written }, money('X')]);
    const version = (subject: string, number: number) => ({ direct: { subject, version: number } });
    const broken = [
      'FIELD_KIND_CHANGED #/Money/1',
      'FIELD_NAMED_TYPE_CHANGED #/Price/1',
      'FIELD_NAMED_TYPE_CHANGED #/M/1',
    ];

    expect(told(version('price', 1), version('price', 1))).toEqual([]);
    expect(told(version('price', 2), version('price', 1))).toEqual(broken);
    expect(told(version('other', 1), version('price', 1))).toEqual(broken);
    // What only a reference of the schema refers to is looked into.
    expect(told({}, {})).toEqual(broken);
    expect(told(version('price', 1), {})).toEqual(broken);
    // A number that has come to mean another schema.
    expect(told({ ...version('price', 1), text: 'x' }, version('price', 1))).toEqual(broken);
  });

  it('gives up when the steps are spent', () => {
    const big = source('own', null, message('M', { fields: Array.from({ length: 50 }, (_, i) => field(i + 1, null)) }));
    expect(() => differences([big], [big], 40)).toThrow(expect.objectContaining({ code: 'schema-too-complex' }));
  });
});
