import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '#libs/core/kernel';
import { type JsonChange, jsonChanges } from './json-changes.js';

/** As RFC 6902 does add, remove and replace. */
function patched(value: JsonValue, changes: readonly JsonChange[]): JsonValue {
  const root = { value: structuredClone(value) };
  for (const { path, op, after } of changes) {
    const steps = path
      .split('/')
      .slice(1)
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
    let at: Record<string, JsonValue> | JsonValue[] = root;
    for (const step of ['value', ...steps].slice(0, -1)) at = (at as Record<string, JsonValue>)[step] as typeof at;
    const last = steps.at(-1) ?? 'value';
    if (Array.isArray(at)) {
      if (op === 'remove') at.splice(Number(last), 1);
      else at.splice(Number(last), op === 'add' ? 0 : 1, after!);
    } else if (op === 'remove') delete at[last];
    else Object.defineProperty(at, last, { value: after, enumerable: true, configurable: true, writable: true });
  }
  return root.value;
}

describe('changes between two JSON values', () => {
  it('name the member, the item and what became of it', () => {
    expect(jsonChanges({ a: 1, 'b/c': [1, 2, 3], gone: null }, { a: 2, 'b/c': [1], new: {} })).toEqual([
      { path: '/a', op: 'replace', before: 1, after: 2 },
      { path: '/b~1c/2', op: 'remove', before: 3 },
      { path: '/b~1c/1', op: 'remove', before: 2 },
      { path: '/gone', op: 'remove', before: null },
      { path: '/new', op: 'add', after: {} },
    ]);
    expect(jsonChanges(null, { a: 1 })).toEqual([{ path: '', op: 'replace', before: null, after: { a: 1 } }]);
  });

  it('take a member called __proto__ for one like any other', () => {
    const named = JSON.parse('{"__proto__": 1}') as JsonValue;
    expect(jsonChanges({}, named)).toEqual([{ path: '/__proto__', op: 'add', after: 1 }]);
    expect(jsonChanges(named, {})).toEqual([{ path: '/__proto__', op: 'remove', before: 1 }]);
  });

  it('done one after another make the one value the other, and there are none between equal ones', () => {
    const value = fc.jsonValue({ maxDepth: 3 }).map((one) => JSON.parse(JSON.stringify(one)) as JsonValue);
    fc.assert(
      fc.property(value, value, (before, after) => {
        expect(patched(before, jsonChanges(before, after))).toEqual(after);
        expect(jsonChanges(after, structuredClone(after))).toEqual([]);
      }),
    );
  });
});
