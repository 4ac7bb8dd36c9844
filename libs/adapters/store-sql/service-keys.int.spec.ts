import { describe, expect, it } from 'vitest';
import { SqlServiceKeys } from './service-keys.js';
import { freshSqliteStore } from './testing/index.js';

describe('keys of the service on SQLite', () => {
  it('are the same for everybody who asks under a name, whoever was first, and others under another', async () => {
    const { store, dispose } = await freshSqliteStore();
    try {
      const [one, other] = [new SqlServiceKeys(store), new SqlServiceKeys(store)];
      const [first, second, third] = await Promise.all([one.key('a'), other.key('a'), other.key('b')]);
      expect(first).toHaveLength(32);
      expect(second).toEqual(first);
      expect(third).not.toEqual(first);
      expect(await new SqlServiceKeys(store).key('a')).toEqual(first);
    } finally {
      await dispose();
    }
  });
});
