import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runService, type RunningService } from './testing/running-service.js';
import { ServiceCalls } from './testing/service-calls.js';

let running: RunningService;
let service: ServiceCalls;
let number = 0;
beforeAll(async () => {
  running = await runService();
  service = new ServiceCalls(() => running.url);
});
afterAll(() => running.stop());

/** A schema of a random shape in one of the languages: which members there are, and of which type. */
const TYPES = { int: 'integer', string: 'string', boolean: 'boolean' } as const;
const members = fc.uniqueArray(
  fc.record({ name: fc.constantFrom('a', 'b', 'c'), type: fc.constantFrom('int', 'string', 'boolean') }),
  { selector: (one) => one.name, minLength: 1 },
);
type Members = readonly { readonly name: string; readonly type: keyof typeof TYPES }[];

const avroOf = (list: Members): string =>
  JSON.stringify({ type: 'record', name: 'Any', fields: list.map(({ name, type }) => ({ name, type })) });
const jsonSchemaOf = (list: Members): string =>
  JSON.stringify({
    type: 'object',
    properties: Object.fromEntries(list.map(({ name, type }) => [name, { type: TYPES[type] }])),
    required: list.map(({ name }) => name),
    additionalProperties: false,
  });

const anyMember = fc.oneof(fc.integer({ min: -9, max: 9 }), fc.constantFrom('x', ''), fc.boolean(), fc.constant(null));
const values = fc.array(fc.dictionary(fc.constantFrom('a', 'b', 'c'), anyMember, { maxKeys: 3 }), {
  minLength: 1,
  maxLength: 12,
});

/** Whether a value is one of the schema, by an oracle that shares nothing with the codecs. */
function fits(list: Members, value: Readonly<Record<string, unknown>>): boolean {
  const is = {
    int: Number.isInteger,
    string: (one: unknown) => typeof one === 'string',
    boolean: (one: unknown) => typeof one === 'boolean',
  };
  return (
    list.every(({ name, type }) => is[type](value[name])) &&
    Object.keys(value).every((name) => list.some((one) => one.name === name))
  );
}

it('M1: whatever the values and the schema, what a migration writes is of the schema, and everything else is a dead letter', async () => {
  const { records, operations } = service;
  const language = fc.constantFrom('AVRO' as const, 'JSON' as const);
  await fc.assert(
    fc.asyncProperty(members, language, values, async (shape, schemaType, given) => {
      const list = shape as Members;
      const topic = `t${number++}`;
      await records.topic(topic, 1);
      const id = await records.register(
        `${topic}-value`,
        schemaType,
        schemaType === 'AVRO' ? avroOf(list) : jsonSchemaOf(list),
      );
      await records.produce(
        topic,
        given.map((value, n) => ({ key: `k${n}`, value })),
        { valueFormat: 'json' },
      );
      const operation = await operations.begin('/v1/migrations/plans', {
        topic,
        format: { subject: `${topic}-value` },
        poison: { policy: 'dlq' },
        cutover: { mode: 'auto', maxPauseMs: 60_000 },
      });
      const state = async () => (await operations.operation(operation)).state;
      await expect.poll(state, { interval: 10, timeout: 60_000 }).toMatch(/^(SWITCHED|FAILED|BLOCKED)$/);
      expect(await operations.operation(operation)).toMatchObject({
        state: 'SWITCHED',
        verification: { state: 'passed' },
      });
      const fitting = given.filter((value) => fits(list, value));
      const written = await records.read(topic);
      expect(written.map((one) => one.value)).toEqual(
        fitting.map((value) => expect.objectContaining(value) as unknown),
      );
      for (const one of written) expect(one).toMatchObject({ valueFormat: 'schema', valueSchemaId: id });
      const letters = given.length > fitting.length ? await records.read(`${topic}.dlq`) : [];
      expect(letters.map((one) => one.value)).toEqual(given.filter((value) => !fits(list, value)));
      // Read as one of them by who takes nothing else.
      const again = await records.produce(
        topic,
        written.map(({ key, value }) => ({ key, value })),
        {
          valueFormat: 'schema',
          valueSchemaId: id,
        },
      );
      if (written.length > 0) expect(again.status).toBe(200);
    }),
    { numRuns: 12 },
  );
}, 300_000);
