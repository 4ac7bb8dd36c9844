import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeBatch, partitionerOf, type RecordHeader } from '#libs/core/log';
import { KEY_SCHEMA_HEADER } from '#libs/core/schema';
import { DerivationWorld, LATEST } from '../testing/derivation-world.js';
import type { DerivationRequest } from './derivations.js';

interface Order {
  readonly id: string;
  readonly customer: string;
  readonly version: number;
  readonly note: string;
}

const BY_CUSTOMER: Partial<DerivationRequest> = {
  key: { expr: 'value.customer' },
  orderBy: { by: 'field', path: 'value.version' },
};

describe('a latest stream by another key', () => {
  let world: DerivationWorld;

  beforeEach(async () => {
    world = await DerivationWorld.open();
  });

  afterEach(() => world.close());

  const append = async (topic: string, partition: number, value: unknown, headers: RecordHeader[] = []) =>
    world.engine.append(
      { topic, partition },
      encodeBatch([
        {
          key: Buffer.from((value as Partial<Order> | null)?.id ?? 'none'),
          value: value === null ? null : Buffer.from(JSON.stringify(value)),
          headers,
          timestamp: 1,
        },
      ]),
    );

  it('has the newest record of each new key, whichever partitions these lay in and in whichever order they come', async () => {
    const order = fc.record<Order>({
      id: fc.constantFrom('o1', 'o2', 'o3', 'o4', 'o5'),
      customer: fc.constantFrom('ann', 'bob'),
      version: fc.integer({ min: 1, max: 4 }),
      note: fc.constantFrom('x', 'y', 'z'),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(order, { maxLength: 12 }),
        fc.constantFrom('first', 'last'),
        async (orders, onConflict) => {
          const seen: unknown[] = [];
          for (const sequence of [orders, [...orders].reverse()]) {
            const source = `s${world.fresh()}`;
            await world.engine.createTopic({ name: source, partitions: 3 });
            for (const one of sequence) await append(source, partitionerOf()(Buffer.from(one.id), 3)!, one);
            const name = `${source}-latest`;
            const request = { ...LATEST, ...BY_CUSTOMER, name, source, onConflict };
            await world.derivations.create(undefined, request as DerivationRequest, 'test');
            const found = (await world.settled(name, orders.length)) as Record<string, Order>;
            const newest = new Map<string, number>();
            for (const { customer, version } of orders)
              newest.set(customer, Math.max(version, newest.get(customer) ?? 0));
            expect(Object.fromEntries(Object.entries(found).map(([key, { version }]) => [key, version]))).toEqual(
              Object.fromEntries(newest),
            );
            seen.push(found);
          }
          // Also where several say the same version: which of them counts does not depend on their order.
          expect(seen[0]).toEqual(seen[1]);
        },
      ),
      { numRuns: 15 },
    );
  });

  it('negative control: by the keys of the source it is another stream', async () => {
    await world.write('t', { key: 'o1', value: { id: 'o1', customer: 'ann', version: 1 } });
    await world.write('t', { key: 'o2', value: { id: 'o2', customer: 'ann', version: 2 } });
    await world.derivations.create(undefined, LATEST, 'test');
    expect(Object.keys(await world.settled('latest', 2)).sort()).toEqual(['o1', 'o2']);
  });

  it('counts or sets aside records that have no such key, under the key they came with, and says so in the plan', async () => {
    await append('t', 0, { id: 'o1', customer: 'ann', version: 1 }, [
      { key: KEY_SCHEMA_HEADER, value: Buffer.from('of the former key') },
    ]);
    await append('t', 0, { id: 'o2', version: 1 });
    await append('t', 0, { id: 'o3', customer: { name: 'bob' }, version: 1 });
    await append('t', 0, null);
    const request: DerivationRequest = { ...LATEST, ...BY_CUSTOMER, nullKeys: 'dlq' };
    await world.derivations.create(undefined, request, 'test');
    expect(Object.keys(await world.settled('latest', 4))).toEqual(['ann']);
    expect((await world.describe('latest')).progress?.counts).toMatchObject({ read: 4, written: 1, nullKeys: 3 });
    const [written] = await world.recordsOf('latest');
    expect(written?.headers).toEqual([]);
    const dead = await world.recordsOf('latest.dlq');
    expect(dead.map(({ key }) => Buffer.from(key!).toString()).sort()).toEqual(['none', 'o2', 'o3']);
    expect(Buffer.from(dead[0]!.headers.at(-1)!.value!).toString()).toMatch(/^key-missing t\/0\/\d$/);
  });

  it('ends a key by a value that says so, also one that comes before the records it ends', async () => {
    const deletes = { path: 'value.gone', equals: true };
    await append('t', 0, { id: 'o1', customer: 'ann', version: 3, gone: true });
    await append('t', 0, { id: 'o2', customer: 'ann', version: 2 });
    await append('t', 0, { id: 'o3', customer: 'bob', version: 1 });
    await world.derivations.create(undefined, { ...LATEST, ...BY_CUSTOMER, deletes }, 'test');
    expect(Object.keys(await world.settled('latest', 3))).toEqual(['bob']);
    await append('t', 0, { id: 'o4', customer: 'ann', version: 4 });
    expect(Object.keys(await world.settled('latest', 4)).sort()).toEqual(['ann', 'bob']);
  });

  it('is refused where what is newer could not be told, or not told alike twice', async () => {
    const refused: readonly [Partial<DerivationRequest>, string][] = [
      [{ key: { expr: 'value.customer' } }, 'offsets do not tell which is newer'],
      [{ ...BY_CUSTOMER, kind: 'versioned' }, 'versions are numbered'],
      [{ ...BY_CUSTOMER, orderBy: { by: 'field', path: 'key.version' } }, 'begin the path with value'],
      [{ ...BY_CUSTOMER, onConflict: 'dlq' }, 'choose last, first or fail'],
      [{ ...BY_CUSTOMER, key: { expr: 'customer' } }, 'key expression is not valid'],
    ];
    for (const [request, why] of refused) {
      await expect(world.derivations.create(undefined, { ...LATEST, ...request }, 'test')).rejects.toThrow(why);
    }
    expect(await world.derivations.list(undefined)).toEqual([]);
  });
});
