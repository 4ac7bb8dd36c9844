import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyPlacement, overlapping, partitionerFault, type KeyRange, type PartitionerSpec } from './key-placement.js';
import { keyText } from './key-text.js';
import { partitionerOf, RoundRobinPartitions, StickyPartitions } from './partitioner.js';

const base = fc.constantFrom('murmur2' as const, 'crc32' as const, 'fnv1a' as const);
const anyKey = fc.uint8Array({ maxLength: 6 });
const count = fc.integer({ min: 1, max: 40 });

/** The place of a record whose key is all of `key`. */
const placeOf = (placement: KeyPlacement, key: Uint8Array, source = 0, offset = 0): number =>
  placement.of(key, 0, key.length, source, offset);

const salted = (spec: { salts?: number; keys?: string[] } = {}): PartitionerSpec => ({
  kind: 'salted',
  base: 'murmur2',
  keys: ['JFK'],
  salts: 3,
  ...spec,
});
const JFK = Buffer.from('JFK');

describe('salted keys', () => {
  const scenario = count.chain((partitions) =>
    fc.record({
      partitions: fc.constant(partitions),
      named: base,
      keys: fc.uniqueArray(anyKey.map(keyText), { minLength: 1, maxLength: 5 }),
      salts: fc.integer({ min: 1, max: partitions }),
      other: anyKey,
    }),
  );

  it('lie in as many partitions as there are salts, all others where they always did', () => {
    fc.assert(
      fc.property(scenario, ({ partitions, named, keys, salts, other }) => {
        const spec: PartitionerSpec = { kind: 'salted', base: named, keys, salts };
        expect(partitionerFault(spec, partitions)).toBeUndefined();
        const placement = new KeyPlacement(spec, partitions);
        const plain = partitionerOf(named)(other, partitions)!;
        const among = placement.among(other)!;
        expect(among[0]).toBe(plain);
        expect(new Set(among).size).toBe(keys.includes(keyText(other)) ? salts : 1);
        for (const one of among) expect(one >= 0 && one < partitions).toBe(true);
      }),
    );
  });

  it('go to one of their partitions by where they come from, the same way each time', () => {
    fc.assert(
      fc.property(
        scenario,
        fc.nat(50),
        fc.nat(2 ** 50),
        ({ partitions, named, keys, salts, other }, source, offset) => {
          const spec: PartitionerSpec = { kind: 'salted', base: named, keys, salts };
          const [one, again] = [new KeyPlacement(spec, partitions), new KeyPlacement(spec, partitions)];
          for (const key of [other, Buffer.from(keys[0]!)]) {
            const place = placeOf(one, key, source, offset);
            expect(placeOf(again, key, source, offset)).toBe(place);
            expect(one.among(key)).toContain(place);
            const framed = Buffer.concat([Buffer.alloc(3, 7), key, Buffer.alloc(2, 9)]);
            expect(one.of(framed, 3, key.length, source, offset)).toBe(place);
            for (let at = 0; at < partitions; at++)
              expect(one.allows(framed, 3, key.length, at)).toBe(one.among(key)!.includes(at));
          }
        },
      ),
    );
  });

  it('are dealt out evenly, however their records lie among others', () => {
    const placement = new KeyPlacement(salted({ salts: 4 }), 12);
    for (const stride of [1, 2, 4, 8, 1000]) {
      for (const from of [0, 2 ** 33]) {
        const counts = new Map<number, number>();
        for (let n = 0; n < 8_000; n++) {
          const place = placeOf(placement, JFK, n % 3, from + n * stride);
          counts.set(place, (counts.get(place) ?? 0) + 1);
        }
        expect(counts.size).toBe(4);
        for (const records of counts.values()) expect(Math.abs(records - 2_000)).toBeLessThan(200);
      }
    }
  });

  it('take turns when they are written anew', () => {
    const placement = new KeyPlacement(salted(), 12);
    const robin = new RoundRobinPartitions(() => 0);
    const turns = Array.from({ length: 6 }, () => placement.ofNew(JFK, robin));
    expect(turns).toEqual([...placement.among(JFK)!, ...placement.among(JFK)!]);
    const random = new StickyPartitions(() => 0.99);
    expect(placement.ofNew(JFK, random)).toBe(placement.among(JFK)![2]);
    expect(placement.ofNew(Buffer.from('LAX'), random)).toBe(partitionerOf()(Buffer.from('LAX'), 12));
  });

  it('need as many partitions as salts', () => {
    expect(partitionerFault(salted({ salts: 5 }), 4)).toContain('5 salts');
    expect(partitionerFault(salted({ salts: 4 }), 4)).toBeUndefined();
  });
});

