import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runService, type RunningService } from './testing/running-service.js';
import { ServiceCalls } from './testing/service-calls.js';

const record = (name: string, fields: unknown[]) => JSON.stringify({ type: 'record', name, fields });
const ADDRESS = record('Address', [{ name: 'city', type: 'string' }]);
const ORDER = record('Order', [{ name: 'to', type: 'Address' }]);
const THING = record('Thing', [{ name: 'n', type: 'int' }]);

describe('values that name schemas of another registry or context', () => {
  const running: RunningService[] = [];
  const start = async (env: Record<string, string> = {}) => {
    const service = await runService(env);
    running.push(service);
    return new ServiceCalls(() => service.url);
  };
  let source: ServiceCalls;
  let target: ServiceCalls;

  beforeAll(async () => {
    source = await start();
    target = await start({
      WEIR_REGISTRIES: JSON.stringify({ old: { url: source.url(), allowedAddresses: ['127.0.0.0/8'] } }),
    });
    await target.registry.put('/config', { compatibility: 'NONE' });
  });
  afterAll(async () => {
    for (const service of running) await service.stop();
  });

  const produceRaw = (topic: string, values: readonly Buffer[]) =>
    target.records.produce(
      topic,
      values.map((value) => ({ key: 'k', value: value.toString('base64') })),
      { valueFormat: 'binary' },
    );

  async function migrated(request: object): Promise<string> {
    const id = await target.operations.begin('/v1/migrations/plans', { ...request, cutover: { mode: 'auto' } });
    const state = async () => (await target.operations.operation(id)).state;
    await expect.poll(state, { interval: 20, timeout: 30_000 }).toMatch(/^(SWITCHED|FAILED|BLOCKED)$/);
    expect(await target.operations.operation(id)).toMatchObject({ state: 'SWITCHED' });
    return id;
  }

  it('come to name the same content here, with what it refers to registered before it', async () => {
    for (const type of ['"int"', '"long"']) await source.registry.registered('filler', type);
    await source.registry.put('/config', { compatibility: 'NONE' });
    await source.registry.registered('filler', '"bytes"');
    await source.registry.registered('address', ADDRESS);
    await source.registry.registered('order-value', ORDER, {
      references: [{ name: 'Address', subject: 'address', version: 1 }],
    });
    await source.records.topic('order');
    const sent = await source.records.produce('order', [{ key: 'k', value: { to: { city: 'Oslo' } } }], {
      valueFormat: 'schema',
    });
    expect(sent.status).toBe(200);
    const [foreign] = await source.records.rawValues('order');
    // Another schema stands under the reference's version here, so that the right one gets the next.
    await target.registry.registered('address', '"string"');
    await target.records.topic('order');
    await produceRaw('order', [foreign!]);
    const schemaIds = { from: { registry: 'old' } };
    const blocked = await target.operations.plan('/v1/migrations/plans', { topic: 'order', schemaIds });
    expect(blocked.blockers).toContainEqual(expect.stringContaining("('order-value'); register them there"));
    await migrated({ topic: 'order', schemaIds: { ...schemaIds, register: true } });
    const [raw] = await target.records.rawValues('order');
    expect(raw!.subarray(5)).toEqual(foreign!.subarray(5));
    expect(raw!.readInt32BE(1)).not.toBe(foreign!.readInt32BE(1));
    expect((await target.records.read('order')).map((one) => one.value)).toEqual([{ to: { city: 'Oslo' } }]);
    const registered = await target.registry.get<{ references: object[] }>('/subjects/order-value/versions/1');
    expect(registered.json.references).toEqual([{ name: 'Address', subject: 'address', version: 2 }]);
  });

  it('go from a context to another one and back, and bytes that only look like a message stay apart', async () => {
    const legacy = await target.registry.registered(':.legacy:thing-value', THING);
    await target.registry.registered('thing-filler', '"double"');
    const here = await target.registry.registered('thing-value', THING);
    expect(here.id).not.toBe(legacy.id);
    await target.records.topic('thing');
    const valueOf = (id: number, payload: readonly number[]): Buffer => {
      const bytes = Buffer.from([0, 0, 0, 0, 0, ...payload]);
      bytes.writeInt32BE(id, 1);
      return bytes;
    };
    await produceRaw('thing', [valueOf(legacy.id, [84]), valueOf(legacy.id, [0xff, 0xff, 0xff])]);
    const schemaIds = { from: { context: '.legacy' } };
    const id = await migrated({ topic: 'thing', schemaIds, poison: { policy: 'dlq' } });
    expect(await target.operations.operation(id)).toMatchObject({
      errors: { read: 2, written: 1, dlq: 1, byClass: { undecodable: 1 } },
    });
    expect(await target.records.rawValues('thing')).toEqual([valueOf(here.id, [84])]);
    await produceRaw('thing', [valueOf(here.id, [86])]);
    await target.operations.demand('POST', `/v1/operations/${id}:rollback`);
    const state = async () => (await target.operations.operation(id)).state;
    await expect.poll(state, { interval: 20, timeout: 30_000 }).toBe('ROLLED_BACK');
    expect((await target.records.rawValues('thing')).at(-1)).toEqual(valueOf(legacy.id, [86]));
  });
});
