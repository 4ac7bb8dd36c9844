import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StepBudget } from '../step-budget.js';
import { breakingValues } from './breaking-values.js';
import type { Draft } from './drafts.js';
import { JsonSchemaFormat, type JsonSchema } from './json-schema-format.js';
import { JSON_WARNINGS } from './doubts.js';
import { Samples } from './samples.js';
import { arbitraryJson, arbitraryJsonSchema, type GeneratedJsonSchema } from './testing/arbitrary-schema.js';
import { secondOpinion } from './testing/second-opinion.js';

const json = new JsonSchemaFormat();
const DRAFTS: readonly Draft[] = ['draft-04', 'draft-06', 'draft-07', '2019-09', '2020-12'];

type Keywords = Readonly<Record<string, unknown>>;

/** A schema and another that took over, lost or exchanged some of its keywords, at the top or one level down. */
const arbitraryEvolution = (draft: Draft) =>
  fc
    .record({
      before: arbitraryJsonSchema(draft),
      other: arbitraryJsonSchema(draft),
      dropped: fc.integer({ min: 0, max: 63 }),
      taken: fc.integer({ min: 0, max: 63 }),
      deep: fc.boolean(),
      values: fc.array(arbitraryJson(), { minLength: 12, maxLength: 12 }),
    })
    .map(({ before, other, dropped, taken, deep, values }) => ({
      before: before as Keywords,
      after: evolved(before as Keywords, other as Keywords, dropped, taken, deep),
      values,
    }));

const KEPT = new Set(['$schema', '$defs', 'definitions']);

function evolved(before: Keywords, other: Keywords, dropped: number, taken: number, deep: boolean): Keywords {
  const chosen = (names: readonly string[], bits: number): string[] =>
    names.filter((name) => !KEPT.has(name)).filter((_, i) => ((bits >> i) & 1) === 1);
  if (deep) {
    const inner = before['properties'] as Keywords | undefined;
    const name = inner && Object.keys(inner)[0];
    const schema = name === undefined ? undefined : inner![name];
    if (name !== undefined && typeof schema === 'object' && schema !== null && !('$ref' in schema)) {
      const change = evolved(schema as Keywords, other, dropped, taken, false);
      return { ...before, properties: { ...inner, [name]: change } };
    }
  }
  const gone = new Set(chosen(Object.keys(before), dropped));
  const rest = Object.entries(before).filter(([name]) => !gone.has(name));
  const more = chosen(Object.keys(other), taken & dropped).map((name) => [name, other[name]] as const);
  return Object.fromEntries([...rest, ...more]);
}

interface Seen {
  compatible: number;
  excused: number;
  values: number;
}

/** A value that fits the old schema and not the new one although the pair is called compatible, without an excuse. */
function contradiction(
  draft: Draft,
  {
    before,
    after,
    values,
  }: { readonly before: Keywords; readonly after: Keywords; readonly values: readonly unknown[] },
  excuses: ReadonlySet<string>,
  seen: Seen,
): unknown {
  const [writer, reader] = [parsed(before), parsed(after)];
  if (json.differences(reader, writer).some(({ breaking }) => breaking)) return undefined;
  const doubts = json.doubts(reader, writer, 'new-reads-old').filter(({ ruleId }) => excuses.has(ruleId));
  if (doubts.length > 0) {
    seen.excused++;
    return undefined;
  }
  seen.compatible++;
  const samples = new Samples(new StepBudget(1_000_000));
  const made = [...samples.of(writer.root), ...breakingValues(writer.root, reader.root, samples)];
  const [old, now] = [secondOpinion(draft, before), secondOpinion(draft, after)];
  for (const value of [...values, ...made.map((one) => JSON.parse(JSON.stringify(one)) as unknown)]) {
    if (old(value) !== true) continue;
    seen.values++;
    if (now(value) === false) return { value, before, after };
  }
  return undefined;
}

function parsed(schema: GeneratedJsonSchema): JsonSchema {
  return json.parse(JSON.stringify(schema));
}

/**
 * Judgements of the reference that are unsound: it calls the pair compatible, and data may be refused. Each comes with a warning of its own, and where one is
 * given the law below promises nothing.
 */
const UNSOUND: readonly string[] = [
  'json/unsound-connect-bytes',
  'json/unsound-conditional',
  'json/unsound-contains',
  'json/unsound-content',
  'json/unsound-exclusive-flag',
  'json/unsound-exclusive-maximum',
  'json/unsound-flattened-alternatives',
  'json/unsound-format',
  'json/unsound-implied-type',
  'json/unsound-lenient',
  'json/unsound-multiple-of-fraction',
  'json/unsound-one-of-overlap',
  'json/unsound-pattern-properties',
  'json/unsound-property-beside-patterns',
  'json/unsound-property-names',
  'json/unsound-reference-chain',
  'json/unsound-required-undeclared',
  'json/unsound-required-with-default',
  'json/unsound-unevaluated',
];

describe.each(DRAFTS)('where a new JSON Schema of %s is called compatible with an old one', (draft) => {
  const law = (excuses: readonly string[], seen: Seen) =>
    fc.property(arbitraryEvolution(draft), (one) => {
      const found = contradiction(draft, one, new Set(excuses), seen);
      if (found !== undefined) throw new Error(`fits the old schema only: ${JSON.stringify(found)}`);
    });

  it('no value was found that fits the old one and not the new one', () => {
    const seen = { compatible: 0, excused: 0, values: 0 };
    fc.assert(law(UNSOUND, seen), { numRuns: 40 });
    // Enough was asked: compatible pairs, and values that fitted.
    expect(seen.compatible).toBeGreaterThan(8);
    expect(seen.values).toBeGreaterThan(150);
  });

  it('without the excuses there are such values', () => {
    const seen = { compatible: 0, excused: 0, values: 0 };
    expect(fc.check(law([], seen), { numRuns: 2_000, seed: 7, endOnFailure: true }).failed).toBe(true);
  });
});

describe('the excuses', () => {
  it('are the warnings about unsound judgements, by name', () => {
    const warned = JSON_WARNINGS.filter(({ doubt }) => doubt === 'unsound').map(({ id }) => id);
    expect([...UNSOUND].sort()).toEqual([...warned].sort());
  });
});
