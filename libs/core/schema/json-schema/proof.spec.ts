import { describe, expect, it } from 'vitest';
import { StepBudget } from '../step-budget.js';
import { ruleFolders } from '../testing/rule-cases.js';
import { JsonSchemaFormat } from './json-schema-format.js';
import { breakProofs } from './proof.js';
import { JsonValidator } from './validate.js';

const json = new JsonSchemaFormat();

function proofs(before: unknown, after: unknown, steps = 1_000_000) {
  const [writer, reader] = [before, after].map((schema) => json.parse(JSON.stringify(schema)));
  const differences = json.differences(reader!, writer!).filter(({ breaking }) => breaking);
  return breakProofs(reader!, writer!, differences, new StepBudget(steps));
}

const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more });

describe('documents that prove a break', () => {
  it('are found for every rule but those whose cases break nothing', () => {
    const unproven = new Set<string>();
    const proven = new Set<string>();
    const folders = ruleFolders({ folder: 'json-schema', prefix: 'json', type: 'JSON', extension: 'json' });
    for (const one of [...folders.values()].flat()) {
      const [before, after] = [json.parse(one.before.text), json.parse(one.after.text)];
      for (const [reader, writer] of [
        [after, before],
        [before, after],
      ] as const) {
        const differences = json.differences(reader, writer).filter(({ breaking }) => breaking);
        const found = breakProofs(reader, writer, differences, new StepBudget(1_000_000));
        found.forEach((proof, i) => {
          (proof === null ? unproven : proven).add(differences[i]!.ruleId);
          if (proof === null) return;
          const document = JSON.parse(proof.document) as unknown;
          expect(new JsonValidator(writer).accepts(document, 100_000), one.name).toBe(true);
          expect(new JsonValidator(reader).accepts(document, 100_000), one.name).toBe(false);
          expect(proof.refusal).toMatch(/^\S/);
        });
      }
    }
    // anyOf to oneOf of alternatives that exclude one another: the reference is stricter than need be, and nothing breaks.
    expect([...unproven].filter((rule) => !proven.has(rule))).toEqual(['json/combined-type-changed']);
  });

  it('stand where the break is: deep in properties, items, references and alternatives', () => {
    const line = (price: object) => object({ price }, { required: ['price'] });
    const order = (price: object) =>
      object(
        { lines: { type: 'array', items: { $ref: '#/definitions/line' } } },
        { definitions: { line: line(price) } },
      );
    expect(proofs(order({ type: 'number' }), order({ type: 'integer' }))).toEqual([
      { document: '{"lines":[{"price":0.5}]}', refusal: expect.stringContaining('/lines/0/price') as string },
    ]);
    const choice = (length: number) => ({
      oneOf: [
        object({ k: { const: 'a' }, v: { type: 'string', maxLength: length } }, { required: ['k'] }),
        { type: 'null' },
      ],
    });
    expect(proofs(choice(5), choice(2))[0]!.document).toBe('{"k":"a","v":"aaa"}');
  });

  it('keep to patterns and formats of the writer', () => {
    const code = (pattern: string) => object({ code: { type: 'string', pattern } }, { required: ['code'] });
    expect(proofs(code('^[A-Z]{3}-\\d+$'), code('^[A-Z]{4}$'))[0]!.document).toBe('{"code":"AAA-0"}');
  });

  it('are none where the reference refuses what could be read', () => {
    expect(proofs({ const: 'a' }, { enum: ['a', 'b'] })).toEqual([null]);
    expect(proofs({ type: 'integer' }, { type: 'integer', format: 'int64' })).toEqual([null]);
  });

  it('take names like __proto__ as names', () => {
    const schema = (type: string) =>
      JSON.parse(`{"type":"object","properties":{"__proto__":{"type":"${type}"}}}`) as object;
    const [proof] = proofs(schema('number'), schema('integer'));
    expect(proof!.document).toBe('{"__proto__":0.5}');
    expect(Object.prototype).not.toHaveProperty('0');
  });

  it('are the same each time, and end with what was found when the steps are spent', () => {
    const wide = (type: string) =>
      object(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`p${i}`, { type }])));
    expect(proofs(wide('number'), wide('integer'), 20_000)).toEqual(proofs(wide('number'), wide('integer'), 20_000));
    const some = proofs(wide('number'), wide('integer'), 20_000);
    expect(some[0]).not.toBeNull();
    expect(some.at(-1)).toBeNull();
    expect(proofs(wide('number'), wide('integer'), 10)).toEqual(new Array(200).fill(null));
  });
});
