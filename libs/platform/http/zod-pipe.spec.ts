import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ZodListsPipe, ZodPipe } from './zod-pipe.js';

const entry = z.strictObject({ name: z.string(), size: z.int().default(1) });
const schema = z
  .strictObject({ title: z.string(), entries: z.array(entry).min(1).max(1_000) })
  .refine(({ title, entries }) => title !== 'one' || entries.length === 1, { message: 'is not one' });
const lists = new ZodListsPipe(schema, { entries: { entry, min: 1, max: 1_000 } });
const plain = new ZodPipe(schema);

const entriesOf = (count: number) => Array.from({ length: count }, (_, i): object => ({ name: `n${i}` }));

async function thrownBy(task: () => unknown): Promise<unknown> {
  try {
    await task();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('a body with long lists', () => {
  it('is what it would be, parsed in one go', async () => {
    for (const count of [1, 199, 200, 201, 1_000]) {
      const body = { title: 't', entries: entriesOf(count) };
      expect(await lists.transform(body)).toEqual(plain.transform(body));
    }
  });

  it.each([
    ['no object', 7],
    ['no list', { title: 't', entries: {} }],
    ['an empty list', { title: 't', entries: [] }],
    ['an unknown member', { title: 't', entries: entriesOf(1), __proto__x: 1 }],
    ['an entry that is none', { title: 't', entries: [...entriesOf(707), { name: 4 }] }],
    ['an unknown member of an entry', { title: 't', entries: [...entriesOf(3), { name: 'a', colour: 'red' }] }],
    ['what is wrong as a whole', { title: 'one', entries: entriesOf(2) }],
  ])('is refused as it would be: %s', async (_what, body) => {
    const refusal = await thrownBy(() => lists.transform(body));
    expect(refusal).toMatchObject({ code: 'invalid-request' });
    expect(refusal).toEqual(await thrownBy(() => plain.transform(body)));
  });

  it('is refused where a list is too long, with its limit and its length', async () => {
    const refusal = await thrownBy(() => lists.transform({ title: 't', entries: entriesOf(1_001) }));
    expect(refusal).toMatchObject({
      kind: 'too-large',
      code: 'list-too-long',
      details: { limit: 'entries', value: 1_000, measured: 1_001 },
    });
  });

  it('lets others have their turn between its entries', async () => {
    let turns = 0;
    let parsed = false;
    const count = (): void => {
      turns++;
      if (!parsed) setImmediate(count);
    };
    setImmediate(count);
    await lists.transform({ title: 't', entries: entriesOf(1_000) });
    parsed = true;
    expect(turns).toBeGreaterThanOrEqual(5);
  });
});
