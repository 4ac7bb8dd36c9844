import { describe, expect, it } from 'vitest';
import { dumpRecordFrom } from './dump-line.js';
import { ImportWorld, REGISTRY_TOPIC, WRITTEN, type Written } from './testing/index.js';

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64');
const json = JSON.stringify;

/** How tools print a record, by tool. */
const PRINTERS: Readonly<Record<string, (record: Written, n: number) => string>> = {
  'the console consumer': ([key, value]) => `${json(key)}\t${json(value)}`,
  'the console consumer on Windows': ([key, value]) => `${json(key)}\t${json(value)}\r`,
  'kcat with a tab, which prints nothing for null': ([key, value]) =>
    `${json(key)}\t${value === null ? '' : json(value)}`,
  'kcat -J': ([key, value], n) =>
    json({
      topic: '_schemas',
      partition: 0,
      offset: n,
      tstype: 'create',
      ts: WRITTEN + n,
      key: json(key),
      payload: value && json(value),
    }),
  'a tool that prints base64': ([key, value]) => `${base64(key)}\t${value === null ? 'NULL' : base64(value)}`,
  'a tool that prints objects': ([key, value]) => json({ key, value }),
  'a tool that prints base64 in objects': ([key, value]) => json({ key: base64(key), value: value && base64(value) }),
};

const noTurn = async (): Promise<void> => undefined;

describe('a dump', () => {
  it.each(Object.entries(PRINTERS))('as %s prints it is understood', async (_tool, print) => {
    const imported = async (text: string) => {
      const world = new ImportWorld();
      await world.imported({ source: { upload: await world.uploaded(text) } });
      return (await world.exported()).replace(/,"ts":\d+/g, '').replace(/"sha256":.*/, '');
    };
    const plain = PRINTERS['the console consumer']!;
    expect(await imported(REGISTRY_TOPIC.map(print).join('\n'))).toBe(
      await imported(`\n${REGISTRY_TOPIC.map(plain).join('\n\n')}\n`),
    );
  });

  it('tells when a record was written, where its tool does', async () => {
    const [record] = REGISTRY_TOPIC;
    expect(await dumpRecordFrom(PRINTERS['kcat -J']!(record!, 7), 1, noTurn)).toMatchObject({ at: WRITTEN + 7 });
    expect(await dumpRecordFrom(json({ key: record![0], ts: 'soon' }), 1, noTurn)).not.toHaveProperty('at');
  });

  it.each([
    'hello',
    '{"a":1}',
    '7',
    'a\tb',
    '{"keytype":"SCHEMA"}',
    '{"key":{"keytype":7}}',
    '%%%\t%%%',
    '{"order":1}\t{}',
  ])('has no line %s', async (line) => {
    await expect(dumpRecordFrom(line, 3, noTurn)).rejects.toMatchObject({ code: 'import-damaged' });
  });
});
