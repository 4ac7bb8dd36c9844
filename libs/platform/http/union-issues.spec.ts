import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { toldIssues } from './union-issues.js';

const step = z.union([
  z.strictObject({ rename: z.string(), to: z.string() }),
  z.strictObject({ set: z.string(), cel: z.string() }),
]);
const placing = z.union([
  z.enum(['murmur2', 'crc32']),
  z.strictObject({ kind: z.literal('salted'), salts: z.int().min(2), keys: z.array(z.string()) }),
  z.strictObject({ kind: z.literal('custom'), keys: z.array(z.strictObject({ key: z.string(), partition: z.int() })) }),
]);
const schema = z.strictObject({ steps: z.array(step).optional(), placing: placing.optional() });

function told(value: unknown): readonly string[] {
  return toldIssues(schema.safeParse(value).error!.issues).map((one) => `${one.path.join('/')}: ${one.message}`);
}

describe('what is wrong with a value that fits no alternative of a union', () => {
  it.each([
    [
      'a member of the one that is meant',
      { steps: [{ rename: 5, to: 'x' }] },
      ['steps/0/rename: Invalid input: expected string, received number'],
    ],
    [
      'a member that is missing',
      { steps: [{ set: 'a' }] },
      ['steps/0/cel: Invalid input: expected string, received undefined'],
    ],
    [
      'a place further in',
      { placing: { kind: 'custom', keys: [{ key: 'a', partition: 'x' }] } },
      ['placing/keys/0/partition: Invalid input: expected number, received string'],
    ],
    [
      'a kind that there is not, with all there are',
      { placing: { kind: 'slated', salts: 2, keys: [] } },
      ['placing/kind: Invalid option: expected one of "salted"|"custom"'],
    ],
  ])('is told at its place: %s', (_what, value, issues) => {
    expect(told(value)).toEqual(issues);
  });

  it('is all that could be there, where nothing tells what was meant', () => {
    expect(told({ steps: [{}] })).toEqual([
      "steps/0: Invalid input: expected an object with 'rename' and 'to', or an object with 'set' and 'cel'",
    ]);
    expect(told({ placing: 5 })).toEqual(['placing: Invalid input: expected one of "murmur2"|"crc32", or object']);
  });

  it('leaves other problems as they are', () => {
    const issues = schema.safeParse({ colour: 'red', steps: 7 }).error!.issues;
    expect(toldIssues(issues)).toEqual(issues);
  });
});
