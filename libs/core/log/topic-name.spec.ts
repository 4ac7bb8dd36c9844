import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generationOf, isReservedName, physicalName } from './generation.js';
import { checkTopicName, checkUserTopicName, topicNameFault, twinOf } from './topic-name.js';

const refused = expect.objectContaining({ code: 'invalid-topic-name' }) as unknown;
const anyName = fc.stringMatching(/^[a-zA-Z0-9._-]{1,60}$/).filter((name) => name !== '.' && name !== '..');

describe('topic names', () => {
  it.each(['a', 'A.b_c-9', '...', '__internal', 'orders--g2', 'CON', 'constructor', '__proto__', 'x'.repeat(249)])(
    '%s can be one',
    (name) => {
      expect(topicNameFault(name)).toBeUndefined();
    },
  );

  it.each([
    '',
    '.',
    '..',
    'x'.repeat(250),
    'a b',
    'a/b',
    'a\\b',
    'a\n',
    'a\0',
    'é',
    'e\u0301',
    '\u202ea',
    '\ud800',
    "a'",
    'a;--',
    '%2F',
  ])('%j cannot be one', (name) => {
    expect(() => checkTopicName(name)).toThrow(refused);
  });

  it('users cannot give names of the log, of generations, or twins', () => {
    for (const name of ['__x', 'orders--g2', 'orders--g10']) expect(() => checkUserTopicName(name)).toThrow(refused);
    expect(() => checkUserTopicName('Orders', ['orders'])).toThrow(refused);
    expect(() => checkUserTopicName('a.b', ['x', 'a_b'])).toThrow(/topic 'a_b'/);
    for (const name of ['orders', 'orders--g', 'orders--g1', 'orders--g02', 'orders-g2']) {
      expect(() => checkUserTopicName(name, ['other', name])).not.toThrow();
    }
  });

  it('a twin is another name, never the same', () => {
    expect(twinOf('a.b', ['a.b'])).toBeUndefined();
    expect(twinOf('a.b', ['A_B'])).toBe('A_B');
  });
});

describe('generations', () => {
  it('a physical name says which logical topic and generation it is', () => {
    fc.assert(
      fc.property(anyName, fc.integer({ min: 1, max: 1_000_000 }), (name, generation) => {
        const logical = generationOf(name).logical;
        const physical = physicalName(logical, generation);
        expect(generationOf(physical)).toEqual({ logical, generation });
        expect(isReservedName(physical)).toBe(generation > 1);
      }),
    );
  });

  it('different generations and topics have different physical names', () => {
    const names = ['a', 'a--g', 'b'].flatMap((logical) =>
      [1, 2, 3, 12].map((generation) => physicalName(logical, generation)),
    );
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(['a--g0', 'a--g1', 'a--g01', 'a--g', 'a--G2', '--g2', 'a--g99999999999999999999'])(
    '%s is no generation but a name',
    (name) => {
      expect(generationOf(name)).toEqual({ logical: name, generation: 1 });
    },
  );
});
