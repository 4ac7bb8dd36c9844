import { describe, expect, it } from 'vitest';
import { globMatcher } from './project/glob.js';
import { position, range, schemaRef, topicRef } from './reference.js';
import { bytes, durationText, milliseconds } from './settings/durations.js';

const NOW = Date.parse('2026-01-31T12:00:00Z');

describe('references', () => {
  it('name subjects, versions, ids, contexts and partitions', () => {
    expect(['a', 'a@3', 'a@latest', ':.ctx:a@2', 'id:42'].map(schemaRef)).toEqual([
      { kind: 'version', subject: 'a', version: undefined },
      { kind: 'version', subject: 'a', version: 3 },
      { kind: 'version', subject: 'a', version: 'latest' },
      { kind: 'version', subject: ':.ctx:a', version: 2 },
      { kind: 'id', id: 42 },
    ]);
    for (const wrong of ['a@0', 'a@x', '@3']) expect(() => schemaRef(wrong)).toThrow('no reference');
    expect(topicRef('orders/3')).toEqual({ topic: 'orders', partition: 3 });
    expect(topicRef('orders')).toEqual({ topic: 'orders', partition: undefined });
  });

  it('tell positions by offset, count and time', () => {
    expect(['start', 'end', '5', '+5', '-5'].map((one) => position(one, NOW))).toEqual([
      { kind: 'start' },
      { kind: 'end' },
      { kind: 'offset', offset: 5 },
      { kind: 'after-start', records: 5 },
      { kind: 'before-end', records: 5 },
    ]);
    for (const at of ['@2026-01-31T11:00:00Z', '@1769857200', '@1769857200000', '@-1h']) {
      expect(position(at, NOW)).toEqual({ kind: 'time', at: NOW - 3_600_000 });
    }
    for (const wrong of ['', 'x', '@x', '@-1y', '1.5']) expect(() => position(wrong, NOW)).toThrow('no position');
    expect(range('5:9', NOW)).toEqual({ from: { kind: 'offset', offset: 5 }, until: { kind: 'offset', offset: 9 } });
    expect(range('@-1h', NOW).until).toBeUndefined();
    expect(range('@2026-01-31T11:00', NOW).until).toBeUndefined();
    expect(range('@2026-01-31T10:00:00Z:@2026-01-31T11:00:00Z', NOW).until).toEqual({
      kind: 'time',
      at: NOW - 3_600_000,
    });
  });
});

describe('ranges of times', () => {
  const NOW = Date.parse('2026-06-15T12:00:00Z');
  const time = (at: string) => ({ kind: 'time', at: Date.parse(at) });
  it.each([
    ['@2020-01-01:2021-01-01', time('2020-01-01'), time('2021-01-01')],
    ['@2020-01-01T10:00:00Z:2021-01-01', time('2020-01-01T10:00:00Z'), time('2021-01-01')],
    ['@2020-01-01T10:00:00+02:00', time('2020-01-01T08:00:00Z'), undefined],
    ['@-1h30m:-10m', time('2026-06-15T10:30:00Z'), time('2026-06-15T11:50:00Z')],
    ['@-2d:@-1d', time('2026-06-13T12:00:00Z'), time('2026-06-14T12:00:00Z')],
  ])('%s', (text, from, until) => {
    expect(range(text, NOW)).toEqual({ from, until });
  });

  it('and offsets beyond what a log can hold are none', () => {
    for (const text of ['99999999999999999999', '+99999999999999999999', '@-1x', '@-', '1:'])
      expect(() => range(text, NOW)).toThrow(/is no position/);
  });
});

describe('durations, sizes and globs', () => {
  it('are read as people write them', () => {
    expect(['90', '90s', '5m', '1h30m', '7d', '250ms'].map((one) => milliseconds(one, 'x'))).toEqual([
      90_000, 90_000, 300_000, 5_400_000, 604_800_000, 250,
    ]);
    for (const wrong of ['', '5x', 'm', '1h x']) expect(() => milliseconds(wrong, '--timeout')).toThrow('--timeout');
    expect(['5', '512k', '20MB/s', '1GiB'].map((one) => bytes(one, 'x'))).toEqual([
      5, 524_288, 20_000_000, 1_073_741_824,
    ]);
    expect(() => bytes('much', '--rate')).toThrow('--rate');
    expect([79, 4_740, 90_000, 0].map(durationText)).toEqual(['1m19s', '1h19m', '1d1h', '0s']);
  });

  it('match paths', () => {
    const matches = (glob: string, ...paths: string[]) => paths.filter(globMatcher(glob));
    expect(matches('proto/**/*.proto', 'proto/a.proto', 'proto/x/y/a.proto', 'a.proto', 'proto/a.avsc')).toEqual([
      'proto/a.proto',
      'proto/x/y/a.proto',
    ]);
    expect(matches('*.{avsc,json}', 'a.avsc', 'a.json', 'x/a.json', 'a.jsonx')).toEqual(['a.avsc', 'a.json']);
    expect(matches('./a+b.?', 'a+b.c', 'aab.c')).toEqual(['a+b.c']);
  });
});
