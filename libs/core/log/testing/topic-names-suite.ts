import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type PartitionerSpec,
  type TopicGuard,
  type TopicNames,
  type TopicPlace,
  UNGUARDED,
  UNKNOWN_OPENING,
} from '../index.js';

const salted: PartitionerSpec = { kind: 'salted', base: 'murmur2', keys: ['JFK', 'base64:AP8='], salts: 3 };

/** What a suite is given to try: the name table, empty, and what takes it away again. */
export interface TopicNamesSubject {
  readonly names: TopicNames;
  readonly dispose?: () => Promise<void>;
}

/** What every {@link TopicNames} keeps. */
export function topicNamesSuite(name: string, open: () => Promise<TopicNamesSubject>): void {
  describe(`topic names: ${name}`, () => {
    let subject: TopicNamesSubject;
    let names: TopicNames;

    beforeEach(async () => {
      subject = await open();
      names = subject.names;
    });

    afterEach(async () => subject.dispose?.());

    it('knows nothing of a name that was never moved', async () => {
      expect(await names.find('log', 'orders')).toBeUndefined();
      expect(await names.list('log')).toEqual([]);
    });

    it('moves a name only from the revision the caller saw', async () => {
      const first = await names.compareAndSet('log', 'orders', 0, 2);
      expect(first).toEqual({
        logId: 'log',
        logical: 'orders',
        generation: 2,
        openedFrom: 1,
        revision: 1,
        opensAt: [],
        closedAt: [],
        keyExpression: null,
        partitioner: null,
        guard: UNGUARDED,
        guardRevision: 0,
        place: null,
      });
      expect(await names.compareAndSet('log', 'orders', 0, 3)).toBeUndefined();
      expect(await names.compareAndSet('log', 'orders', 2, 3)).toBeUndefined();
      expect(await names.find('log', 'orders')).toEqual(first);
      expect(await names.compareAndSet('log', 'orders', 1, 3)).toMatchObject({
        generation: 3,
        openedFrom: 2,
        revision: 2,
      });
      expect(await names.find('log', 'orders')).toMatchObject({ generation: 3, openedFrom: 2, revision: 2 });
    });

    it('keeps how the generation took over with the move itself', async () => {
      const opening = {
        opensAt: [3, 0, 9_007_199_254_740_991],
        closedAt: [4, 0],
        keyExpression: 'value.origin',
        partitioner: salted,
      };
      expect(await names.compareAndSet('log', 'orders', 0, 2, opening)).toMatchObject(opening);
      expect(await names.find('log', 'orders')).toMatchObject(opening);
      expect((await names.list('log'))[0]).toMatchObject(opening);
      await names.compareAndSet('log', 'orders', 1, 3);
      expect(await names.find('log', 'orders')).toMatchObject({
        generation: 3,
        opensAt: [],
        closedAt: [],
        keyExpression: null,
        partitioner: null,
      });
    });

    it('raises the revision also when the generation stays, so that a late move from before is refused', async () => {
      await names.compareAndSet('log', 'orders', 0, 1);
      await names.compareAndSet('log', 'orders', 1, 1);
      expect(await names.compareAndSet('log', 'orders', 1, 2)).toBeUndefined();
    });

    it('remembers the generation it came from, also while the name stays where it is', async () => {
      const opening = { opensAt: [5, 7], closedAt: [], keyExpression: 'value.a', partitioner: 'crc32' as const };
      await names.compareAndSet('log', 'orders', 0, 2, opening);
      expect(await names.compareAndSet('log', 'orders', 1, 2, opening)).toMatchObject({
        openedFrom: 1,
        opensAt: [5, 7],
      });
      expect(await names.compareAndSet('log', 'orders', 2, 4)).toMatchObject({ openedFrom: 2, opensAt: [] });
      expect(await names.find('log', 'orders')).toMatchObject({ openedFrom: 2, keyExpression: null });
    });

    it('lets one of many simultaneous moves through', async () => {
      for (const expected of [0, 1]) {
        const moves = await Promise.all(
          Array.from({ length: 8 }, (_, i) => names.compareAndSet('log', 'orders', expected, i + 2)),
        );
        const won = moves.filter((row) => row !== undefined);
        expect(won).toHaveLength(1);
        expect(await names.find('log', 'orders')).toEqual(won[0]);
      }
    });

    it('guards a name that was never moved, and one that was, without moving it', async () => {
      const guard: TopicGuard = { ...UNGUARDED, protected: true };
      const first = await names.setGuard('log', 'orders', 0, guard);
      expect(first).toMatchObject({ generation: 1, openedFrom: 1, revision: 1, opensAt: [], guard, guardRevision: 1 });
      expect(await names.find('log', 'orders')).toEqual(first);
      const opening = { opensAt: [5], closedAt: [4], keyExpression: 'value.a', partitioner: 'crc32' as const };
      await names.compareAndSet('log', 'moved', 0, 2, opening);
      expect(await names.setGuard('log', 'moved', 0, guard)).toMatchObject({
        generation: 2,
        revision: 1,
        ...opening,
        guard,
      });
      expect((await names.list('log')).map((row) => row.guard)).toEqual([guard, guard]);
    });

    it('a move leaves the guard as it is, and a guard is changed only from the revision the caller saw', async () => {
      const deletion = {
        phase: 'KEPT',
        atMs: 1_700_000_000_000,
        purgeAtMs: 1_700_000_600_000,
        stateBefore: 'FENCED',
      } as const;
      const guard: TopicGuard = { protected: false, frozen: true, deletion };
      await names.setGuard('log', 'orders', 0, guard);
      expect(await names.compareAndSet('log', 'orders', 1, 2)).toMatchObject({ guard, guardRevision: 1 });
      expect(await names.setGuard('log', 'orders', 0, UNGUARDED)).toBeUndefined();
      expect(await names.setGuard('log', 'orders', 2, UNGUARDED)).toBeUndefined();
      expect(await names.setGuard('log', 'other', 1, UNGUARDED)).toBeUndefined();
      expect(await names.find('log', 'orders')).toMatchObject({ guard, generation: 2 });
      expect(await names.setGuard('log', 'orders', 1, UNGUARDED)).toMatchObject({ guard: UNGUARDED, guardRevision: 2 });
    });

    it('lets one of many simultaneous changes of a guard through', async () => {
      for (const expected of [0, 1]) {
        const changes = await Promise.all(
          Array.from({ length: 8 }, (_, i) =>
            names.setGuard('log', 'orders', expected, { ...UNGUARDED, frozen: i % 2 === 0, protected: i > 3 }),
          ),
        );
        expect(changes.filter((row) => row !== undefined)).toHaveLength(1);
      }
    });

    it('keeps where a topic is until another place, or none, is given with a move', async () => {
      const arriving: TopicPlace = { kind: 'arriving', logId: 'other' };
      const moved: TopicPlace = {
        kind: 'moved',
        logId: 'kafka:x',
        closedAt: [3, 0],
        opensAt: [9_007_199_254_740_991, 0],
      };
      expect(await names.compareAndSet('log', 'orders', 0, 1, UNKNOWN_OPENING, arriving)).toMatchObject({
        generation: 1,
        revision: 1,
        place: arriving,
      });
      const opening = { opensAt: [3], closedAt: [4], keyExpression: 'value.a', partitioner: salted };
      expect(await names.compareAndSet('log', 'orders', 1, 2, opening)).toMatchObject({ ...opening, place: arriving });
      const guard: TopicGuard = { ...UNGUARDED, protected: true };
      expect(await names.setGuard('log', 'orders', 0, guard)).toMatchObject({ place: arriving });
      expect(await names.compareAndSet('log', 'orders', 1, 2, opening, moved)).toBeUndefined();
      expect(await names.compareAndSet('log', 'orders', 2, 2, opening, moved)).toMatchObject({ guard, place: moved });
      expect(await names.find('log', 'orders')).toMatchObject({ ...opening, place: moved });
      expect((await names.list('log'))[0]).toMatchObject({ place: moved });
      expect(await names.compareAndSet('log', 'orders', 3, 2, opening, null)).toMatchObject({ place: null });
      expect(await names.find('log', 'orders')).toMatchObject({ place: null });
    });

    it('moves several names in one step, or none of them', async () => {
      const opening = (n: number) => ({ ...UNKNOWN_OPENING, opensAt: [n] });
      const move = (logical: string, expectedRevision: number, generation: number) => ({
        ...{ logical, expectedRevision, generation, opening: opening(generation) },
      });
      await names.compareAndSet('log', 'orders', 0, 1);
      expect(await names.compareAndSetAll('log', [move('payments', 0, 2), move('orders', 1, 3)])).toBe(true);
      expect(await names.find('log', 'orders')).toMatchObject({ generation: 3, revision: 2, opensAt: [3] });
      expect(await names.find('log', 'payments')).toMatchObject({ generation: 2, revision: 1, opensAt: [2] });
      for (const moves of [
        [move('payments', 1, 7), move('orders', 1, 7)],
        [move('orders', 2, 7), move('payments', 0, 7)],
        [move('orders', 2, 7), move('shipments', 1, 7)],
      ]) {
        expect(await names.compareAndSetAll('log', moves)).toBe(false);
        expect((await names.list('log')).map((row) => [row.logical, row.generation]).sort()).toEqual([
          ['orders', 3],
          ['payments', 2],
        ]);
      }
      expect(await names.find('other', 'orders')).toBeUndefined();
      const place: TopicPlace = { kind: 'moved', logId: 'other', closedAt: [1], opensAt: [1] };
      expect(await names.compareAndSetAll('log', [{ ...move('orders', 2, 3), place }, move('payments', 1, 2)])).toBe(
        true,
      );
      expect(await names.find('log', 'orders')).toMatchObject({ place, openedFrom: 1 });
      const racers = [4, 5, 6].map((to) =>
        names.compareAndSetAll('log', [move('payments', 2, to), move('orders', 3, to)]),
      );
      expect((await Promise.all(racers)).filter(Boolean)).toHaveLength(1);
      const [orders, payments] = await names.list('log');
      expect(orders!.generation).toBe(payments!.generation);
    });

    it('keeps the names of each log apart, and answers them by name', async () => {
      await names.compareAndSet('log', 'b', 0, 2);
      await names.compareAndSet('log', 'B', 0, 4);
      await names.compareAndSet('other', 'b', 0, 5);
      expect((await names.list('log')).map((row) => [row.logical, row.generation]).sort()).toEqual([
        ['B', 4],
        ['b', 2],
      ]);
      expect(await names.find('other', 'b')).toMatchObject({ generation: 5 });
    });

    it('lists those that have a place, and no others', async () => {
      const place: TopicPlace = { kind: 'moved', logId: 'log', topic: 'b', closedAt: [1], opensAt: [1] };
      await names.compareAndSet('log', 'a', 0, 1, UNKNOWN_OPENING, place);
      await names.compareAndSet('log', 'b', 0, 1, UNKNOWN_OPENING, { kind: 'arriving', logId: 'log', topic: 'a' });
      await names.compareAndSet('log', 'c', 0, 2);
      await names.compareAndSet('other', 'd', 0, 1, UNKNOWN_OPENING, place);
      expect((await names.listPlaced('log')).map(({ logical }) => logical).sort()).toEqual(['a', 'b']);
      await names.compareAndSet('log', 'b', 1, 1, UNKNOWN_OPENING, null);
      expect(await names.listPlaced('log')).toMatchObject([{ logical: 'a', place }]);
    });

    it('forgets a name, harmlessly when repeated', async () => {
      await names.compareAndSet('log', 'orders', 0, 2);
      await names.compareAndSet('other', 'orders', 0, 2);
      await names.remove('log', 'orders');
      await names.remove('log', 'orders');
      expect(await names.find('log', 'orders')).toBeUndefined();
      expect(await names.find('other', 'orders')).toBeDefined();
    });
  });
}
