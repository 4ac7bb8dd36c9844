import { LeaseStore, type Lease } from '#libs/core/operations';
import type { SqlStore } from './sql-store.js';

/** The database's own clock in whole milliseconds, read when the statement runs. */
const NOW = {
  sqlite: "cast(unixepoch('subsec') * 1000 as integer)",
  postgres: 'cast(extract(epoch from clock_timestamp()) * 1000 as bigint)',
} as const;

/** Leases in the metadata store. Expiry is judged by the database's clock, so instances need not agree on the time. */
export class SqlLeaseStore extends LeaseStore {
  readonly #now: string;

  constructor(private readonly store: SqlStore) {
    super();
    this.#now = NOW[store.dialect];
  }

  async acquire(name: string, owner: string, ttlMs: number): Promise<Lease | undefined> {
    const row = await this.store.write((session) =>
      session.one<{ epoch: number }>(
        `insert into leases (name, owner, epoch, expires_at) values (?, ?, 1, ${this.#now} + ?)
         on conflict (name) do update
           set owner = excluded.owner, epoch = leases.epoch + 1, expires_at = excluded.expires_at
           where leases.expires_at <= ${this.#now}
         returning epoch`,
        [name, owner, ttlMs],
      ),
    );
    return row && { name, owner, epoch: row.epoch };
  }

  async renew(lease: Lease, ttlMs: number): Promise<boolean> {
    const renewed = await this.store.write((session) =>
      session.run(
        `update leases set expires_at = ${this.#now} + ?
         where name = ? and owner = ? and epoch = ? and expires_at > 0`,
        [ttlMs, lease.name, lease.owner, lease.epoch],
      ),
    );
    return renewed === 1;
  }

  async release(lease: Lease): Promise<void> {
    await this.store.write((session) =>
      session.run('update leases set expires_at = 0 where name = ? and owner = ? and epoch = ?', [
        lease.name,
        lease.owner,
        lease.epoch,
      ]),
    );
  }

  async holder(name: string): Promise<Lease | undefined> {
    const row = await this.store.one<{ owner: string; epoch: number }>(
      `select owner, epoch from leases where name = ? and expires_at > ${this.#now}`,
      [name],
    );
    return row && { name, owner: row.owner, epoch: row.epoch };
  }

  async expireAll(): Promise<void> {
    await this.store.write((session) => session.run('update leases set expires_at = 0'));
  }
}
