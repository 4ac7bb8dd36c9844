import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DerivationDefinition, DerivationStore } from '../index.js';

/** What a suite is given to try: an empty store, and what takes it away again. */
export interface DerivationStoreSubject {
  readonly store: DerivationStore;
  readonly dispose?: () => Promise<void>;
}

const definition = (name: string, over: Partial<DerivationDefinition> = {}): DerivationDefinition => ({
  id: `id-${name}`,
  logId: 'log',
  name,
  source: 'orders',
  kind: 'latest',
  orderBy: { by: 'field', path: 'value.version' },
  nullKeys: 'drop',
  onConflict: 'last',
  createdAt: 1_700_000_000_000,
  createdBy: 'somebody',
  ...over,
});

/** What every {@link DerivationStore} keeps. */
export function derivationStoreSuite(name: string, open: () => Promise<DerivationStoreSubject>): void {
  describe(`derivation store: ${name}`, () => {
    let subject: DerivationStoreSubject;
    let store: DerivationStore;

    beforeEach(async () => {
      subject = await open();
      store = subject.store;
    });

    afterEach(async () => subject.dispose?.());

    it('answers definitions as they were given, by name', async () => {
      expect(await store.add(definition('c'), 'PAUSED')).toMatchObject({ state: 'PAUSED', revision: 1 });
      expect(await store.find('log', 'c')).toMatchObject({ state: 'PAUSED' });
      await store.remove('log', 'id-c');
      await store.add(definition('b'));
      await store.add(definition('a', { orderBy: { by: 'offset' } }));
      await store.add(definition('a', { logId: 'other' }));
      expect(await store.find('log', 'b')).toEqual({ definition: definition('b'), state: 'RUNNING', revision: 1 });
      expect((await store.list('log')).map((row) => row.definition.name)).toEqual(['a', 'b']);
      expect(await store.find('log', 'c')).toBeUndefined();
    });

    it('refuses a second derivation of a name and keeps the first', async () => {
      await store.add(definition('a'));
      await expect(store.add(definition('a', { id: 'second' }))).rejects.toMatchObject({ code: 'derivation-exists' });
      expect((await store.find('log', 'a'))?.definition.id).toBe('id-a');
    });

    it('changes the state only from the revision the caller saw', async () => {
      await store.add(definition('a'));
      expect(await store.setState('log', 'a', 1, 'PAUSED')).toMatchObject({ state: 'PAUSED', revision: 2 });
      expect(await store.setState('log', 'a', 1, 'RUNNING')).toBeUndefined();
      expect(await store.find('log', 'a')).toMatchObject({ state: 'PAUSED', revision: 2 });
      expect(await store.setState('log', 'missing', 1, 'PAUSED')).toBeUndefined();
    });

    it('removes by id, so that a late removal spares a newer derivation of the name', async () => {
      await store.add(definition('a'));
      await store.remove('log', 'id-a');
      await store.remove('log', 'id-a');
      expect(await store.find('log', 'a')).toBeUndefined();
      await store.add(definition('a', { id: 'second' }));
      await store.remove('log', 'id-a');
      expect((await store.find('log', 'a'))?.definition.id).toBe('second');
    });
  });
}
