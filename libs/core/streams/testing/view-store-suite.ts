import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StoredView, ViewStore } from '../index.js';

export interface ViewStoreSubject {
  readonly store: ViewStore;
  readonly dispose?: () => Promise<void>;
}

const view = (name: string, id = `id${name}`): StoredView => ({
  logId: 'log',
  cluster: 'local',
  name,
  id,
  version: 1,
  declaration: { source: { topic: 't' }, columns: { __proto__x: 'key' } },
  types: { n: 'integer' },
  evolution: { revision: 0, columns: [], children: {}, indexes: [] },
  role: 'ACTIVE',
  state: 'RUNNING',
  createdAtMs: 1_700_000_000_000,
});

/** What every {@link ViewStore} keeps. */
export function viewStoreSuite(name: string, open: () => Promise<ViewStoreSubject>): void {
  describe(`view store: ${name}`, () => {
    let subject: ViewStoreSubject;
    let store: ViewStore;

    beforeEach(async () => {
      subject = await open();
      store = subject.store;
    });
    afterEach(async () => subject.dispose?.());

    it('gives back what was declared, by name and in the order of names', async () => {
      await store.create(view('b'));
      await store.create(view('B'));
      await store.create(view('a'));
      expect(await store.find('b')).toEqual(view('b'));
      expect(await store.find('c')).toBeUndefined();
      expect((await store.list()).map((one) => one.name)).toEqual(['B', 'a', 'b']);
    });

    it('lets one of many simultaneous declarations of a name through', async () => {
      const outcomes = await Promise.allSettled(Array.from({ length: 6 }, (_, n) => store.create(view('a', `id${n}`))));
      expect(outcomes.filter((one) => one.status === 'fulfilled')).toHaveLength(1);
      const refused = outcomes.find((one) => one.status === 'rejected');
      expect(refused?.reason).toMatchObject({ code: 'view-exists' });
    });

    it('moves a view between its states, but never back from its removal', async () => {
      await store.create(view('a'));
      expect(await store.setState('ida', 'PAUSED')).toBe(true);
      expect((await store.find('a'))?.state).toBe('PAUSED');
      expect(await store.setState('ida', 'DELETING')).toBe(true);
      expect(await store.setState('ida', 'RUNNING')).toBe(false);
      expect(await store.setState('other', 'RUNNING')).toBe(false);
      expect((await store.find('a'))?.state).toBe('DELETING');
    });

    it('keeps what a view has become in place, whichever version it is, and nothing that it was before', async () => {
      await store.create(view('a'));
      await store.create({ ...view('a', 'id2'), version: 2, role: 'DRAFT' });
      const to = (revision: number) => ({
        declaration: { source: { topic: 't' }, columns: { n: 'value.n', more: 'value.more' } },
        types: { n: 'integer', '/columns/more': 'text = "x"' },
        evolution: { revision, columns: ['more'], children: { lines: ['sku'] }, indexes: [['more']] },
      });
      for (const id of ['ida', 'id2']) {
        expect(await store.evolve(id, to(2))).toBe(true);
        expect(await store.evolve(id, to(2))).toBe(false);
        expect(await store.evolve(id, to(1))).toBe(false);
      }
      expect(await store.evolve('other', to(3))).toBe(false);
      expect(await store.find('a')).toEqual({ ...view('a'), ...to(2) });
      expect(await store.activate('id2', 'ida')).toBe(true);
      expect((await store.list()).map((one) => one.evolution)).toEqual([to(2).evolution, to(2).evolution]);
    });

    it('forgets a view, harmlessly when repeated', async () => {
      await store.create(view('a'));
      await store.remove('ida');
      await store.remove('ida');
      expect(await store.find('a')).toBeUndefined();
      await store.create(view('a', 'idagain'));
    });

    it('keeps versions beside the active one, and makes another one active at once', async () => {
      await store.create(view('a'));
      const draft: StoredView = { ...view('a', 'id2'), version: 2, role: 'DRAFT' };
      await store.create(draft);
      await expect(store.create({ ...draft, id: 'id3' })).rejects.toMatchObject({ code: 'view-exists' });
      await expect(store.create({ ...draft, id: 'id3', version: 1 })).rejects.toMatchObject({ code: 'view-exists' });
      expect(await store.find('a')).toEqual(view('a'));
      expect(await store.activate('id2', 'other')).toBe(false);
      expect(await store.activate('id3', 'ida')).toBe(false);
      expect(await store.activate('id2', 'ida')).toBe(true);
      expect(await store.activate('id2', 'ida')).toBe(false);
      expect(await store.find('a')).toEqual({ ...draft, role: 'ACTIVE' });
      expect(await store.list()).toEqual([
        { ...view('a'), role: 'PREVIOUS' },
        { ...draft, role: 'ACTIVE' },
      ]);
      expect(await store.setState('ida', 'PAUSED')).toBe(true);
      expect((await store.list())[0]!.state).toBe('PAUSED');
      await store.setState('ida', 'DELETING');
      expect(await store.activate('ida', 'id2')).toBe(false);
      await store.remove('ida');
      expect((await store.list()).map((one) => one.id)).toEqual(['id2']);
    });
  });
}
