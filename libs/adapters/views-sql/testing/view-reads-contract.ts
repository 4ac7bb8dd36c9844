import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deferred, isAppError, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { PositionToken } from '#libs/core/log';
import { ViewVersions, type ViewPositions } from '#libs/core/streams';
import { SOON, ViewWorld, type ViewInstance, type WorldTables } from './view-world.js';

const ROUTES: JsonObject = {
  source: { topic: 't' },
  joins: [
    { as: 'start', topic: 'airports', on: 'value.from' },
    { as: 'goal', topic: 'airports', on: 'value.to' },
  ],
  key: { id: 'key' },
  columns: { start: 'start.value.city', goal: 'goal.value.city' },
};
/** Place of the second join among the topics of the view. */
const GOAL = 2;

/** A write of one record: a route, or the city of an airport; without a value the end of its key. */
const anyWrite = fc.oneof(
  fc.record({
    topic: fc.constant('t' as const),
    partition: fc.integer({ min: 0, max: 1 }),
    key: fc.constantFrom('r1', 'r2', 'r3'),
    value: fc.option(fc.record({ from: fc.constantFrom('OSL', 'BGO'), to: fc.constantFrom('OSL', 'BGO', 'TRD') }), {
      nil: undefined,
    }),
  }),
  fc.record({
    topic: fc.constant('airports' as const),
    partition: fc.constant(0),
    key: fc.constantFrom('OSL', 'BGO', 'TRD'),
    value: fc.option(fc.record({ city: fc.stringMatching(/^[a-z]{0,3}$/) }), { nil: undefined }),
  }),
);

/** What is written, and the rows that follow from it. */
class WrittenRoutes {
  /** The last write to each partition. */
  readonly #last = new Map<string, PositionToken>();
  readonly #state = { t: new Map<string, JsonObject>(), airports: new Map<string, JsonObject>() };
  #time = 0;

  constructor(private readonly world: ViewWorld) {}

