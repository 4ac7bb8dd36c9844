import { AnswerStore, type KeptRequest } from '#libs/core/idempotency';
import type { SqlStore } from './sql-store.js';

/** Requests with an idempotency key, in the table of migration 0041. */
export class SqlAnswerStore extends AnswerStore {
  constructor(private readonly store: SqlStore) {
    super();
  }

  async add(kept: KeptRequest): Promise<boolean> {
    const added = await this.store.write((session) =>
      session.run(
        `insert into kept_answers (id, attempt, first_at, document) values (?, ?, ?, ?)
         on conflict (id) do nothing`,
        [kept.id, kept.attempt, kept.at, JSON.stringify(kept)],
      ),
    );
    return added > 0;
  }

  async find(id: string): Promise<KeptRequest | undefined> {
    const row = await this.store.one<{ document: string }>('select document from kept_answers where id = ?', [id]);
    return row && (JSON.parse(row.document) as KeptRequest);
  }

  async replace(kept: KeptRequest, before: string): Promise<boolean> {
    const changed = await this.store.write((session) =>
      session.run('update kept_answers set attempt = ?, document = ? where id = ? and attempt = ?', [
        kept.attempt,
        JSON.stringify(kept),
        kept.id,
        before,
      ]),
    );
    return changed > 0;
  }

  async remove(id: string, attempt: string): Promise<void> {
    await this.store.write((session) =>
      session.run('delete from kept_answers where id = ? and attempt = ?', [id, attempt]),
    );
  }

  async prune(before: number): Promise<void> {
    await this.store.write((session) => session.run('delete from kept_answers where first_at < ?', [before]));
  }
}
