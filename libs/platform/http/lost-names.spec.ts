import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ZodListsPipe, ZodPipe } from './zod-pipe.js';

const map = z.record(z.string().max(20), z.union([z.string(), z.null()]));
/** A body as it comes from the wire: there `__proto__` is a member like any other. */
const sent = (text: string): unknown => JSON.parse(text);
const refusalOf = async (task: () => unknown): Promise<unknown> => {
  try {
    return await task();
  } catch (error) {
    return error;
  }
};

describe('a name that zod passes over in a map', () => {
  const shape = z.strictObject({
    config: map.default({}).describe('Settings.'),
    topics: z.array(z.strictObject({ labels: map.optional() }).nullable()).optional(),
    deep: z.record(z.string(), map).optional(),
    either: z.union([z.string(), map]).optional(),
    anything: z.unknown().optional(),
  });

  it.each([
    ['in a map', '{"config":{"retention.ms":"1","__proto__":"2"}}', ['/config/__proto__']],
    ['in an entry of a list', '{"topics":[null,{"labels":{"__proto__":null}}]}', ['/topics/1/labels/__proto__']],
    ['in a map of maps', '{"deep":{"a":{"__proto__":"x"}}}', ['/deep/a/__proto__']],
    ['in one of several forms', '{"either":{"__proto__":"x"}}', ['/either/__proto__']],
    [
      'more than once',
      '{"config":{"__proto__":"x"},"deep":{"__proto__":{}}}',
      ['/config/__proto__', '/deep/__proto__'],
    ],
  ])('is refused by its place: %s', async (_what, text, paths) => {
    const body = sent(text);
    expect(shape.safeParse(body).success, 'control: by itself it would be left out in silence').toBe(true);
    expect(await refusalOf(() => new ZodPipe(shape).transform(body))).toMatchObject({
      code: 'invalid-request',
      items: paths.map((path) => ({ path, message: 'is not known here' })),
    });
  });

  it('is refused in a body that is a map, and in long lists', async () => {
    expect(await refusalOf(() => new ZodPipe(map).transform(sent('{"__proto__":"1"}')))).toMatchObject({
      items: [{ path: '/__proto__' }],
    });
    const entry = z.strictObject({ labels: map });
    const lists = new ZodListsPipe(z.strictObject({ rows: z.array(entry) }), { rows: { entry, min: 0, max: 1_000 } });
    const rows = Array.from({ length: 300 }, (_, i) => sent(`{"labels":{"${i === 250 ? '__proto__' : 'a'}":"1"}}`));
    expect(await refusalOf(() => lists.transform({ rows }))).toMatchObject({
      items: [{ path: '/rows/250/labels/__proto__' }],
    });
  });

  it('is data where anything is, and other names are names', () => {
    const body = sent('{"config":{"constructor":"1","toString":"2"},"anything":{"__proto__":{"a":1}}}');
    expect(new ZodPipe(shape).transform(body)).toEqual(body);
  });
});
