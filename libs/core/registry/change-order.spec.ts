import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { orderOf, type OrderedChange } from './change-order.js';

const change = (name: string, needs: readonly string[] = [], registers = true): OrderedChange => ({
  subject: { context: '.', name },
  registers,
  needs: needs.map((one) => ({ context: '.', name: one })),
});

describe('the order of a set of changes', () => {
  it('is that of the list where nothing needs anything', () => {
    expect(orderOf([change('c'), change('a'), change('b')])).toEqual([0, 1, 2]);
    expect(orderOf([])).toEqual([]);
  });

  it('has what is referred to before what refers to it, and keeps the list otherwise', () => {
    expect(
      orderOf([
        change('order', ['money', 'address']),
        change('x'),
        change('address', ['town']),
        change('money'),
        change('town'),
      ]),
    ).toEqual([1, 3, 4, 2, 0]);
  });

  it('keeps the order of changes to one subject, and refers to the last version a set registers', () => {
    expect(orderOf([change('a', ['b']), change('b'), change('a', [], false), change('b')])).toEqual([1, 3, 0, 2]);
  });

  it('lets a schema refer to its own subject, and to subjects that are not in the set', () => {
    expect(orderOf([change('a', ['a', 'elsewhere'])])).toEqual([0]);
  });

  it('names a circle, and only what is in it', () => {
    const circle = [change('x', ['a']), change('a', ['b']), change('b', ['c']), change('c', ['a']), change('free')];
    expect(() => orderOf(circle)).toThrow('a → b → c → a');
    expect(() => orderOf([change('a', ['b']), change('b', ['a'])])).toThrow('a → b → a');
  });

  it('respects every need of sets without circles', () => {
    const sets = fc.array(fc.array(fc.nat({ max: 29 }), { maxLength: 4 }), { maxLength: 30 });
    fc.assert(
      fc.property(sets, fc.integer(), (needs, seed) => {
        // A change needs only later numbers, and stands anywhere in the list.
        const changes = needs.map((some, i) =>
          change(
            `s${i}`,
            some.filter((one) => one > i && one < needs.length).map((one) => `s${one}`),
          ),
        );
        const listed = [...changes].sort(
          (a, b) => (hash(a.subject.name, seed) % 97) - (hash(b.subject.name, seed) % 97),
        );
        const order = orderOf(listed);
        expect([...order].sort((a, b) => a - b)).toEqual(listed.map((_, i) => i));
        const place = new Map(order.map((index, at) => [listed[index]!.subject.name, at]));
        for (const one of listed) {
          for (const need of one.needs) expect(place.get(need.name)!).toBeLessThan(place.get(one.subject.name)!);
        }
      }),
    );
  });
});

function hash(text: string, seed: number): number {
  let value = seed >>> 0;
  for (const character of text) value = (Math.imul(value, 31) + character.charCodeAt(0)) >>> 0;
  return value;
}
