import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StoredRecord } from '#libs/core/log';
import { MemoryLogEngine, MemoryLogStorage, WallClock } from '#libs/core/log/testing';
import type { CopyRun } from '../copy/live-copy.js';
import { MergedCopy } from '../copy/merged-copy.js';
import type { Routed } from '../copy/router.js';
import { JsonRecordDecoder } from '../record-decoder.js';
import { appendRows, expectPlaced, readTopic, rekeyed, type RowChange, tableOf } from '../testing/index.js';
import { CopyVerifier } from '../verify/copy-verifier.js';
import { KeyExpression } from './key-expression.js';
import type { RekeyedRows } from './rekeyed-rows.js';
import { RowMemory } from './row-memory.js';
import { TableRouter } from './table-router.js';
import { TableVerifier } from './table-verifier.js';

const clock = new WallClock();

/** People who move between towns: the town is the new key. */
const anyChanges: fc.Arbitrary<RowChange[]> = fc.array(
  fc.record({
    key: fc.constantFrom('ann', 'bob', 'cy', 'dee', 'eve', ''),
    value: fc.oneof(
      { weight: 5, arbitrary: fc.record({ town: fc.constantFrom('A', 'B', 'C', 'D'), n: fc.nat(99) }) },
      { weight: 1, arbitrary: fc.record({ n: fc.nat(99) }) },
      { weight: 2, arbitrary: fc.constant(null) },
    ),
  }),
  { maxLength: 40 },
);

/** The row that is shown under each new key, and where it lies. */
function shownRows(rows: RekeyedRows): Map<string, unknown> {
  const shown = [...rows.shown()].map((row): [string, unknown] => [
    rows.newKey(rows.newKeyOf(row)).toString(),
    { key: rows.key(row).toString(), ...rows.place(row) },
  ]);
  return new Map(shown);
}

class Table {
  readonly engine = new MemoryLogEngine({ storage: new MemoryLogStorage() });
  memory: RowMemory | undefined;
  router: TableRouter | undefined;

  constructor(
    private readonly sources: number,
    private readonly targets: number,
    private readonly wrap: (router: TableRouter) => TableRouter = (router) => router,
  ) {}

  async make(changes: readonly RowChange[]): Promise<void> {
    await this.engine.createTopic({ name: 'old', partitions: this.sources });
    await this.engine.createTopic({ name: 'new', partitions: this.targets, state: 'FENCED' });
    await this.engine.createTopic({ name: '__map', partitions: this.sources });
    await this.engine.createTopic({ name: '__rows', partitions: 1 });
    await this.engine.createTopic({ name: 'letters', partitions: 1 });
    await appendRows(this.engine, 'old', changes);
  }

  get rules() {
    const expression = KeyExpression.parse('value.town');
    return { topic: 'old', expression, decoder: new JsonRecordDecoder(), onMissing: 'dlq' as const };
  }

  /** As a process does that begins: nothing is remembered but what was committed. */
  async open(): Promise<MergedCopy> {
    const { engine } = this;
    this.memory = new RowMemory({ log: engine, topic: '__rows' });
    const routing = {
      sources: this.sources,
      targets: this.targets,
      partitioner: 'murmur2',
      nullKeys: 'spread',
    } as const;
    this.router = this.wrap(
      new TableRouter(routing, { ...this.rules, source: { log: engine, topic: 'old' } }, this.memory),
    );
    const spec = {
      ...{ writerPrefix: 'op', source: 'old', target: 'new', map: '__map', deadLetters: 'letters' },
      ...{ router: this.router, startOffsets: new Array<number>(this.sources).fill(0) },
    };
    return await MergedCopy.openMerged(
      engine,
      spec,
      { idleMs: 0, clock },
      { stepBytes: 20, parallel: 1, tailWaitMs: 2 },
    );
  }

  verifier(copy: MergedCopy, shared: 'fail' | 'newest' = 'newest'): TableVerifier {
    const { engine } = this;
    return new TableVerifier(this.inner(copy), {
      ...{ source: { log: engine, topic: 'old' }, target: { log: engine, topic: 'new' } },
      ...{ positions: () => copy.committed, rules: this.rules, shared, seed: 'any' },
    });
  }

  inner(copy: MergedCopy): CopyVerifier {
    return new CopyVerifier({
      engine: this.engine,
      source: { topic: 'old', startOffsets: new Array<number>(this.sources).fill(0) },
      target: { topic: 'new', startOffsets: new Array<number>(this.targets).fill(0) },
      map: copy.map,
      router: this.router!,
      level: 'full',
    });
  }

  /** Condition T, as of what was committed. */
  async expectTable(copy: MergedCopy): Promise<void> {
    const source = await readTopic(this.engine, 'old');
    const copied = source.flatMap((records, s) => records.filter((one) => one.offset < copy.positions[s]!));
    const target = await readTopic(this.engine, 'new');
    expect(tableOf(target)).toEqual(rekeyed(copied, (value) => value['town']));
    expectPlaced(target);
  }
}

const run = (pace: () => Promise<void> = async () => undefined): CopyRun => ({
  signal: new AbortController().signal,
  pace,
  report: () => undefined,
});

