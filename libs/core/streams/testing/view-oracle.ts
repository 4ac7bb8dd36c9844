import fc from 'fast-check';
import type { JsonObject, JsonValue } from '#libs/core/kernel';

/** Groups of present orders, by the region of their customer and whether they are paid; the region and a weight come from a reference topic. */
export const GROUPED: JsonObject = {
  source: { topic: 'orders' },
  joins: [{ as: 'who', topic: 'people', on: 'value.who' }],
  key: { region: 'who.value.region', tag: 'value.tag' },
  columns: {
    all: { aggregate: 'count' },
    total: { aggregate: 'sum', of: 'value.n' },
    money: { aggregate: 'sum', of: 'value.price' },
    mean: { aggregate: 'avg', of: 'value.x' },
    low: { aggregate: 'min', of: 'value.n' },
    high: { aggregate: 'max', of: 'value.x' },
    last: { aggregate: 'latest', of: 'value.n' },
    weight: { aggregate: 'sum', of: 'who.value.n' },
  },
};

interface Order {
  readonly who: string | null;
  readonly tag: string;
  readonly n: number | null;
  readonly x: number | null;
  readonly price: string | null;
}
interface Person {
  readonly region: string;
  readonly n: number;
}

/** One record of one of two topics, in one of two partitions. Times go back now and then. */
export interface Written {
  readonly time: number;
  readonly source: number;
  readonly partition: number;
  readonly key: string;
  readonly value: Order | Person | undefined;
}

const order: fc.Arbitrary<Order> = fc.record({
  who: fc.constantFrom('ann', 'bob', 'cy', null),
  tag: fc.constantFrom('x', 'y', "'; drop table weir_views; --"),
  n: fc.option(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant(Number.MAX_SAFE_INTEGER))),
  x: fc.option(fc.constantFrom(0.25, -0.5, 3, 2 ** 40)),
  price: fc.option(fc.constantFrom('0.01', '19.99', '-3', '100.50')),
});
const person: fc.Arbitrary<Person> = fc.record({ region: fc.constantFrom('N', 'S'), n: fc.integer() });
export const written: fc.Arbitrary<Written> = fc.oneof(
  { weight: 3, arbitrary: lane(0, fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor'), order) },
  { weight: 2, arbitrary: lane(1, fc.constantFrom('ann', 'bob', 'cy'), person) },
);

function lane(source: number, key: fc.Arbitrary<string>, value: fc.Arbitrary<Order | Person>): fc.Arbitrary<Written> {
  return fc.record({
    source: fc.constant(source),
    partition: fc.integer({ min: 0, max: 1 }),
    time: fc.integer({ min: -1, max: 9 }),
    key,
    value: fc.option(value, { nil: undefined, freq: 4 }),
  });
}

/** An order, the row it refers to, and its place in time. */
type Member = [Order, Person | undefined, number[]];

const isAfter = (one: readonly number[], than: readonly number[]): boolean => {
  const place = one.findIndex((value, index) => value !== than[index]);
  return place >= 0 && one[place]! > than[place]!;
};

/** The table as it follows from the present rows alone, computed anew. */
export function grouped(all: readonly Written[]): JsonObject[] {
  const present = (source: number): [string, unknown, number[]][] => {
    const rows = new Map<string, [string, unknown, number[]]>();
    const times = new Map<string, number>();
    all.forEach((one, offset) => {
      if (one.source !== source) return;
      // Within a partition the time of a key does not go back.
      const lane = JSON.stringify([one.partition, one.key]);
      const time = Math.max(one.time, times.get(lane) ?? -1);
      times.set(lane, time);
      const order = [time, one.partition, offset];
      const known = rows.get(one.key)?.[2];
      if (known === undefined || isAfter(order, known)) rows.set(one.key, [one.key, one.value, order]);
    });
    return [...rows.values()].filter(([, value]) => value !== undefined);
  };
  const people = new Map(present(1).map(([key, value]) => [key, value as Person]));
  const groups = new Map<string, { key: [string | null, string]; members: Member[] }>();
  for (const [, value, time] of present(0)) {
    const one = value as Order;
    const who = one.who === null ? undefined : people.get(one.who);
    const key: [string | null, string] = [who?.region ?? null, one.tag];
    const group = groups.get(JSON.stringify(key)) ?? { key, members: [] };
    group.members.push([one, who, time]);
    groups.set(JSON.stringify(key), group);
  }
  return [...groups.values()].map(({ key, members }) => {
    const values = <T>(of: (member: Member) => T | null | undefined): T[] =>
      members.map(of).filter((value) => value !== null && value !== undefined);
    const n = values(([one]) => one.n);
    const x = values(([one]) => one.x);
    const cents = values(([one]) => one.price).map((price) => BigInt(Math.round(Number(price) * 100)));
    const weights = values(([, who]) => who?.n);
    const latest =
      members.filter(([one]) => one.n !== null).sort((a, b) => (isAfter(a[2], b[2]) ? -1 : 1))[0]?.[0].n ?? null;
    return {
      region: key[0],
      tag: key[1],
      all: members.length,
      total: n.length === 0 ? null : exact(n.map(BigInt).reduce((a, b) => a + b)),
      money: cents.length === 0 ? null : money(cents.reduce((a, b) => a + b)),
      mean: x.length === 0 ? null : x.reduce((a, b) => a + b) / x.length,
      low: n.length === 0 ? null : Math.min(...n),
      high: x.length === 0 ? null : Math.max(...x),
      last: latest,
      weight: weights.length === 0 ? null : exact(weights.map(BigInt).reduce((a, b) => a + b)),
    };
  });
}

const exact = (sum: bigint): JsonValue => (Number.isSafeInteger(Number(sum)) ? Number(sum) : String(sum));
const money = (cents: bigint): string => {
  const digits = String(cents < 0n ? -cents : cents).padStart(3, '0');
  return `${cents < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
};
