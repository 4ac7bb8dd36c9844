import { describe, expect, it } from 'vitest';
import type { JsonValue } from '#libs/core/kernel';
import { fromCell, parseCell, parseColumnType, toCell, type ColumnType, type Reading } from './column-type.js';

const there = (type: ColumnType, value: JsonValue, reading?: Reading): JsonValue =>
  fromCell(type, toCell(reading === undefined ? { type } : { type, reading }, value));

describe('a column', () => {
  it('of a time keeps it to its unit', () => {
    expect(there('date', '2024-02-29')).toBe('2024-02-29');
    expect(there('date', -1)).toBe('1969-12-31');
    expect(there('time', '23:59:59.000001')).toBe('23:59:59.000001');
    expect(there('time', 3_600_000, 'millis')).toBe('01:00:00');
    expect(there('timestamp', '2024-01-01T00:00:00+01:00')).toBe('2023-12-31T23:00:00.000Z');
    expect(there('timestamp_us', '2024-01-01T00:00:00.123456Z')).toBe('2024-01-01T00:00:00.123456Z');
    expect(there('timestamp_us', -1)).toBe('1969-12-31T23:59:59.999999Z');
    expect(there('timestamp_us', '1700000000123456789', 'nanos')).toBe('2023-11-14T22:13:20.123456Z');
  });

  it('of a time means the same wherever the service runs: without a zone it is UTC', () => {
    const zone = process.env['TZ'];
    process.env['TZ'] = 'America/New_York';
    try {
      for (const text of [
        '2024-03-01T10:00:00',
        '2024-03-01 10:00',
        '2024-03-01t10:00:00.000z',
        '2024-03-01T12:00+02',
      ]) {
        expect(there('timestamp', text)).toBe('2024-03-01T10:00:00.000Z');
        expect(there('timestamp_us', text)).toBe('2024-03-01T10:00:00.000000Z');
        expect(parseCell('timestamp', 'c', text)).toBe(Date.UTC(2024, 2, 1, 10));
      }
      expect(there('timestamp', 'Fri, 01 Mar 2024 10:00:00 GMT')).toBe('2024-03-01T10:00:00.000Z');
      expect(there('timestamp', 'Fri Mar 01 2024 10:00:00 GMT+0100 (CET)')).toBe('2024-03-01T09:00:00.000Z');
      expect(there('timestamp_us', '2024-03-01 10:00:00,1234567')).toBe('2024-03-01T10:00:00.123456Z');
      for (const text of ['03-01-2024', 'Fri, 01 Mar 2024 10:00:00', '1', 'March 2024', '', '1700000000000'])
        expect(() => toCell({ type: 'timestamp' }, text)).toThrow(/does not fit/);
    } finally {
      if (zone === undefined) delete process.env['TZ'];
      else process.env['TZ'] = zone;
    }
  });

  it('of a time takes no day that there is not for the one behind it', () => {
    for (const text of ['2024-02-30T00:00:00Z', '2023-02-29', '2024-04-31T10:00:00+02:00', '2024-13-01'])
      for (const type of ['timestamp', 'timestamp_us', 'date'] as const)
        expect(() => toCell({ type }, text)).toThrow(/does not fit/);
    expect(there('timestamp', '2024-02-29T00:00:00Z')).toBe('2024-02-29T00:00:00.000Z');
    expect(there('timestamp', '+012345-12-31T00:00:00Z')).toBe('+012345-12-31T00:00:00.000Z');
  });

  it('of doubles takes whole numbers beyond 2^53, which are handed out as text', () => {
    expect(there('real', '12345678901234567890')).toBe(12345678901234567890);
    expect(there('real', '-9007199254740993')).toBe(-9007199254740992);
    for (const text of ['12', '1.5', '', 'NaN', '9'.repeat(400)])
      expect(() => toCell({ type: 'real' }, text)).toThrow(/does not fit/);
  });

  it('of decimals keeps every digit, and rounds none away', () => {
    expect(there('decimal(10,2)', '12.5')).toBe('12.50');
    expect(there('decimal(10,2)', -3)).toBe('-3.00');
    expect(there('decimal(5,0)', '00042.000')).toBe('42');
    // Avro writes the unscaled number as bytes: -5 and 1299.
    expect(there('decimal(10,2)', Buffer.from([0xfb]).toString('base64'), 'unscaled(2)')).toBe('-0.05');
    expect(there('decimal(10,2)', Buffer.from([0x05, 0x13]).toString('base64'), 'unscaled(2)')).toBe('12.99');
    for (const value of ['0.001', '123456789.00', '1e3', 'x', true])
      expect(() => toCell({ type: 'decimal(10,2)' }, value)).toThrow(/does not fit/);
  });

  it('of identifiers and bytes takes what is one', () => {
    const id = '01020304-0506-0708-090A-0B0C0D0E0F10';
    expect(there('uuid', id)).toBe(id.toLowerCase());
    expect(parseCell('uuid', 'c', id)).toBe(id.toLowerCase());
    expect(there('bytes', 'AAE=')).toBe('AAE=');
    expect(() => toCell({ type: 'uuid' }, 'none')).toThrow();
    expect(there('bytes', 'AAE')).toBe('AAE=');
    for (const text of ['?', 'A', 'AAAAA']) expect(() => toCell({ type: 'bytes' }, text)).toThrow();
  });

  it('has a type that there is', () => {
    expect(parseColumnType('decimal(18, 4)')).toBe('decimal(18,4)');
    for (const text of ['decimal(19,2)', 'decimal(2,3)', 'decimal(0,0)', 'number', ''])
      expect(parseColumnType(text)).toBeUndefined();
  });
});
