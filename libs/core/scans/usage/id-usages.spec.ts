import { beforeEach, describe, expect, it } from 'vitest';
import { parseSubject, subjectText } from '#libs/core/registry';
import { namedByGuid, namedById, ScanWorld } from '../testing/index.js';

const signal = new AbortController().signal;
const record = (name: string, ...fields: object[]) => JSON.stringify({ type: 'record', name, fields });

describe('the use of an id', () => {
  let world: ScanWorld;
  beforeEach(async () => {
    world = new ScanWorld();
    await world.log.createTopic({ name: 'orders', partitions: 1 });
  });

  async function register(subject: string, schema: string, references: object[] = []) {
    const sent = { schema, references: references as never };
    const options = { normalize: false, force: false };
    return (await world.registry.register(parseSubject(subject), sent, options)).schema;
  }
  const usage = (id: number, scan?: string) => world.idUsages().usageOf(id, scan, signal);

  it('is that of all versions that carry it, in every context, and of records by any of their GUIDs', async () => {
    const first = await register('a', record('A'));
    expect((await register('b', record('A'))).id).toBe(first.id);
    const elsewhere = await register(':.other:c', record('C'));
    expect([elsewhere.id, elsewhere.guid === first.guid]).toEqual([first.id, false]);
    await world.append('orders', 0, [namedById(first.id), namedByGuid(first.guid), namedByGuid(elsewhere.guid)]);
    const told = await usage(first.id);
    expect(told.entries.map(({ schema }) => [schema.context, schema.guid])).toEqual([
      ['.', first.guid],
      ['.other', elsewhere.guid],
    ]);
    expect(told.versions.map(({ subject, version, verdict }) => [subjectText(subject), version, verdict])).toEqual([
      ['a', 1, 'safe'],
      ['b', 1, 'safe'],
      [':.other:c', 1, 'safe'],
    ]);
    expect([told.verdict, told.reasons.map(({ code }) => code)]).toEqual(['in-use', ['records-retained']]);
    expect(told.counts).toMatchObject([{ values: 3, last: 2 }]);
  });

  it('is safe to end only when none of its versions is needed', async () => {
    const { id } = await register('a', record('A'));
    await register('b', record('A'));
    expect((await usage(id)).verdict).toBe('safe');
    await register('user', record('U', { name: 'f', type: 'A' }), [{ name: 'A', subject: 'b', version: 1 }]);
    const told = await usage(id);
    expect([told.verdict, told.reasons]).toEqual(['in-use', []]);
    expect(told.versions.map(({ verdict, reasons }) => [verdict, reasons.map(({ code }) => code)])).toEqual([
      ['safe', []],
      ['in-use', ['schema-referenced']],
    ]);
  });

  it('rests on the versions of one and on the verdict of each', async () => {
    const { id } = await register('orders-value', record('A'));
    const version = await world.usages().usageOf(parseSubject('orders-value'), 1, undefined, signal);
    const told = await usage(id);
    expect(told.verdict).toBe(version.verdict);
    expect([...told.reasons, ...told.versions.flatMap(({ reasons }) => reasons)]).toEqual(version.reasons);
  });

  it('takes a scan, and is unknown where too little has been looked at', async () => {
    const { id } = await register('a', record('A'));
    await world.append('orders', 0, [namedById(id)]);
    const scan = await world.start(world.usageHandler(), {});
    await world.run(scan, world.usageHandler());
    await world.append('orders', 0, [namedById(id)]);
    const told = await usage(id, scan);
    expect([told.counts[0]?.values, told.census.scan]).toEqual([2, scan]);
    const none = world.idUsages({ records: 0, bytes: 0 });
    expect((await none.usageOf(id, undefined, signal)).verdict).toBe('unknown');
  });

  it('is refused for an id of nothing, and for one that more carry than are looked at', async () => {
    await expect(usage(77)).rejects.toMatchObject({ code: 'schema-not-found' });
    const { id } = await register('a', '"int"');
    for (let n = 0; n < 1_000; n++) await register(`s${n}`, '"int"');
    await expect(usage(id)).rejects.toMatchObject({
      code: 'usage-too-wide',
      details: { value: 1_000, measured: 1_001 },
    });
  });
});