describe('keys with places of their own', () => {
  const cuts = fc.uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 6 }), {
    minLength: 1,
    maxLength: 6,
    selector: keyText,
  });
  const into = fc.array(fc.nat(7), { minLength: 1, maxLength: 4 });
  const scenario = fc.record({
    named: base,
    table: fc.uniqueArray(fc.record({ key: anyKey.map(keyText), partition: fc.nat(7) }), {
      maxLength: 5,
      selector: (one) => one.key,
    }),
    cuts,
    lists: fc.array(fc.option(into, { nil: undefined }), { minLength: 7, maxLength: 7 }),
    key: anyKey,
  });

  it('lie there: a named key first, then a key of a range, then all others as ever', () => {
    fc.assert(
      fc.property(scenario, ({ named, table, cuts: unsorted, lists, key }) => {
        const sorted = [...unsorted].sort((a, b) => Buffer.compare(a, b));
        const ranges: KeyRange[] = [];
        const bounds = [undefined, ...sorted, undefined];
        for (let i = 0; i + 1 < bounds.length; i++) {
          const [from, until, partitions] = [bounds[i], bounds[i + 1], lists[i]];
          if (partitions === undefined) continue;
          const range = { partitions, ...(from && { from: keyText(from) }), ...(until && { until: keyText(until) }) };
          ranges.unshift(range);
        }
        expect(overlapping(ranges)).toBeUndefined();
        const spec: PartitionerSpec = { kind: 'custom', base: named, keys: table, ranges };
        const among = new KeyPlacement(spec, 8).among(key)!;
        const own = table.find((one) => one.key === keyText(key));
        const within = bounds.findIndex(
          (from, i) =>
            i + 1 < bounds.length &&
            (from === undefined || Buffer.compare(from, key) <= 0) &&
            (bounds[i + 1] === undefined || Buffer.compare(key, bounds[i + 1]!) < 0),
        );
        const list = lists[within];
        if (own !== undefined) expect(among).toEqual([own.partition]);
        else if (list !== undefined) expect(among).toEqual([list[partitionerOf(named)(key, list.length)!]]);
        else expect(among).toEqual([partitionerOf(named)(key, 8)]);
      }),
    );
  });

  it('must lie in partitions that there are', () => {
    const custom = (more: object): PartitionerSpec => ({
      kind: 'custom',
      base: 'murmur2',
      keys: [],
      ranges: [],
      ...more,
    });
    expect(partitionerFault(custom({ keys: [{ key: 'JFK', partition: 4 }] }), 4)).toContain("key 'JFK'");
    expect(partitionerFault(custom({ ranges: [{ from: 'm', partitions: [1, 6] }] }), 4)).toContain("from 'm'");
    expect(partitionerFault(custom({ keys: [{ key: 'JFK', partition: 3 }] }), 4)).toBeUndefined();
  });

  it('two ranges with a key in common are found', () => {
    const range = (from?: string, until?: string): KeyRange => ({
      partitions: [0],
      ...(from !== undefined && { from }),
      ...(until !== undefined && { until }),
    });
    expect(overlapping([range('a', 'm'), range('m', 'z')])).toBeUndefined();
    expect(overlapping([range('m', 'z'), range('a', 'n')])).toEqual([range('a', 'n'), range('m', 'z')]);
    expect(overlapping([range(), range('m')])).toBeDefined();
    expect(overlapping([range('m'), range(undefined, 'm')])).toBeUndefined();
  });
});

describe('any placement', () => {
  it('has no opinion on a null key, and an empty one is a key', () => {
    for (const spec of [null, 'crc32', salted()] as const) {
      const placement = new KeyPlacement(spec, 6);
      expect(placement.among(null)).toBeUndefined();
      expect(placement.ofNew(null, new RoundRobinPartitions(() => 0))).toBeUndefined();
      expect(placement.of(JFK, 0, -1, 0, 0)).toBe(-1);
      expect(placement.allows(JFK, 0, -1, 5)).toBe(true);
      expect(placement.among(Buffer.from(''))).toHaveLength(1);
    }
  });
});
