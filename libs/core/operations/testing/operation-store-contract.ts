import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NewEvent, OperationRecord } from '../operation-record.js';
import type { OperationStore } from '../operation-store.js';
import type { ProgressSnapshot } from '../progress-meter.js';
import { operationRecord, storedPlan } from './records.js';

export interface OpenedOperations {
  readonly store: OperationStore;
  /** The same store for another instance: its own connection where there is such a thing. */
  readonly other: OperationStore;
  close(): Promise<void>;
}

const CREATED = [{ type: 'created', data: { by: 'ann' } }];

/** An id that sorts by `n`. */
function id(n: number): string {
  return `op_${String(n).padStart(26, '0')}`;
}

function next(record: OperationRecord, changes: Partial<OperationRecord>, events = 0): OperationRecord {
  return { ...record, ...changes, revision: record.revision + 1, lastSequence: record.lastSequence + events };
}

const SNAPSHOT: ProgressSnapshot = {
  progress: { recordsDone: 5, recordsTotal: null, totalIsEstimate: false, bytesDone: 50, partitions: [] },
  at: 2_000,
  activeMs: 100,
  rate: 1.5,
  bytesRate: null,
  writerRate: 0,
  partitionRates: { '0': 1.5 },
  throttled: { reason: 'rate limit', since: 1_999 },
};

