import {
  type NameMove,
  type Opening,
  type PartitionerSpec,
  type TopicDeletion,
  type TopicGuard,
  type TopicName,
  TopicNames,
  type TopicPlace,
  UNKNOWN_OPENING,
} from '#libs/core/log';
import type { SqlSession, SqlStore } from './sql-store.js';

interface Row {
  logical: string;
  generation: number;
  revision: number;
  opened_from: number;
  opens_at: string;
  closed_at: string;
  key_expression: string | null;
  partitioner: string | null;
  is_protected: number;
  is_frozen: number;
  deletion: string | null;
  guard_revision: number;
  place: string | null;
}

const COLUMNS =
  'logical, generation, opened_from, revision, opens_at, closed_at, key_expression, partitioner, is_protected, is_frozen, deletion, guard_revision, place';

/** {@link TopicNames} on SQLite or PostgreSQL: one row per name that was ever moved or guarded. */
export class SqlTopicNames extends TopicNames {
  constructor(private readonly store: SqlStore) {
    super();
  }

  async find(logId: string, logical: string): Promise<TopicName | undefined> {
    const row = await this.store.one<Row>(`select ${COLUMNS} from topic_names where log_id = ? and logical = ?`, [
      logId,
      logical,
    ]);
    return row && nameOf(logId, row);
  }

  list(logId: string): Promise<readonly TopicName[]> {
    return this.#all(logId, '');
  }

  listPlaced(logId: string): Promise<readonly TopicName[]> {
    return this.#all(logId, 'and place is not null');
  }

  async #all(logId: string, which: '' | 'and place is not null'): Promise<readonly TopicName[]> {
    const rows = await this.store.all<Row>(
      `select ${COLUMNS} from topic_names where log_id = ? ${which} order by logical`,
      [logId],
    );
    return rows.map((row) => nameOf(logId, row));
  }

  async compareAndSet(
    logId: string,
    logical: string,
    expectedRevision: number,
    generation: number,
    opening: Opening = UNKNOWN_OPENING,
    place?: TopicPlace | null,
  ): Promise<TopicName | undefined> {
    const move = { logical, expectedRevision, generation, opening, ...(place === undefined ? {} : { place }) };
    const moved = await this.store.write((session) => moveIn(session, logId, move));
    return moved && nameOf(logId, moved);
  }

  async compareAndSetAll(logId: string, moves: readonly NameMove[]): Promise<boolean> {
    // In one order, whoever does it: transactions that wait for each other's rows would end one another.
    const ordered = [...moves].sort((a, b) => (a.logical < b.logical ? -1 : 1));
    try {
      await this.store.write(async (session) => {
        for (const move of ordered) if ((await moveIn(session, logId, move)) === undefined) throw new Moved();
      });
      return true;
    } catch (error) {
      if (error instanceof Moved) return false;
      throw error;
    }
  }

  async setGuard(
    logId: string,
    logical: string,
    expectedRevision: number,
    guard: TopicGuard,
  ): Promise<TopicName | undefined> {
    const deletion = guard.deletion === null ? null : JSON.stringify(guard.deletion);
    const values = [Number(guard.protected), Number(guard.frozen), deletion];
    const row = await this.store.write((session) =>
      expectedRevision === 0
        ? session.one<Row>(
            `insert into topic_names (log_id, logical, generation, opened_from, revision, opens_at, closed_at, is_protected, is_frozen, deletion, guard_revision)
             values (?, ?, 1, 1, 1, '[]', '[]', ?, ?, ?, 1)
             on conflict (log_id, logical) do update
             set is_protected = excluded.is_protected, is_frozen = excluded.is_frozen, deletion = excluded.deletion, guard_revision = 1
             where topic_names.guard_revision = 0 returning ${COLUMNS}`,
            [logId, logical, ...values],
          )
        : session.one<Row>(
            `update topic_names set is_protected = ?, is_frozen = ?, deletion = ?, guard_revision = guard_revision + 1
             where log_id = ? and logical = ? and guard_revision = ? returning ${COLUMNS}`,
            [...values, logId, logical, expectedRevision],
          ),
    );
    return row && nameOf(logId, row);
  }

  async remove(logId: string, logical: string): Promise<void> {
    await this.store.write((session) =>
      session.run('delete from topic_names where log_id = ? and logical = ?', [logId, logical]),
    );
  }
}

/** Takes back moves of several names, one of which somebody else has moved. */
class Moved extends Error {}

async function moveIn(
  session: SqlSession,
  logId: string,
  { logical, expectedRevision, generation, opening, place }: NameMove,
): Promise<Row | undefined> {
  const opensAt = JSON.stringify(opening.opensAt);
  const closedAt = JSON.stringify(opening.closedAt);
  const partitioner = opening.partitioner && JSON.stringify(opening.partitioner);
  const placed = place === undefined || place === null ? null : JSON.stringify(place);
  if (expectedRevision === 0) {
    return await session.one<Row>(
      `insert into topic_names (log_id, logical, generation, opened_from, revision, opens_at, closed_at, key_expression, partitioner, place)
       values (?, ?, ?, 1, 1, ?, ?, ?, ?, ?) on conflict do nothing returning ${COLUMNS}`,
      [logId, logical, generation, opensAt, closedAt, opening.keyExpression, partitioner, placed],
    );
  }
  return await session.one<Row>(
    `update topic_names
     set generation = ?, opened_from = case when generation = ? then opened_from else generation end,
         revision = revision + 1, opens_at = ?, closed_at = ?, key_expression = ?, partitioner = ?${place === undefined ? '' : ', place = ?'}
     where log_id = ? and logical = ? and revision = ? returning ${COLUMNS}`,
    [
      ...[generation, generation, opensAt, closedAt, opening.keyExpression, partitioner],
      ...(place === undefined ? [] : [placed]),
      ...[logId, logical, expectedRevision],
    ],
  );
}

function nameOf(logId: string, row: Row): TopicName {
  return {
    logId,
    logical: row.logical,
    generation: row.generation,
    openedFrom: row.opened_from,
    revision: row.revision,
    opensAt: JSON.parse(row.opens_at) as number[],
    closedAt: JSON.parse(row.closed_at) as number[],
    keyExpression: row.key_expression,
    partitioner: row.partitioner === null ? null : (JSON.parse(row.partitioner) as PartitionerSpec),
    guard: {
      protected: row.is_protected === 1,
      frozen: row.is_frozen === 1,
      deletion: row.deletion === null ? null : (JSON.parse(row.deletion) as TopicDeletion),
    },
    guardRevision: row.guard_revision,
    place: row.place === null ? null : (JSON.parse(row.place) as TopicPlace),
  };
}
