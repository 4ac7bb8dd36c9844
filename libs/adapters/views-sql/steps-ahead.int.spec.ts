import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deferred, type JsonObject, type JsonValue } from '#libs/core/kernel';
import {
  JsonRecordDecoder,
  parseDeclaration,
  SourceReader,
  ViewSteps,
  ViewWorker,
  type RefusedPlace,
  type ViewDefinition,
} from '#libs/core/streams';
import { AnsweredTransforms, GivenTypes } from '#libs/core/streams/testing';
import { ViewWorld } from './testing/view-world.js';

const TOTALS: JsonObject = {
  source: { topic: 't', mode: 'events' },
  key: { tag: 'value.tag' },
  columns: { total: { aggregate: 'sum', of: 'value.n' } },
};

/** Behind the key of a group and the number of its records. */
const TOTAL = 2;

const ROWS: JsonObject = {
  source: { topic: 't' },
  key: { id: 'key' },
  columns: { n: 'value.n' },
};

/** Cannot read some values until it is told to. */
class MendedDecoder extends JsonRecordDecoder {
  isMended = false;

  override value(topic: string, bytes: Uint8Array): JsonValue {
    const value = super.value(topic, bytes) as JsonObject;
    return value['n'] === 'many' && this.isMended ? { ...value, n: 1_000 } : value;
  }
}

describe('steps of a view that are computed while the one before is stored', () => {
  let world: ViewWorld;
  let decoder: MendedDecoder;
  let worker: ViewWorker;
  let view: ViewDefinition;

  beforeEach(async () => {
    world = await ViewWorld.open();
    decoder = new MendedDecoder();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await world.close();
  });

  /** A view that is read a batch a step. */
  async function make(declaration: JsonObject): Promise<void> {
    const transforms = new AnsweredTransforms();
    const { definition } = await parseDeclaration('v', 'local', declaration, { types: new GivenTypes(), transforms });
    view = definition;
    await world.tables.create('v', view);
    const reader = new SourceReader(world.directories.of('local'), world.names, 't');
    const { tables, clock } = world;
    const tools = { decoder, transforms };
    worker = new ViewWorker({ id: 'v', view, tables, readers: [reader], tools, clock, stepBytes: 1 });
  }

  const read = (): Promise<void> => worker.catchUp({ signal: new AbortController().signal });

  async function stored(identities: readonly string[]): Promise<readonly unknown[]> {
    const rows = await world.tables.rows('v', view, 0, identities);
    return identities.map((identity) => rows.get(identity)?.slice(0));
  }

  it('need not wait for it where all rows are new', async () => {
    await make(ROWS);
    for (let n = 0; n < 4; n++) await world.write('t', 0, [`k${n}`, { n }]);
    const { tables } = world;
    const apply = tables.apply.bind(tables);
    const [asked, held] = [deferred<void>(), deferred<void>()];
    let applied = 0;
    tables.apply = async (...given) => {
      if (++applied === 2) {
        asked.resolve();
        await held.promise;
      }
      return apply(...given);
    };
    const ahead = vi.spyOn(ViewSteps.prototype, 'changesAhead');
    const reading = read();
    await asked.promise;
    // Of the third step, while the second waits; the fourth comes behind it.
    await expect.poll(() => ahead.mock.calls.length).toBe(2);
    expect(await ahead.mock.results[1]!.value).toMatchObject({ commit: 2, changes: [{ added: [{ identity: 'k2' }] }] });
    expect(applied).toBe(2);
    held.resolve();
    await reading;
    expect(applied).toBe(4);
    expect((await stored(['k0', 'k1', 'k2', 'k3'])).filter((row) => row !== undefined)).toHaveLength(4);
  });

  it('rest on what it has stored where they share a row', async () => {
    await make(TOTALS);
    for (let n = 0; n < 40; n++) await world.write('t', n % 2, ['k', { tag: n % 3 === 0 ? 'a' : 'b', n }]);
    await read();
    const rows = await world.tables.find('v', view, { table: 0, limit: 10 });
    const sums = rows.map(({ cells }) => [cells[0], cells[TOTAL]]);
    const sumOf = (wanted: boolean): number =>
      Array.from({ length: 40 }, (_, n) => n).reduce((sum, n) => sum + ((n % 3 === 0) === wanted ? n : 0), 0);
    expect(sums).toEqual([
      ['a', sumOf(true)],
      ['b', sumOf(false)],
    ]);
  });

  /** A total of ones, and of a record that is taken in after all between a step that was computed ahead and its turn. @returns the total */
  async function disturbed(): Promise<unknown> {
    await make(TOTALS);
    await world.write('t', 0, ['k', { tag: 'a', n: 'many' }], ['k', { tag: 'a', n: 1 }]);
    for (let n = 0; n < 5; n++) await world.write('t', 0, ['k', { tag: 'a', n: 1 }]);
    const { tables } = world;
    const rows = tables.rows.bind(tables);
    const place: RefusedPlace = { source: 0, generation: 1, partition: 0, offset: 0 };
    let asked = 0;
    tables.rows = async (...given) => {
      const found = await rows(...given);
      if (++asked === 2) {
        decoder.isMended = true;
        expect(await worker.redrive([place])).toEqual({ taken: 1, refused: 0, gone: 0 });
      }
      return found;
    };
    await read();
    expect(asked).toBeGreaterThan(2);
    const [row] = await tables.find('v', view, { table: 0, limit: 1 });
    return row!.cells[TOTAL];
  }

  it('are computed again when something else was stored in between', async () => {
    expect(await disturbed()).toBe(1_006);
  });

  it('would lose it if they counted on whatever commit', async () => {
    const ahead = ViewSteps.prototype.changesAhead;
    vi.spyOn(ViewSteps.prototype, 'changesAhead').mockImplementation(async function (this: never, ...given) {
      const computed = await ahead.apply(this, given);
      const steps = this as InstanceType<typeof ViewSteps>;
      return (
        computed && {
          changes: computed.changes,
          get commit() {
            return steps.positions.commit;
          },
        }
      );
    });
    expect(await disturbed()).toBe(6);
  });
});
