import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '#libs/core/kernel';
import { differences } from './differences.js';
import { planHash } from './plan.js';
import { planDraft } from './testing/records.js';

describe('the hash of a plan', () => {
  it('is the same for the same content in another order of keys, with other texts and estimates', () => {
    const one = planDraft({ parameters: { a: 1, b: { c: 2, d: 3 } } });
    const other = planDraft({ parameters: { b: { d: 3, c: 2 }, a: 1 }, risks: ['slow'], steps: [] });
    expect(planHash('test', one)).toBe(planHash('test', other));
    expect(planHash('test', one)).toMatch(/^[0-9a-f]{64}$/);
  });

  it('differs for another kind, subject, parameter, control or fingerprint', () => {
    const hashes = [
      planHash('test', planDraft()),
      planHash('other', planDraft()),
      planHash('test', planDraft({ subject: 'topic:local/other' })),
      planHash('test', planDraft({ parameters: {} })),
      planHash('test', planDraft({ controls: { maxPauseMs: 1 } })),
      planHash('test', planDraft({ fingerprint: {} })),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
  });
});

describe('what moved since the plan was made', () => {
  it('names each fact by its path, with both sides', () => {
    const planned = { topic: { partitions: 6, config: { 'a/b~': '1' } }, groups: ['x', 'y'], same: null };
    const now = { topic: { partitions: 7, config: { 'a/b~': '2' } }, groups: ['x'], same: null, more: true };
    expect(differences(planned, now)).toEqual([
      { path: '/groups/1', planned: 'y', now: null },
      { path: '/more', planned: null, now: true },
      { path: '/topic/config/a~1b~0', planned: '1', now: '2' },
      { path: '/topic/partitions', planned: 6, now: 7 },
    ]);
  });

  it('tells a key named __proto__ and one that objects inherit from nothing at all', () => {
    const planned = JSON.parse('{"__proto__": 1}') as JsonObject;
    expect(differences(planned, {})).toEqual([{ path: '/__proto__', planned: 1, now: null }]);
    expect(differences({}, { toString: 1 })).toEqual([{ path: '/toString', planned: null, now: 1 }]);
  });

  it('tells null from absent', () => {
    expect(differences({ a: null }, {})).toEqual([{ path: '/a', planned: null, now: null }]);
    expect(differences([null], [])).toHaveLength(1);
  });

  it('is empty exactly when the values are equal', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const equal = JSON.stringify(sorted(a as JsonValue)) === JSON.stringify(sorted(b as JsonValue));
        expect(differences(a as JsonValue, a as JsonValue)).toEqual([]);
        expect(differences(a as JsonValue, b as JsonValue).length === 0).toBe(equal);
      }),
      {
        examples: [
          [{ a: null }, {}],
          [{}, []],
        ],
        numRuns: 500,
      },
    );
  });

  it('stops at the limit', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`k${i}`, i]));
    expect(differences(many, {}, 10)).toHaveLength(10);
  });
});

/** A form in which equal JSON values give equal text; objects and arrays stay apart. */
function sorted(value: JsonValue): unknown {
  if (Array.isArray(value)) return { list: value.map(sorted) };
  if (value === null || typeof value !== 'object') return value;
  const members = Object.keys(value).sort();
  return { members: members.map((key) => [key, sorted(value[key]!)]) };
}
