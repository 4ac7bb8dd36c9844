import { type TopicName, TopicNames } from '#libs/core/log';
import type { SqlStore } from './sql-store.js';

interface Row {
  logical: string;
  generation: number;
  revision: number;
}

/** {@link TopicNames} on SQLite or PostgreSQL: one row per name that was ever moved. */
export class SqlTopicNames extends TopicNames {
  constructor(private readonly store: SqlStore) {
    super();
  }

  async find(logId: string, logical: string): Promise<TopicName | undefined> {
    const row = await this.store.one<Row>(
      'select logical, generation, revision from topic_names where log_id = ? and logical = ?',
      [logId, logical],
    );
    return row && { logId, ...row };
  }

  async list(logId: string): Promise<readonly TopicName[]> {
    const rows = await this.store.all<Row>(
      'select logical, generation, revision from topic_names where log_id = ? order by logical',
      [logId],
    );
    return rows.map((row) => ({ logId, ...row }));
  }

  async compareAndSet(
    logId: string,
    logical: string,
    expectedRevision: number,
    generation: number,
  ): Promise<TopicName | undefined> {
    const changed = await this.store.write((session) =>
      expectedRevision === 0
        ? session.run(
            'insert into topic_names (log_id, logical, generation, revision) values (?, ?, ?, 1) on conflict do nothing',
            [logId, logical, generation],
          )
        : session.run(
            'update topic_names set generation = ?, revision = revision + 1 where log_id = ? and logical = ? and revision = ?',
            [generation, logId, logical, expectedRevision],
          ),
    );
    return changed === 1 ? { logId, logical, generation, revision: expectedRevision + 1 } : undefined;
  }

  async remove(logId: string, logical: string): Promise<void> {
    await this.store.write((session) =>
      session.run('delete from topic_names where log_id = ? and logical = ?', [logId, logical]),
    );
  }
}
