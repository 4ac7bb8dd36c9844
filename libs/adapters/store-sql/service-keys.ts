import { randomBytes } from 'node:crypto';
import { impossible, ServiceKeys } from '#libs/core/kernel';
import type { SqlStore } from './sql-store.js';

/** {@link ServiceKeys} on SQLite or PostgreSQL. */
export class SqlServiceKeys extends ServiceKeys {
  constructor(private readonly store: SqlStore) {
    super();
  }

  async key(name: string): Promise<Uint8Array> {
    const stored = (await this.#stored(name)) ?? (await this.#make(name));
    return Buffer.from(stored, 'hex');
  }

  async #make(name: string): Promise<string> {
    const secret = randomBytes(32).toString('hex');
    await this.store.write((session) =>
      session.run('insert into service_keys (name, secret) values (?, ?) on conflict do nothing', [name, secret]),
    );
    // Another instance may have been first.
    return (await this.#stored(name)) ?? impossible('a service key that was stored is not there', { name });
  }

  async #stored(name: string): Promise<string | undefined> {
    return (await this.store.one<{ secret: string }>('select secret from service_keys where name = ?', [name]))?.secret;
  }
}
