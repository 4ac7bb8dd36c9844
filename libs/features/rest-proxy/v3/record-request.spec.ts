import { describe, expect, it } from 'vitest';
import { isAppError } from '#libs/core/kernel';
import { errorCodeOf } from '../errors.js';
import { givenRecord, instantText, timestampOf } from './record-request.js';

const codeOf = (value: unknown): number | undefined => {
  try {
    givenRecord(value);
    return undefined;
  } catch (error) {
    return isAppError(error) ? errorCodeOf(error) : NaN;
  }
};
const value = (members: object) => ({ value: { data: 1, ...members } });

describe('a record of v3', () => {
  it('may be empty, or have keys and values of null', () => {
    expect(givenRecord({})).toEqual({
      partition: undefined,
      headers: [],
      key: undefined,
      value: undefined,
      timestamp: undefined,
    });
    expect(givenRecord({ key: null, value: null })).toMatchObject({ key: undefined, value: undefined });
  });

  it('has numbers as numbers or texts, fractions cut off', () => {
    for (const given of [1, '1', 1.7]) expect(givenRecord({ partition_id: given }).partition).toBe(1);
    for (const wrong of ['z', {}, true, 2 ** 40]) expect(codeOf({ partition_id: wrong })).toBe(400);
  });

  it('keeps headers of one name in their order, without a value too', () => {
    const { headers } = givenRecord({
      headers: [{ name: 'h', value: 'eA==' }, { name: 'h', value: null }, { name: 'i' }],
    });
    expect(headers).toEqual([
      { key: 'h', value: Buffer.from('x') },
      { key: 'h', value: null },
      { key: 'i', value: null },
    ]);
    expect(codeOf({ headers: [{ value: 'eA==' }] })).toBe(400);
  });

  it.each([
    [value({ type: 'JSON' }), undefined],
    [value({}), undefined],
    [value({ schema_id: 1 }), undefined],
    [value({ schema_version: 1, subject: 's' }), undefined],
    [value({ type: 'AVRO', schema: '"int"', subject_name_strategy: 'RECORD_NAME' }), undefined],
    [{ value: { type: 'STRING' } }, 400],
    [value({ type: 'string' }), 400],
    [value({ type: 'AVRO' }), 400],
    [value({ type: 'AVRO', schema_id: 1 }), 400],
    [value({ type: 'JSON', schema: '"int"' }), 400],
    [value({ type: 'JSON', subject: 's' }), 400],
    [value({ schema_id: 1, schema_version: 1 }), 400],
    [value({ subject: 's', subject_name_strategy: 'TOPIC_NAME' }), 400],
    [value({ subject_name_strategy: 'RECORD_NAME' }), 400],
    [value({ schema: '"int"' }), 500],
    [value({ extra: 1 }), 422],
    [{ unknown: 1 }, 422],
    [[], 400],
    [null, 500],
  ])('%j is answered by %s', (given, code) => expect(codeOf(given)).toBe(code));
});

describe('a timestamp', () => {
  it.each([
    ['2021-02-05T19:14:42Z', 1_612_552_482_000],
    ['2021-02-05T19:14:42.123456Z', 1_612_552_482_123],
    ['2021-02-05T20:14:42+01:00', 1_612_552_482_000],
    ['2021-02-05T20:14:42+0100', 1_612_552_482_000],
    [1_612_552_482, 1_612_552_482_000],
    ['1612552482.1239', 1_612_552_482_123],
    ['1969-12-31T23:59:59Z', -1_000],
  ])('%s is %s ms', (given, ms) => expect(timestampOf(given)).toBe(ms));

  it.each(['yesterday', '2021-02-05T19:14:42', '2021-02-05', '2021-13-05T19:14:42Z', {}, true])(
    '%j is refused',
    (given) => expect(() => timestampOf(given)).toThrow('timestamp'),
  );

  it('is told without a fraction where there is none', () => {
    expect([instantText(1_612_552_482_000), instantText(1_612_552_482_120)]).toEqual([
      '2021-02-05T19:14:42Z',
      '2021-02-05T19:14:42.120Z',
    ]);
  });
});