/** What every {@link OperationStore} keeps. Each test gets a store of its own, empty. */
export function operationStoreContract(name: string, open: () => Promise<OpenedOperations>): void {
  describe(`${name} as OperationStore`, () => {
    let opened: OpenedOperations;
    let store: OperationStore;
    beforeEach(async () => {
      opened = await open();
      store = opened.store;
    });
    afterEach(() => opened.close());

    const create = async (changes: Partial<OperationRecord> = {}): Promise<OperationRecord> => {
      const record = operationRecord(changes);
      expect(await store.create(record, CREATED)).toEqual({ outcome: 'created' });
      return record;
    };

    describe('plans', () => {
      it('come back as they were stored, every member of them', async () => {
        const plan = storedPlan({
          parameters: { nested: { list: [1, null, 'ü', { __x: true }], big: 2 ** 53 - 1, 'odd key': '\u0000?' } },
          risks: ['slow'],
          controls: {
            cutover: 'automatic',
            maxPauseMs: 5,
            limits: { recordsPerSecond: 1, bytesPerSecond: null, maxGroupLagMs: null },
          },
          estimates: { etaSeconds: 1.5, pauseMs: 2, records: 3, bytes: null },
        });
        await store.savePlan(plan);
        expect(await opened.other.plan(plan.hash)).toEqual(plan);
        expect(await store.plan('unknown')).toBeUndefined();
      });

      it('of one hash are one: the first stays, also when many save at once', async () => {
        const plan = storedPlan();
        await Promise.all([1, 2, 3, 4].map((n) => store.savePlan({ ...plan, createdAt: n, createdBy: `by-${n}` })));
        const kept = await store.plan(plan.hash);
        await store.savePlan({ ...plan, createdAt: 99 });
        expect(await store.plan(plan.hash)).toEqual(kept);
      });

      it('are forgotten when they are old and nothing was started from them', async () => {
        for (const [hash, createdAt] of [
          ['old', 1],
          ['used', 1],
          ['new', 100],
        ] as const) {
          await store.savePlan({ ...storedPlan(), hash, createdAt });
        }
        await create({ planHash: 'used' });
        expect(await store.prunePlans(100)).toBe(1);
        expect(await store.plan('old')).toBeUndefined();
        expect(await store.plan('used')).toBeDefined();
        expect(await store.plan('new')).toBeDefined();
      });
    });

    describe('creating', () => {
      it('stores the whole record with its events', async () => {
        const record = await create({
          notes: { a: { b: [1] } },
          limits: { recordsPerSecond: 5, bytesPerSecond: null, maxGroupLagMs: 1 },
          approval: { required: true, by: null, at: null },
        });
        expect(await opened.other.operation(record.id)).toEqual(record);
        expect(await store.events(record.id, 0, 10)).toEqual([
          { operationId: record.id, sequence: 1, at: 1_000, type: 'created', data: { by: 'ann' } },
        ]);
        expect(await store.operation(id(99))).toBeUndefined();
      });

      it('is refused while a live operation has the subject, and leaves nothing behind', async () => {
        const holder = await create({ id: id(1) });
        const outcome = await store.create(operationRecord({ id: id(2) }), CREATED, { key: 'k', requestHash: 'h' });
        expect(outcome).toEqual({ outcome: 'subject-busy', holder });
        expect(await store.operation(id(2))).toBeUndefined();
        expect(await store.events(id(2), 0, 10)).toEqual([]);
        expect(await store.startedBefore('k')).toBeUndefined();
        expect(await store.liveOn(holder.subject)).toEqual(holder);
        await create({ id: id(3), subject: 'topic:local/other' });
      });

      it('has several subjects to itself, all or nothing, until it is over, and is found by each', async () => {
        const [orders, payments] = ['topic:local/orders', 'topic:local/payments'];
        const both = await create({ id: id(1), subject: orders, alsoOn: [payments] });
        for (const subject of [orders, payments]) {
          expect(await store.liveOn(subject)).toEqual(both);
          const other = operationRecord({ id: id(2), subject });
          expect(await store.create(other, CREATED)).toEqual({ outcome: 'subject-busy', holder: both });
          expect((await store.list({ subject }, 10)).map((one) => one.id)).toEqual([both.id]);
        }
        const also = operationRecord({ id: id(2), subject: 'topic:local/free', alsoOn: [payments] });
        expect(await store.create(also, CREATED)).toEqual({ outcome: 'subject-busy', holder: both });
        expect(await store.liveOn('topic:local/free')).toBeUndefined();
        expect(await store.write(next(both, { phase: 'CANCELLED', endedAt: 5 }), [])).toBe(true);
        expect(await store.liveOn(payments)).toBeUndefined();
        const later = await create({ id: id(3), subject: payments });
        expect((await store.list({ subject: payments }, 10)).map((one) => one.id)).toEqual([later.id, both.id]);
      });

      it('lets one of many through who ask for one subject at once, on all instances', async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 10 }, (_, i) =>
            (i % 2 === 0 ? store : opened.other).create(operationRecord({ id: id(i + 1) }), CREATED),
          ),
        );
        expect(outcomes.filter((one) => one.outcome === 'created')).toHaveLength(1);
        expect(outcomes.filter((one) => one.outcome === 'subject-busy')).toHaveLength(9);
        expect(await store.list({}, 100)).toHaveLength(1);
      });

      it('is possible again when the former operation is over', async () => {
        const first = await create({ id: id(1) });
        expect(await store.write(next(first, { phase: 'CANCELLED', endedAt: 5 }), [])).toBe(true);
        expect(await store.liveOn(first.subject)).toBeUndefined();
        await create({ id: id(2) });
      });

      it('under a key answers what the key started, whatever is asked now', async () => {
        const key = { key: 'ann\nk1', requestHash: 'h1' };
        expect(await store.create(operationRecord({ id: id(1) }), CREATED, key)).toEqual({ outcome: 'created' });
        const before = { requestHash: 'h1', operationId: id(1) };
        const again = { key: 'ann\nk1', requestHash: 'h2' };
        const other = operationRecord({ id: id(2), subject: 'topic:local/other' });
        expect(await store.create(other, CREATED, again)).toEqual({ outcome: 'key-used', before });
        expect(await store.operation(id(2))).toBeUndefined();
        expect(await opened.other.startedBefore('ann\nk1')).toEqual(before);
        expect(await store.startedBefore('ann\nk2')).toBeUndefined();
      });

      it('under one key starts one operation, however many ask at once', async () => {
        const outcomes = await Promise.all(
          Array.from({ length: 8 }, (_, i) =>
            store.create(operationRecord({ id: id(i + 1), subject: `topic:local/t${i}` }), CREATED, {
              key: 'k',
              requestHash: 'h',
            }),
          ),
        );
        expect(outcomes.filter((one) => one.outcome === 'created')).toHaveLength(1);
        expect(outcomes.filter((one) => one.outcome === 'key-used')).toHaveLength(7);
        expect(await store.list({}, 100)).toHaveLength(1);
      });

      it('forgets keys when they are old', async () => {
        await store.create(operationRecord({ createdAt: 100 }), CREATED, { key: 'k', requestHash: 'h' });
        await store.pruneStartKeys(100);
        expect(await store.startedBefore('k')).toBeDefined();
        await store.pruneStartKeys(101);
        expect(await store.startedBefore('k')).toBeUndefined();
      });
    });

    describe('writing', () => {
      it('replaces the record and appends the events in one step', async () => {
        const record = await create();
        const moved = next(record, { phase: 'PREPARING', updatedAt: 7, epoch: 3, worker: 'w', notes: { a: 1 } }, 2);
        const events: NewEvent[] = [
          { type: 'phase', data: { from: 'PLANNED', to: 'PREPARING' } },
          { type: 'note', data: {} },
        ];
        expect(await store.write(moved, events)).toBe(true);
        expect(await opened.other.operation(record.id)).toEqual(moved);
        expect(await store.events(record.id, 1, 10)).toEqual([
          { operationId: record.id, sequence: 2, at: 7, ...events[0] },
          { operationId: record.id, sequence: 3, at: 7, ...events[1] },
        ]);
      });

      it('that saw an older revision does nothing, events included', async () => {
        const record = await create();
        const first = next(record, { phase: 'PREPARING' }, 1);
        expect(await store.write(first, [{ type: 'phase', data: {} }])).toBe(true);
        expect(await store.write(next(record, { phase: 'READY' }, 1), [{ type: 'phase', data: {} }])).toBe(false);
        expect(await store.write({ ...first, revision: 9 }, [])).toBe(false);
        expect(await store.operation(record.id)).toEqual(first);
        expect(await store.events(record.id, 0, 10)).toHaveLength(2);
        expect(await store.write(operationRecord({ id: id(77), revision: 2 }), [])).toBe(false);
      });

      it('lets exactly one of many through who saw the same revision, on all instances', async () => {
        const record = await create();
        const results = await Promise.all(
          Array.from({ length: 10 }, (_, i) =>
            (i % 2 === 0 ? store : opened.other).write(next(record, { reason: `writer ${i}` }, 1), [
              { type: 'phase', data: { i } },
            ]),
          ),
        );
        expect(results.filter(Boolean)).toHaveLength(1);
        const events = await store.events(record.id, 0, 100);
        expect(events.map((one) => one.sequence)).toEqual([1, 2]);
        const stored = await store.operation(record.id);
        expect(stored?.reason).toBe(`writer ${String(events[1]?.data['i'])}`);
      });

      it('of a deposed worker is refused even when it knows the revision', async () => {
        const record = await create();
        const claimed = next(record, { epoch: 5, worker: 'new' });
        expect(await store.write(claimed, [])).toBe(true);
        expect(await store.write(next(claimed, { epoch: 4, phase: 'READY' }), [])).toBe(false);
        expect(await store.write(next(claimed, { epoch: 5, phase: 'PREPARING' }), [])).toBe(true);
      });

      it('numbers events without gaps over many writes', async () => {
        let record = await create();
        for (let i = 0; i < 20; i++) {
          const events = Array.from({ length: i % 3 }, () => ({ type: 'x', data: { i } }));
          const written = next(record, {}, events.length);
          expect(await store.write(written, events)).toBe(true);
          record = written;
        }
        const events = await store.events(record.id, 0, 1_000);
        expect(events.map((one) => one.sequence)).toEqual(Array.from({ length: events.length }, (_, i) => i + 1));
        expect(record.lastSequence).toBe(events.length);
        expect((await store.events(record.id, 5, 3)).map((one) => one.sequence)).toEqual([6, 7, 8]);
      });
    });

    describe('progress', () => {
      it('is kept beside the record and survives its writes', async () => {
        const record = await create({ epoch: 2 });
        expect(await store.saveProgress(record.id, 2, SNAPSHOT)).toBe(true);
        expect(await opened.other.operation(record.id)).toEqual({ ...record, progress: SNAPSHOT });
        const moved = next(record, { phase: 'PREPARING' });
        expect(await store.write(moved, [])).toBe(true);
        expect(await store.operation(record.id)).toEqual({ ...moved, progress: SNAPSHOT });
      });

      it('of a deposed worker is not taken', async () => {
        const record = await create({ epoch: 2 });
        expect(await store.saveProgress(record.id, 1, SNAPSHOT)).toBe(false);
        expect(await store.saveProgress(id(9), 2, SNAPSHOT)).toBe(false);
        expect((await store.operation(record.id))?.progress).toBeNull();
      });
    });

    describe('looking', () => {
      beforeEach(async () => {
        await create({ id: id(1), kind: 'repartition', subject: 's1' });
        await create({ id: id(2), kind: 'repartition', subject: 's2', phase: 'COPYING', hold: 'PAUSED' });
        await create({ id: id(3), kind: 'migration', subject: 's3', phase: 'COPYING' });
        const ended = await create({ id: id(4), kind: 'migration', subject: 's1-old', planHash: 'p4' });
        await store.write(next(ended, { phase: 'FINISHED', endedAt: 9 }), []);
      });
      const ids = async (...query: Parameters<OperationStore['list']>) =>
        (await store.list(...query)).map((one) => Number(one.id.slice(3)));

      it('lists newest first, in pages that join without gap or repeat', async () => {
        expect(await ids({}, 10)).toEqual([4, 3, 2, 1]);
        expect(await ids({}, 2)).toEqual([4, 3]);
        expect(await ids({}, 2, id(3))).toEqual([2, 1]);
        expect(await ids({}, 2, id(1))).toEqual([]);
      });

      it('filters by kind, subject, plan, state and life, all together', async () => {
        expect(await ids({ kind: 'repartition' }, 10)).toEqual([2, 1]);
        expect(await ids({ subject: 's3' }, 10)).toEqual([3]);
        expect(await ids({ planHash: 'p4' }, 10)).toEqual([4]);
        expect(await ids({ state: 'COPYING' }, 10)).toEqual([3]);
        expect(await ids({ state: 'PAUSED' }, 10)).toEqual([2]);
        expect(await ids({ live: true }, 10)).toEqual([3, 2, 1]);
        expect(await ids({ live: false }, 10)).toEqual([4]);
        expect(await ids({ kind: 'migration', live: true }, 10)).toEqual([3]);
        expect(await ids({ kind: "x' or 1=1" }, 10)).toEqual([]);
      });

      it('counts by kind and state', async () => {
        const counts = [...(await store.counts())].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
        expect(counts).toEqual([
          { kind: 'migration', phase: 'COPYING', hold: null, count: 1 },
          { kind: 'migration', phase: 'FINISHED', hold: null, count: 1 },
          { kind: 'repartition', phase: 'COPYING', hold: 'PAUSED', count: 1 },
          { kind: 'repartition', phase: 'PLANNED', hold: null, count: 1 },
        ]);
      });
    });
  });
}
