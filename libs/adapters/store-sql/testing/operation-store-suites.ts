import { leaseStoreContract, operationStoreContract } from '#libs/core/operations/testing';
import { SqlLeaseStore } from '../operation-store-leases.js';
import { SqlOperationStore } from '../operation-store.js';
import type { SqlStore } from '../sql-store.js';
import type { FreshStore } from './fresh-store.js';

/** Runs the contract suites of operations and leases; `another` opens the same database as a second instance would. */
export function operationStoreSuites(
  name: string,
  fresh: () => Promise<FreshStore>,
  another: (fresh: FreshStore) => Promise<SqlStore>,
): void {
  operationStoreContract(`SqlOperationStore on ${name}`, async () => {
    const opened = await fresh();
    const other = await another(opened);
    return {
      store: new SqlOperationStore(opened.store),
      other: new SqlOperationStore(other),
      close: async () => {
        if (other !== opened.store) await other.close();
        await opened.dispose();
      },
    };
  });

  leaseStoreContract(`SqlLeaseStore on ${name}`, async () => {
    const opened = await fresh();
    return {
      leases: new SqlLeaseStore(opened.store),
      // The database has its own clock: what it stored is aged instead.
      elapse: async (ms) => {
        await opened.store.write((session) =>
          session.run('update leases set expires_at = expires_at - ? where expires_at > 0', [ms]),
        );
      },
      close: () => opened.dispose(),
    };
  });
}
