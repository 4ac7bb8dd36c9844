import { describe, expect, it } from 'vitest';
import { pipelineOf, TransformError, type ExpressionLanguages } from './pipeline.js';
import { inverseOf, type TransformProgram, type TransformStep, transformVersion } from './program.js';
import type { TransformInput } from './transforms.js';

const languages: ExpressionLanguages = {
  cel: (text) => () => JSON.parse(text) as unknown,
  jsonata: (text) => async () => JSON.parse(text) as unknown,
};
const input = (value: unknown, more: Partial<TransformInput> = {}): TransformInput => ({
  value: typeof value === 'string' ? value : JSON.stringify(value),
  key: 'null',
  headers: [],
  timestamp: 1,
  partition: 0,
  offset: 0,
  ...more,
});
const program = (...steps: TransformStep[]): TransformProgram => ({ filter: null, steps });
const run = (steps: TransformStep[], value: unknown) => pipelineOf(program(...steps), languages)(input(value));

describe('the steps of a transform', () => {
  it.each<[string, TransformStep, unknown, unknown]>([
    ['rename', { rename: 'value.a', to: 'b' }, { x: 1, a: 2, y: 3 }, { x: 1, b: 2, y: 3 }],
    ['rename deeper', { rename: 'value.a.b', to: 'c' }, { a: { b: 1 } }, { a: { c: 1 } }],
    ['rename in a list', { rename: 'value.l[1].b', to: 'c' }, { l: [{ b: 1 }, { b: 2 }] }, { l: [{ b: 1 }, { c: 2 }] }],
    ['remove', { remove: 'value.a' }, { a: 1, b: 2 }, { b: 2 }],
    ['remove an item', { remove: 'value.l[0]' }, { l: [1, 2] }, { l: [2] }],
    ['set', { set: 'value.a', cel: '5' }, { a: 1 }, { a: 5 }],
    ['set what was not there', { set: 'value.a.b', cel: '5' }, {}, { a: { b: 5 } }],
    ['mask', { mask: 'value.a', with: 'redact' }, { a: { b: 1 } }, { a: '***' }],
    ['mask to nothing', { mask: 'value.a', with: 'null' }, { a: 1 }, { a: null }],
    ['mask all but the end', { mask: 'value.a', with: 'last4' }, { a: '1234-5678' }, { a: '*****5678' }],
    ['shape', { shape: '{"z":1}' }, { a: 1 }, { z: 1 }],
    ['a name like any other', { rename: 'value["__proto__"]', to: 'p' }, JSON.parse('{"__proto__":1}'), { p: 1 }],
  ])('%s', async (_, step, value, expected) => {
    const outcome = await run([step], value);
    expect(outcome.kind === 'kept' && JSON.parse(outcome.value)).toEqual(expected);
  });

  it('leave a value as it was spelled when they find nothing to do, and numbers as exact as they were', async () => {
    const text = '{ "a" : 1.50 }';
    expect(await run([{ remove: 'value.b' }], text)).toMatchObject({ value: text });
    expect(await run([{ remove: 'value.b' }], '{"n":12345678901234567890,"b":1}')).toMatchObject({
      value: '{"n":12345678901234567890}',
    });
  });

  it('work on headers and the timestamp', async () => {
    const steps: TransformStep[] = [
      { rename: 'header.a', to: 'b' },
      { set: 'header["x-y"]', cel: '"text"' },
      { remove: 'header.c' },
      { set: 'timestamp', cel: '42' },
    ];
    const headers = ['a', 'c', 'x-y', 'x-y'].map((key) => ({ key, value: Buffer.from(key) }));
    const outcome = await pipelineOf(program(...steps), languages)(input({}, { headers }));
    expect(outcome).toMatchObject({ kind: 'kept', timestamp: 42 });
    const texts = outcome.kind === 'kept' ? outcome.headers.map((one) => [one.key, String(one.value)]) : [];
    expect(texts).toEqual([
      ['b', 'a'],
      ['x-y', 'text'],
    ]);
  });

  it.each<[TransformStep, unknown, string]>([
    [{ rename: 'value.a', to: 'b' }, { a: 1, b: 2 }, "there is a field 'b' already"],
    [{ set: 'value.a.b', cel: '1' }, { a: 'text' }, 'not an object'],
    [{ set: 'timestamp', cel: '"noon"' }, {}, 'whole number of milliseconds'],
    [{ set: 'header.h', cel: '[1]' }, {}, 'takes text'],
  ])('have no answer where they would lose something: %j', async (step, value, why) => {
    expect(await run([step], value)).toMatchObject({
      kind: 'failed',
      failure: 'transform-failed',
      message: expect.stringContaining(why) as string,
    });
  });

  it('leave out by a condition, which must be true or false', async () => {
    const filtered = (filter: string) => pipelineOf({ filter, steps: [] }, languages)(input({}));
    expect(await filtered('false')).toEqual({ kind: 'left-out' });
    expect(await filtered('true')).toMatchObject({ kind: 'kept' });
    expect(await filtered('1')).toMatchObject({ kind: 'failed' });
  });

  it('fail for what is no JSON, and for what expressions say', async () => {
    expect(await run([{ remove: 'value.a' }], '{')).toMatchObject({ failure: 'undecodable' });
    const failing: ExpressionLanguages = {
      ...languages,
      cel: () => () => {
        throw new TransformError('inexact-number', 'why');
      },
    };
    expect(await pipelineOf(program({ set: 'value.a', cel: '' }), failing)(input({}))).toEqual({
      kind: 'failed',
      failure: 'inexact-number',
      message: 'why',
    });
  });
});

describe('a program', () => {
  it('is undone by its renames backwards, and by nothing where something is lost', async () => {
    const up = program(
      { rename: 'value.a', to: 'b' },
      { rename: 'value.b', to: 'c d' },
      { rename: 'header.h', to: 'i' },
    );
    const down = inverseOf(up)!;
    const headers = [{ key: 'h', value: null }];
    const there = await pipelineOf(up, languages)(input({ a: 1 }, { headers }));
    expect(there).toMatchObject({ value: '{"c d":1}', headers: [{ key: 'i' }] });
    if (there.kind !== 'kept') return;
    const back = await pipelineOf(down, languages)(input(there.value, { headers: there.headers }));
    expect(back).toMatchObject({ value: '{"a":1}', headers });
    expect(inverseOf(program({ remove: 'value.a' }))).toBeUndefined();
  });

  it('is named by what it does', () => {
    const one = program({ remove: 'value.a' });
    expect(transformVersion(one)).toBe(transformVersion(program({ remove: 'value.a' })));
    expect(transformVersion(one)).not.toBe(transformVersion(program({ remove: 'value.b' })));
  });
});
