import { describe, expect, it } from 'vitest';
import type { StagingChange } from './staging.js';
import { MemoryImportStaging } from './testing/index.js';
import { Upload } from './upload.js';

const KIB = 1_024;
const LIMITS = { totalBytes: 64 * KIB * KIB, entryBytes: 4 * KIB * KIB, entries: 10_000 };

/** Remembers how much was written at once. */
class Watched extends MemoryImportStaging {
  readonly batches: number[] = [];

  override async write(id: string, changes: readonly StagingChange[]): Promise<void> {
    this.batches.push(changes.length);
    await super.write(id, changes);
  }
}

/** A record of a dump, as JSON. */
function recordOf(n: number, more: object = {}): { readonly key: string; readonly value: string } {
  const key = { keytype: 'SCHEMA', subject: `s${n}`, version: 1, magic: 1 };
  const value = { subject: `s${n}`, version: 1, id: n + 1, schema: '"string"', deleted: false, ...more };
  return { key: JSON.stringify(key), value: JSON.stringify(value) };
}

type Print = (record: ReturnType<typeof recordOf>) => string;

/** How tools write a record on a line. */
const PRINTS: [string, Print][] = [
  ['as it stands', ({ key, value }) => `${key}\t${value}`],
  ['as a text', ({ key, value }) => JSON.stringify({ key, value })],
  [
    'in base64',
    ({ key, value }) =>
      JSON.stringify({ key: Buffer.from(key).toString('base64'), value: Buffer.from(value).toString('base64') }),
  ],
];

async function uploaded(lines: readonly string[], turn?: () => Promise<void>): Promise<Watched> {
  const staging = new Watched();
  await staging.begin('u', 0);
  await new Upload(staging, 'u', LIMITS, turn).read(
    (async function* () {
      for (const line of lines) yield Buffer.from(`${line}\n`);
    })(),
  );
  return staging;
}

describe('what is posted', () => {
  it('is staged many small lines at a time, and long ones as they come, so that memory holds one of them and nothing writes two without a rest', async () => {
    const line = (n: number, more?: object): string => {
      const { key, value } = recordOf(n, more);
      return `${key}\t${value}`;
    };
    const small = await uploaded(Array.from({ length: 450 }, (_, n) => line(n)));
    expect(small.batches.slice(0, 2)).toEqual([200, 200]);
    const long = { schema: JSON.stringify({ type: 'string', doc: 'x'.repeat(600 * KIB) }) };
    const large = await uploaded(Array.from({ length: 9 }, (_, n) => line(n, long)));
    expect(large.batches.slice(0, 4)).toEqual([1, 1, 1, 1]);
  });

  it.each<[string, Print]>(PRINTS)(
    'is looked at before it is parsed, %s: what nests too deep is refused',
    async (_, print) => {
      const nested = (levels: number): object => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`) as object;
      await expect(uploaded([print(recordOf(1, { ruleSet: nested(100) }))])).rejects.toMatchObject({
        code: 'import-damaged',
        message: expect.stringContaining('64 levels') as string,
      });
      await expect(uploaded([print(recordOf(1, { other: nested(20) }))])).resolves.toBeDefined();
    },
  );

  it.each<[string, Print]>(PRINTS)('is bounded in its values before it is parsed, %s', async (_, print) => {
    const properties = (count: number) => ({
      metadata: { properties: Object.fromEntries(Array.from({ length: count }, (__, n) => [`p${n}`, ''])) },
    });
    await expect(uploaded([print(recordOf(1, properties(10_000)))])).rejects.toMatchObject({
      code: 'import-too-large',
      details: { value: 10_000, limit: 'values of a line' },
    });
    await expect(uploaded([print(recordOf(1, properties(9_900)))])).resolves.toBeDefined();
  });

  it('lets others have their turn between the steps of a long line', async () => {
    let turns = 0;
    const after = async (characters: number): Promise<number> => {
      turns = 0;
      await uploaded([PRINTS[0]![1](recordOf(1, { schema: 'x'.repeat(characters) }))], async () => void turns++);
      return turns;
    };
    expect(await after(1_000)).toBe(0);
    // Once it is text, measured, parsed, and at the end; each side of a record likewise.
    expect(await after(300_000)).toBeGreaterThanOrEqual(6);
  });

  it.each<[string, Print]>(PRINTS)(
    'names a schema and a data contract that are longer than limits allow, %s',
    async (_, print) => {
      const factsOf = async (more: object) => (await (await uploaded([print(recordOf(1, more))])).find('u'))!.facts;
      const text = await factsOf({ schema: 'x'.repeat(1_048_577) });
      expect(text['invalid']).toEqual({
        count: 1,
        first: [
          expect.stringContaining("its schema is longer than the limit 'textLength' of 1048576 characters: 1048577"),
        ],
      });
      const contract = await factsOf({ metadata: { properties: { p: 'x'.repeat(2_097_152) } } });
      expect(contract['invalid']).toMatchObject({ first: [expect.stringContaining("'settingsLength' of 2097152")] });
      expect(await factsOf({ schema: 'x'.repeat(1_048_576) })).toMatchObject({ invalid: { count: 0 } });
    },
  );
});
