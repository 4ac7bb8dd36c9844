import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '#libs/core/kernel';
import { encodeBatch, physicalName, recordsFrom } from '#libs/core/log';
import { FieldTypes, type FieldType } from '#libs/core/streams';
import { SOON, ViewWorld, type ViewInstance } from './testing/view-world.js';

/** Types that a schema tells otherwise later, so that what did not fit does. */
class MendedTypes extends FieldTypes {
  override async typeOf(): Promise<FieldType> {
    return { type: 'text' };
  }

  override async membersOf() {
    return undefined;
  }
}

const ROWS: JsonObject = {
  source: { topic: 't' },
  key: { id: 'key' },
  columns: { n: { compute: 'value.n', type: 'integer' } },
};
const COUNTED: JsonObject = {
  source: { topic: 't', mode: 'events' },
  key: { tag: 'value.tag' },
  columns: { all: { aggregate: 'count' }, total: { aggregate: 'sum', compute: 'value.n', type: 'integer' } },
};

describe('a record that was set aside, and is taken in', () => {
  let world: ViewWorld;
  let one: ViewInstance;
  let isMended = false;

  beforeEach(async () => {
    isMended = false;
    const n = (value: JsonObject): JsonValue => {
      if (value['broken'] === true && !isMended) throw new Error('no such key');
      return value['n'] ?? null;
    };
    world = await ViewWorld.open((value) => ({ computed: { n: n(value), total: n(value) } }), {
      types: new MendedTypes(),
    });
    one = world.instance();
  });
  afterEach(() => world.close());

  /** Everything is copied into another generation, whose readers go on behind it. */
  async function repartition(): Promise<void> {
    const { engine, names } = world;
    const next = physicalName('t', 2);
    await engine.createTopic({ name: next, partitions: 1, state: 'FENCED' });
    const old = await engine.setTopicState('t', 'FENCED');
    for (const { partition } of old.partitions) {
      const [fetched] = await engine.fetch({ positions: [{ topic: 't', partition, offset: 0 }], maxBytes: 1 << 30 });
      for (const record of recordsFrom(fetched!, 0))
        await engine.append({ topic: next, partition: 0 }, encodeBatch([record]), { intoFenced: true });
    }
    const opensAt = (await engine.describeTopic(next)).partitions.map((part) => part.endOffset);
    const opening = { opensAt, closedAt: [], keyExpression: null, partitioner: null };
    await names.compareAndSet(engine.logId, 't', 0, 2, opening);
    await engine.setTopicState(next, 'ACTIVE');
  }

  const rows = async (): Promise<readonly JsonValue[]> => world.rowsOf(one.views, 'v');

  it('changes nothing where its key has got a newer state in a later generation of the topic, nor where it has ended there', async () => {
    const broken = { broken: true, n: 1 };
    await world.write('t', 0, ['a', broken], ['b', broken], ['c', broken], ['d', { n: 5 }]);
    await one.views.declare('v', undefined, ROWS);
    expect(await world.settled(one, 'v')).toEqual([{ id: 'd', n: 5 }]);
    await repartition();
    await world.write(physicalName('t', 2), 0, ['a', { n: 2 }], ['b', { n: 3 }], ['b', undefined], ['d', undefined]);
    await expect.poll(rows, SOON).toEqual([{ id: 'a', n: 2 }]);
    isMended = true;
    expect(await one.views.redrive('v', 10)).toEqual({ taken: 3, refused: 0, gone: 0 });
    expect(await rows()).toEqual([
      { id: 'a', n: 2 },
      { id: 'c', n: 1 },
    ]);
  });

  it('counts once when several take it in at the same time, whoever writes the view', async () => {
    await world.write('t', 0, ['a', { broken: true, tag: 'x', n: 1 }], ['b', { tag: 'x', n: 10 }]);
    await one.views.declare('v', undefined, COUNTED);
    await world.settled(one, 'v');
    await one.views.setState('v', 'PAUSED');
    isMended = true;
    const both = [one, world.instance()];
    const taken = await Promise.all([...both, ...both].map(({ views }) => views.redrive('v', 10)));
    expect(taken.reduce((sum, { taken: number }) => sum + number, 0)).toBe(1);
    expect(await rows()).toEqual([{ tag: 'x', all: 2, total: 11 }]);
  });

  it('counts once when several take it in at the same time while the view is written', async () => {
    await world.write('t', 0, ['a', { broken: true, tag: 'x', n: 1 }], ['b', { tag: 'x', n: 10 }]);
    await one.views.declare('v', undefined, COUNTED);
    await world.settled(one, 'v');
    isMended = true;
    const taken = await Promise.all([1, 2, 3].map(() => one.views.redrive('v', 10)));
    expect(taken.reduce((sum, { taken: number }) => sum + number, 0)).toBe(1);
    expect(await rows()).toEqual([{ tag: 'x', all: 2, total: 11 }]);
  });
});
