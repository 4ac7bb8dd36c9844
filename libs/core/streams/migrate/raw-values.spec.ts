import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '#libs/core/kernel';
import { encodeBatch } from '#libs/core/log';
import { drive, MigrationWorld, ScriptedTransforms } from '../testing/index.js';
import { rawWriter, readRaw } from './raw-values.js';

const scripts = {
  wrap: ({ value }: { value: unknown }) => ({ data: value }),
  unwrap: ({ value }: { value: unknown }) => (value as { data: unknown }).data,
};

async function worldOf(values: readonly Uint8Array[]): Promise<MigrationWorld> {
  const world = new MigrationWorld(new ScriptedTransforms(scripts));
  await world.engine.createTopic({ name: 'blobs', partitions: 1 });
  for (const value of values) {
    const record = { key: Buffer.from('k'), value, headers: [], timestamp: 1 };
    await world.engine.append({ topic: 'blobs', partition: 0 }, encodeBatch([record]));
  }
  return world;
}

const valuesOf = async (world: MigrationWorld): Promise<Buffer[]> =>
  (await world.read('blobs')).flat().map((one) => Buffer.from(one.value!));

const toJson = (encoding: string): JsonObject => ({
  topic: 'blobs',
  source: { type: 'raw', encoding },
  format: { type: 'json' },
  transform: { up: [{ shape: 'wrap' }], down: [{ shape: 'unwrap' }] },
});

describe('values that are any bytes', () => {
  it('are a string of JSON and the same bytes again', async () => {
    const bytes = fc.uint8Array({ maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(bytes, fc.constantFrom('base64' as const, 'text' as const), async (given, encoding) => {
        const format = { kind: 'raw' as const, encoding };
        const isText = Buffer.from(Buffer.from(given).toString('utf8')).equals(Buffer.from(given));
        if (encoding === 'text' && !isText) {
          expect(() => readRaw('blobs', given, format)).toThrow('UTF-8');
          return;
        }
        const { bytes: again } = await rawWriter(format).write(readRaw('blobs', given, format).text);
        expect(Buffer.from(again)).toEqual(Buffer.from(given));
      }),
    );
  });

  it('become JSON, and go back to the bytes they were with what was written since', async () => {
    const values = [Buffer.from([0, 255, 1]), Buffer.from('plain'), Buffer.alloc(0)];
    const world = await worldOf(values);
    const operation = await world.planned(toJson('base64'));
    expect(operation.plan.blockers).toEqual([]);
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect((await valuesOf(world)).map(String)).toEqual(['{"data":"AP8B"}', '{"data":"cGxhaW4="}', '{"data":""}']);
    await world.write('blobs', 'k', '{"data":"/w=="}');
    operation.phase = 'ROLLING_BACK';
    await drive(world.process(), operation, { until: 'ROLLED_BACK' });
    expect(await valuesOf(world)).toEqual([...values, Buffer.from([255])]);
  });

  it('are made of JSON, and what is no such string is refused', async () => {
    const world = await worldOf([Buffer.from('{"data":"caf\u00e9"}'), Buffer.from('{"data":3}')]);
    const operation = await world.planned({
      topic: 'blobs',
      format: { type: 'raw', encoding: 'text' },
      transform: { up: [{ shape: 'unwrap' }], down: [{ shape: 'wrap' }] },
      poison: { policy: 'dlq' },
    });
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect((await valuesOf(world)).map(String)).toEqual(['café']);
    expect(operation.notes['errors']).toMatchObject({ dlq: 1, byClass: { 'value-does-not-fit-schema': 1 } });
  });

  it('are refused as text where they are none, and stay bytes unless another format is asked for', async () => {
    const world = await worldOf([Buffer.from([0xff]), Buffer.from('a')]);
    expect((await world.planned(toJson('text'))).plan.blockers).toContainEqual(expect.stringContaining('undecodable'));
    const settings = { topic: 'blobs', source: { encoding: 'base64' }, config: { 'retention.ms': '1000' } };
    const operation = await world.planned(settings);
    await drive(world.process(), operation, { until: 'SWITCHED' });
    expect(await valuesOf(world)).toEqual([Buffer.from([0xff]), Buffer.from('a')]);
    await expect(world.planned({ ...toJson('base64'), source: { type: 'json' } })).rejects.toMatchObject({
      items: [{ path: 'source.type' }],
    });
  });
});