describe('a table under a new key', () => {
  it('is the table of the source, each row under its new key, at every commit, also where a process was cut off', async () => {
    const scenario = fc.record({
      changes: anyChanges,
      sources: fc.integer({ min: 1, max: 3 }),
      targets: fc.integer({ min: 1, max: 3 }),
      cutAfter: fc.integer({ min: 1, max: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ changes, sources, targets, cutAfter }) => {
        const table = new Table(sources, targets);
        await table.make(changes);
        const first = await table.open();
        let steps = 0;
        const cut = run(async () => {
          await table.expectTable(first);
          if (++steps > cutAfter) throw new Error('cut off');
        });
        await first.copyTo(await first.sourceEnds(), cut).catch((error: unknown) => {
          expect(error).toMatchObject({ message: 'cut off' });
        });
        const copy = await table.open();
        await copy.copyTo(
          await copy.sourceEnds(),
          run(() => table.expectTable(copy)),
        );
        await table.expectTable(copy);
        const { mismatches } = await table.verifier(copy).advance();
        expect(mismatches).toEqual([]);
        // What is remembered is what was committed.
        const again = new RowMemory({ log: table.engine, topic: '__rows' });
        await again.recall();
        if (changes.length > 0) {
          expect(shownRows(again.rows)).toEqual(shownRows(table.memory!.rows));
          expect([again.rows.size, again.rows.shared]).toEqual([table.memory!.rows.size, table.memory!.rows.shared]);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('follows writers, and verifies step by step', async () => {
    const table = new Table(2, 3);
    await table.make([
      { key: 'ann', value: { town: 'A' } },
      { key: 'bob', value: { town: 'B' } },
    ]);
    const copy = await table.open();
    const verifier = table.verifier(copy);
    await copy.copyTo(await copy.sourceEnds(), run());
    expect((await verifier.advance()).mismatches).toEqual([]);
    const moves: readonly RowChange[] = [
      { key: 'ann', value: { town: 'C' } },
      { key: 'bob', value: { town: 'A' } },
      { key: 'ann', value: null },
    ];
    for (const [n, change] of moves.entries()) {
      await appendRows(table.engine, 'old', [change], 1_700_000_001_000 + n);
      await copy.copyTo(await copy.sourceEnds(), run());
      await table.expectTable(copy);
      expect((await verifier.advance()).mismatches).toEqual([]);
    }
    expect([...tableOf(await readTopic(table.engine, 'new')).keys()]).toEqual(['A']);
  });

  /** A router that forgets something of what it should write. */
  const forgetting = (keeps: (one: { readonly value: Uint8Array | null }, n: number) => boolean) => {
    let n = 0;
    return (router: TableRouter): TableRouter => {
      const route = router.route.bind(router);
      router.rekeyInPlace = () => -1;
      router.route = async (record: StoredRecord, source: number): Promise<Routed> => {
        const routed = await route(record, source);
        if (typeof routed === 'number' || !('several' in routed || 'target' in routed)) return routed;
        const placed = 'target' in routed ? [routed] : routed.several;
        const several = placed.filter((one) => keeps(one.record, n++));
        return several.length > 0 ? { several } : { rule: 'forgotten', deadLetter: false };
      };
      return router;
    };
  };
  const moved: readonly RowChange[] = [
    { key: 'ann', value: { town: 'A', n: 1 } },
    { key: 'bob', value: { town: 'B', n: 1 } },
    { key: 'ann', value: { town: 'C', n: 2 } },
    { key: 'bob', value: { town: 'B', n: 3 } },
  ];

  it('negative control: a row that was resurrected, left out or is out of date is found, though the copy noted nothing of it', async () => {
    const controls = [
      ['unclaimed', forgetting(({ value }) => value !== null)],
      ['missing', forgetting((_, n) => n !== 3)],
      ['different', forgetting((_, n) => n !== 4)],
    ] as const;
    for (const [kind, wrap] of controls) {
      const table = new Table(2, 2, wrap);
      await table.make(moved);
      const copy = await table.open();
      await copy.copyTo(await copy.sourceEnds(), run());
      expect((await table.inner(copy).advance()).mismatches, kind).toEqual([]);
      const { mismatches } = await table.verifier(copy).advance();
      expect(mismatches.map((one) => one.kind)).toEqual([kind]);
    }
  });

  it('negative control: what is written to the target by others is found', async () => {
    const table = new Table(2, 2);
    await table.make(moved);
    const copy = await table.open();
    await copy.copyTo(await copy.sourceEnds(), run());
    await table.engine.setTopicState('new', 'ACTIVE');
    await appendRows(table.engine, 'new', [{ key: 'A', value: { town: 'A' } }]);
    const { mismatches } = await table.verifier(copy).advance();
    expect(mismatches.map((one) => one.kind)).toEqual(['unclaimed', 'unclaimed']);
  });

  it('names rows that have one new key where they must not, and shows the last of them where they may', async () => {
    const table = new Table(2, 2);
    await table.make([
      { key: 'ann', value: { town: 'A', n: 1 } },
      { key: 'bob', value: { town: 'A', n: 2 } },
    ]);
    const copy = await table.open();
    await copy.copyTo(await copy.sourceEnds(), run());
    const verifier = table.verifier(copy, 'fail');
    await expect(verifier.advance()).rejects.toMatchObject({ code: 'shared-new-key', details: { count: 1 } });
    expect(tableOf(await readTopic(table.engine, 'new'))).toEqual(new Map([['A', '{"town":"A","n":2}']]));
    await appendRows(table.engine, 'old', [{ key: 'bob', value: null }], 1_700_000_001_000);
    await copy.copyTo(await copy.sourceEnds(), run());
    expect((await verifier.advance()).mismatches).toEqual([]);
    expect(tableOf(await readTopic(table.engine, 'new'))).toEqual(new Map([['A', '{"town":"A","n":1}']]));
  });
});