  async write({ topic, partition, key, value }: typeof anyWrite extends fc.Arbitrary<infer T> ? T : never) {
    // Of a key in several partitions the later time wins.
    const token = await this.world.write(topic, partition, [key, value, ++this.#time]);
    if (value === undefined) this.#state[topic].delete(key);
    else this.#state[topic].set(key, value);
    this.#last.set(`${topic}/${partition}`, token);
  }

  get tokens(): readonly PositionToken[] {
    return [...this.#last.values()];
  }

  rows(): JsonObject[] {
    const city = (airport: JsonValue | undefined): JsonValue =>
      this.#state.airports.get(String(airport))?.['city'] ?? null;
    const rows = [...this.#state.t].map(([id, { from, to }]) => ({ id, start: city(from), goal: city(to) }));
    return rows.sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}

/** Columns that versions of a view are declared to have. */
const COLUMNS: readonly JsonObject[] = [
  { all: { aggregate: 'count' }, total: { aggregate: 'sum', of: 'value.n' } },
  { most: { aggregate: 'max', of: 'value.n' } },
  { total: { aggregate: 'sum', of: 'value.n' }, least: { aggregate: 'min', of: 'value.n' } },
];

interface Event {
  readonly tag: string;
  readonly n: number;
}

type Happening =
  | { readonly kind: 'write'; readonly partition: number; readonly event: Event }
  | { readonly kind: 'draft'; readonly declaration: number | undefined }
  | { readonly kind: 'activate' | 'rollback' | 'retire' };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      partition: fc.integer({ min: 0, max: 1 }),
      event: fc.record({ tag: fc.constantFrom('a', 'b', 'c', 'd'), n: fc.integer({ min: 0, max: 9 }) }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('draft' as const),
      declaration: fc.option(fc.nat({ max: COLUMNS.length - 1 }), { nil: undefined }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom<Happening>({ kind: 'activate' }, { kind: 'rollback' }, { kind: 'retire' }),
  },
);

/** An answer, as it is judged: which version of the view it says it is of, and where that stood. */
interface Seen {
  readonly version: number;
  readonly positions: ViewPositions;
  readonly rows: readonly Readonly<Record<string, JsonValue>>[];
  /** Of a page: the key of the last row before it, and how many rows it may have. */
  readonly page?: { readonly after: string; readonly limit: number };
  /** Where the view had to stand at least, by partition. */
  readonly atLeast: readonly number[];
}

/** A view whose versions change while others ask it. */
class ChangingView {
  readonly #events: Event[][] = [[], []];
  readonly #declared = new Map<number, JsonObject>();
  /** How far answers have been, by partition. */
  #shown: readonly number[] = [0, 0];
  /** How far they have to be: as far as any was before the last change of versions began. */
  #atLeast: readonly number[] = [0, 0];

  private constructor(
    readonly name: string,
    private readonly world: ViewWorld,
    private readonly one: ViewInstance,
  ) {}

  /** With a topic of its own. */
  static async declare(name: string, world: ViewWorld, one: ViewInstance): Promise<ChangingView> {
    const view = new ChangingView(name, world, one);
    await world.engine.createTopic({ name, partitions: 2 });
    await one.views.declare(name, undefined, view.#declaration(0));
    view.#declared.set(1, view.#declaration(0));
    return view;
  }

  #declaration(number: number): JsonObject {
    return {
      source: { topic: this.name, mode: 'events' },
      key: { tag: 'value.tag' },
      columns: COLUMNS[number]!,
    };
  }

  async write(partition: number, event: Event): Promise<void> {
    this.#events[partition]!.push(event);
    await this.world.write(this.name, partition, ['k', event as unknown as JsonValue]);
  }

  /** What cannot be done now is not. */
  async happen(one: Happening): Promise<void> {
    if (one.kind === 'write') return this.write(one.partition, one.event);
    const { versions } = this.one.views;
    const all = (await versions.list(this.name)).map(({ stored }) => stored);
    const draft = all.find(({ role }) => role === 'DRAFT');
    const previous = all.filter(({ role }) => role === 'PREVIOUS');
    if (one.kind === 'draft' && draft === undefined) {
      const declaration = one.declaration === undefined ? undefined : this.#declaration(one.declaration);
      const { stored } = await versions.draft(this.name, declaration);
      this.#declared.set(stored.version, stored.declaration);
    } else if (one.kind === 'activate' && draft !== undefined) {
      await this.changed(() => versions.activate(this.name, draft.version, { incomplete: false, waitMs: 30_000 }));
    } else if (one.kind === 'rollback' && previous.length > 0) {
      await this.changed(() =>
        versions.activate(this.name, previous.at(-1)!.version, { incomplete: true, waitMs: 30_000 }),
      );
    } else if (one.kind === 'retire' && previous.length > 0)
      await versions.retire(this.name, previous[0]!.version, { incomplete: false });
  }

  /** A change of versions: who asks after it is answered at least as far as anybody was before. */
  async changed(change: () => Promise<unknown>): Promise<void> {
    const shown = this.#shown;
    await change();
    this.#atLeast = further(this.#atLeast, shown);
  }

  /** One page after the other to the end, or to a change of versions. */
  async pages(limit: number): Promise<Seen[]> {
    const seen: Seen[] = [];
    for (let cursor: string | null | undefined, after = ''; cursor !== null;) {
      const query = new Map([
        ['order', ['tag']],
        ['limit', [String(limit)]],
        ...(cursor === undefined ? [] : [['cursor', [cursor]] as const]),
      ] as [string, string[]][]);
      const atLeast = this.#atLeast;
      try {
        const { status, answer } = await this.one.views.query(this.name, query, undefined);
        const { rows, positions, next } = answer;
        const { version } = status.stored;
        seen.push(this.#noted({ version, positions, rows, page: { after, limit }, atLeast }));
        cursor = next;
        after = String(rows.at(-1)?.['tag']);
      } catch (error) {
        // Of another version, and said so.
        if (cursor === undefined || !isAppError(error, 'cursor-of-another-query')) throw error;
        cursor = null;
      }
    }
    return seen;
  }

  async whole(): Promise<Seen> {
    const atLeast = this.#atLeast;
    const { status, answer } = await this.one.views.stream(this.name, new Map([['order', ['tag']]]), undefined);
    const rows: Record<string, JsonValue>[] = [];
    try {
      for await (const chunk of answer.chunks)
        for (const row of chunk)
          rows.push(Object.fromEntries(answer.query.select.map((column, place) => [column, row[place]!])));
    } finally {
      await answer.close();
    }
    return this.#noted({ version: status.stored.version, positions: answer.positions, rows, atLeast });
  }

  #noted(seen: Seen): Seen {
    this.#shown = further(this.#shown, readOf(seen));
    return seen;
  }

  /** @throws unless the answer has the rows of one version, all of them and as they were where it says that it stood, and that is as far as it had to be. */
  judge(seen: Seen): void {
    const { version, rows, page, atLeast } = seen;
    const next = readOf(seen);
    expect(further(next, atLeast)).toEqual(next);
    const read = this.#events.flatMap((events, partition) => events.slice(0, next[partition]));
    const whole = folded(this.#declared.get(version)!, read);
    expect(rows).toEqual(
      page === undefined ? whole : whole.filter(({ tag }) => String(tag) > page.after).slice(0, page.limit),
    );
  }
}

const readOf = ({ positions }: Pick<Seen, 'positions'>): readonly number[] => positions.sources[0]?.next ?? [0, 0];

const further = (one: readonly number[], other: readonly number[]): readonly number[] =>
  one.map((next, partition) => Math.max(next, other[partition]!));

/** The rows of a declaration, computed of all records at once. */
function folded({ columns }: JsonObject, events: readonly Event[]): JsonObject[] {
  const tags = [...new Set(events.map(({ tag }) => tag))].sort();
  return tags.map((tag) => {
    const numbers = events.filter((one) => one.tag === tag).map(({ n }) => n);
    const values: Record<string, number> = {
      all: numbers.length,
      total: numbers.reduce((sum, n) => sum + n, 0),
      most: Math.max(...numbers),
      least: Math.min(...numbers),
    };
    return { tag, ...Object.fromEntries(Object.keys(columns as JsonObject).map((name) => [name, values[name]!])) };
  });
}

/** What whoever asks a view is promised, on whatever database: conditions V4 and V5, each with what it would be without. */
export function viewReadsContract(name: string, tables: () => Promise<WorldTables>): void {
  let number = 0;

  describe(`a read with the token of a write, on ${name}`, () => {
    let world: ViewWorld;
    let one: ViewInstance;
    let elsewhere: ViewInstance;
    let routes: WrittenRoutes;

    beforeEach(async () => {
      world = await ViewWorld.open(undefined, { tables });
      await world.engine.createTopic({ name: 'airports', partitions: 1 });
      one = world.instance();
      elsewhere = world.instance();
      routes = new WrittenRoutes(world);
    });
    afterEach(() => world.close());

    const ask = async ({ views }: ViewInstance, view: string, waitMs = 20_000) =>
      (await views.query(view, new Map(), { tokens: routes.tokens, waitMs })).answer.rows;

    it('sees it and all before it, whatever was written where and whichever instance is asked (V5)', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(anyWrite, fc.boolean()), { minLength: 1, maxLength: 12 }),
          async (writes) => {
            const view = `v${number++}`;
            await one.views.declare(view, undefined, ROUTES);
            for (const [write, isHere] of writes) {
              await routes.write(write);
              expect(await ask(isHere ? one : elsewhere, view)).toEqual(routes.rows());
            }
            await one.views.delete(view);
          },
        ),
        { numRuns: 15 },
      );
    });

    it('would not see it if the view said that it was further than it is', async () => {
      await one.views.declare('v', undefined, ROUTES);
      await routes.write({ topic: 't', partition: 0, key: 'r1', value: { from: 'OSL', to: 'BGO' } });
      expect(await ask(elsewhere, 'v')).toEqual(routes.rows());
      const held = deferred<void>();
      const [apply, positions] = [world.tables.apply.bind(world.tables), world.tables.positions.bind(world.tables)];
      world.tables.apply = (...given) => held.promise.then(() => apply(...given));
      await routes.write({ topic: 't', partition: 0, key: 'r2', value: { from: 'OSL', to: 'TRD' } });
      await expect(ask(elsewhere, 'v', 50)).rejects.toMatchObject({ code: 'view-behind' });
      world.tables.positions = async (...given) => {
        const { sources, ...rest } = await positions(...given);
        return { ...rest, sources: sources.map((at) => at && { ...at, next: at.next.map((next) => next + 1) }) };
      };
      expect(await ask(elsewhere, 'v')).not.toEqual(routes.rows());
      world.tables.positions = positions;
      held.resolve();
      expect(await ask(elsewhere, 'v')).toEqual(routes.rows());
    });

    it('waits until both tables have it where the view reads a topic twice', async () => {
      await world.write('t', 0, ['r1', { from: 'OSL', to: 'BGO' }]);
      await world.write('airports', 0, ['OSL', { city: 'Oslo' }], ['BGO', { city: 'Bergen' }]);
      await one.views.declare('v', undefined, ROUTES);
      await world.settled(one, 'v');
      const apply = world.tables.apply.bind(world.tables);
      const held = deferred<void>();
      world.tables.apply = async (...given) => {
        if (given[3].move?.source === GOAL) await held.promise;
        return apply(...given);
      };
      // Only one of the tables can have it: their steps come one after the other.
      const token = await world.write('airports', 0, ['BGO', { city: 'Bjørgvin' }], ['OSL', { city: 'Kristiania' }]);
      const asked = (waitMs: number) => one.views.query('v', new Map(), { tokens: [token], waitMs });
      await expect(asked(100)).rejects.toMatchObject({ code: 'view-behind' });
      held.resolve();
      const { answer } = await asked(20_000);
      expect(answer.rows).toEqual([{ id: 'r1', start: 'Kristiania', goal: 'Bjørgvin' }]);
    });
  });

  describe(`a read while versions change, on ${name}`, () => {
    let world: ViewWorld;
    let one: ViewInstance;

    beforeEach(async () => {
      world = await ViewWorld.open(undefined, { tables });
      one = world.instance();
    });
    afterEach(() => world.close());

    it('has the rows of one version that has read all that was to be read, as they were where it says that it stands (V4)', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(happening, { minLength: 4, maxLength: 16 }),
          fc.integer({ min: 1, max: 3 }),
          async (happenings, limit) => {
            const view = await ChangingView.declare(`v${number++}`, world, one);
            let isChanging = true;
            const seen: Seen[] = [];
            const asking = [
              async () => seen.push(...(await view.pages(limit))),
              async () => seen.push(await view.whole()),
            ].map(async (ask) => {
              // Not only those who ask get to do something.
              for (; isChanging; await turn()) await ask();
            });
            const changing = (async () => {
              try {
                for (const one of happenings) await view.happen(one);
              } finally {
                isChanging = false;
              }
            })();
            await Promise.all([changing, ...asking]);
            seen.push(...(await view.pages(limit)), await view.whole());
            for (const answer of seen) view.judge(answer);
            await one.views.delete(view.name);
          },
        ),
        { numRuns: 15 },
      );
    });

    /** A view that has read two events, with a draft that does not get to read anything. */
    async function withStuckDraft(): Promise<{ readonly view: ChangingView; readonly goOn: () => void }> {
      const view = await ChangingView.declare('v', world, one);
      await view.write(0, { tag: 'a', n: 1 });
      await view.write(1, { tag: 'b', n: 2 });
      await world.settled(one, 'v');
      const held = deferred<void>();
      const apply = world.tables.apply.bind(world.tables);
      const { stored } = await one.views.describe('v');
      world.tables.apply = async (...given) => {
        if (given[0] !== stored.id) await held.promise;
        return apply(...given);
      };
      await view.happen({ kind: 'draft', declaration: 1 });
      return { view, goOn: held.resolve };
    }

    it('would have the rows of a version that is half built if that were activated as it is', async () => {
      const { view, goOn } = await withStuckDraft();
      view.judge(await view.whole());
      await expect(one.views.versions.activate('v', 2, { incomplete: false })).rejects.toMatchObject({
        code: 'view-version-behind',
      });
      const wait = vi.spyOn(ViewVersions.prototype, 'untilRead').mockResolvedValue();
      try {
        await view.changed(() => one.views.versions.activate('v', 2, { incomplete: false }));
      } finally {
        wait.mockRestore();
      }
      const halfBuilt = await view.whole();
      expect(() => view.judge(halfBuilt)).toThrow();
      goOn();
      await world.settled(one, 'v');
      view.judge(await view.whole());
    });

    it('does not go back in time: a version whose steps take long is not activated before it has read as much', async () => {
      const view = await ChangingView.declare('v', world, one);
      await view.happen({ kind: 'draft', declaration: undefined });
      await view.write(0, { tag: 'a', n: 1 });
      await world.settled(one, 'v');
      await expect.poll(async () => (await one.views.versions.list('v'))[1]?.positions?.commit, SOON).toBe(1);
      await expect.poll(async () => (await one.views.versions.list('v'))[1]?.lag, SOON).toBe(0);
      const [held, apply] = [deferred<void>(), world.tables.apply.bind(world.tables)];
      const { stored } = await one.views.describe('v');
      world.tables.apply = async (...given) => {
        if (given[0] !== stored.id) await held.promise;
        return apply(...given);
      };
      await view.write(0, { tag: 'a', n: 2 });
      await world.settled(one, 'v');
      view.judge(await view.whole());
      const activate = (waitMs: number) =>
        view.changed(() => one.views.versions.activate('v', 2, { incomplete: false, waitMs }));
      await expect(activate(0)).rejects.toMatchObject({ code: 'view-version-behind', details: { lag: 1 } });
      const activating = activate(20_000);
      held.resolve();
      await activating;
      view.judge(await view.whole());
    });

    it('would have rows and a position that do not belong together if they were not read at once', async () => {
      const view = await ChangingView.declare('v', world, one);
      await view.write(0, { tag: 'a', n: 1 });
      await world.settled(one, 'v');
      const query = world.tables.query.bind(world.tables);
      world.tables.query = async (...given) => {
        const answer = await query(...given);
        const before = answer.positions.commit;
        await view.write(0, { tag: 'a', n: 2 });
        await expect
          .poll(async () => (await world.tables.positions(given[0], given[1])).commit)
          .toBeGreaterThan(before);
        return { ...answer, positions: await world.tables.positions(given[0], given[1]) };
      };
      const [mixed] = await view.pages(5);
      world.tables.query = query;
      expect(() => view.judge(mixed!)).toThrow();
      for (const page of await view.pages(5)) view.judge(page);
    });

    it('is not gone on with in another version: the next page is refused', async () => {
      const view = await ChangingView.declare('v', world, one);
      for (const tag of ['a', 'b', 'c']) await view.write(0, { tag, n: 1 });
      await world.settled(one, 'v');
      const page = (more: Record<string, string[]>) =>
        one.views.query('v', new Map(Object.entries({ limit: ['1'], ...more })), undefined);
      const { answer } = await page({});
      await view.happen({ kind: 'draft', declaration: undefined });
      await view.happen({ kind: 'activate' });
      await expect(page({ cursor: [answer.next!] })).rejects.toMatchObject({ code: 'cursor-of-another-query' });
    });
  });
}
