import type { JsonObject } from '#libs/core/kernel';
import {
  OperationStore,
  type CreateOutcome,
  type HoldState,
  type NewEvent,
  type OperationCount,
  type OperationEvent,
  type OperationFilter,
  type OperationRecord,
  type Phase,
  type Plan,
  type ProgressSnapshot,
  type StartedBefore,
  type StartKey,
  subjectsOf,
} from '#libs/core/operations';
import type { SqlSession, SqlStore, SqlValue } from './sql-store.js';

interface OperationRow {
  readonly document: string;
  readonly progress: string | null;
}

interface KeyRow {
  readonly request_hash: string;
  readonly operation_id: string;
}

/** Takes back a creation whose subject turned out to be taken. */
class SubjectTaken extends Error {}

const FIND = 'select document, progress from operations';

/** Operations in the metadata store. The record is one JSON document; what statements compare stands in columns beside it. */
export class SqlOperationStore extends OperationStore {
  constructor(private readonly store: SqlStore) {
    super();
  }

  async savePlan(plan: Plan): Promise<void> {
    await this.store.write((session) =>
      session.run(
        'insert into operation_plans (hash, document, created_at) values (?, ?, ?) on conflict (hash) do nothing',
        [plan.hash, JSON.stringify(plan), plan.createdAt],
      ),
    );
  }

  async plan(hash: string): Promise<Plan | undefined> {
    const row = await this.store.one<{ document: string }>('select document from operation_plans where hash = ?', [
      hash,
    ]);
    return row && (JSON.parse(row.document) as Plan);
  }

  prunePlans(createdBefore: number): Promise<number> {
    return this.store.write((session) =>
      session.run(
        `delete from operation_plans where created_at < ?
         and not exists (select 1 from operations where operations.plan_hash = operation_plans.hash)`,
        [createdBefore],
      ),
    );
  }

  async create(operation: OperationRecord, events: readonly NewEvent[], key?: StartKey): Promise<CreateOutcome> {
    for (;;) {
      try {
        return await this.store.write((session) => createIn(session, operation, events, key));
      } catch (error) {
        if (!(error instanceof SubjectTaken)) throw error;
      }
      for (const subject of subjectsOf(operation)) {
        const holder = await this.liveOn(subject);
        // Gone between the two statements: the subject is free, try again.
        if (holder !== undefined) return { outcome: 'subject-busy', holder };
      }
    }
  }

  async startedBefore(key: string): Promise<StartedBefore | undefined> {
    const row = await this.store.one<KeyRow>(
      'select request_hash, operation_id from operation_start_keys where start_key = ?',
      [key],
    );
    return row && { requestHash: row.request_hash, operationId: row.operation_id };
  }

  async pruneStartKeys(usedBefore: number): Promise<void> {
    await this.store.write((session) =>
      session.run('delete from operation_start_keys where used_at < ?', [usedBefore]),
    );
  }

  async operation(id: string): Promise<OperationRecord | undefined> {
    return fromRow(await this.store.one<OperationRow>(`${FIND} where id = ?`, [id]));
  }

  async liveOn(subject: string): Promise<OperationRecord | undefined> {
    return fromRow(
      await this.store.one<OperationRow>(
        `${FIND} where id = (select operation_id from operation_subjects where subject = ? and live = 1)`,
        [subject],
      ),
    );
  }

  async list(filter: OperationFilter, limit: number, before?: string): Promise<readonly OperationRecord[]> {
    const conditions = ['1 = 1'];
    const values: SqlValue[] = [];
    const where = (condition: string, ...bound: (SqlValue | undefined)[]) => {
      if (bound.includes(undefined)) return;
      conditions.push(condition);
      values.push(...(bound as SqlValue[]));
    };
    where('kind = ?', filter.kind);
    where('id in (select operation_id from operation_subjects where subject = ?)', filter.subject);
    where('plan_hash = ?', filter.planHash);
    where('coalesce(hold, phase) = ?', filter.state);
    where('id < ?', before);
    if (filter.live !== undefined) conditions.push(`ended_at is ${filter.live ? '' : 'not '}null`);
    const rows = await this.store.all<OperationRow>(
      `${FIND} where ${conditions.join(' and ')} order by id desc limit ?`,
      [...values, limit],
    );
    return rows.map((row) => fromRow(row)!);
  }

  async counts(): Promise<readonly OperationCount[]> {
    const rows = await this.store.all<{ kind: string; phase: string; hold: string | null; n: number }>(
      'select kind, phase, hold, count(*) as n from operations group by kind, phase, hold',
    );
    return rows.map(({ kind, phase, hold, n }) => ({
      kind,
      phase: phase as Phase,
      hold: hold as HoldState | null,
      count: n,
    }));
  }

  write(next: OperationRecord, events: readonly NewEvent[]): Promise<boolean> {
    return this.store.write(async (session) => {
      const changed = await session.run(
        `update operations set document = ?, phase = ?, hold = ?, revision = ?, epoch = ?, ended_at = ?
         where id = ? and revision = ? and epoch <= ?`,
        [
          documentOf(next),
          next.phase,
          next.hold,
          next.revision,
          next.epoch,
          next.endedAt,
          next.id,
          next.revision - 1,
          next.epoch,
        ],
      );
      if (changed === 0) return false;
      if (next.endedAt !== null) {
        await session.run('update operation_subjects set live = 0 where operation_id = ? and live = 1', [next.id]);
      }
      await append(session, next, events);
      return true;
    });
  }

  async saveProgress(id: string, epoch: number, progress: ProgressSnapshot): Promise<boolean> {
    const changed = await this.store.write((session) =>
      session.run('update operations set progress = ? where id = ? and epoch = ?', [
        JSON.stringify(progress),
        id,
        epoch,
      ]),
    );
    return changed === 1;
  }

  async events(id: string, after: number, limit: number): Promise<readonly OperationEvent[]> {
    const rows = await this.store.all<{ sequence: number; at: number; type: string; data: string }>(
      `select sequence, at, type, data from operation_events
       where operation_id = ? and sequence > ? order by sequence limit ?`,
      [id, after, limit],
    );
    return rows.map(({ sequence, at, type, data }) => ({
      operationId: id,
      sequence,
      at,
      type,
      data: JSON.parse(data) as JsonObject,
    }));
  }
}

async function createIn(
  session: SqlSession,
  operation: OperationRecord,
  events: readonly NewEvent[],
  key: StartKey | undefined,
): Promise<CreateOutcome> {
  if (key !== undefined) {
    // On PostgreSQL this waits for another transaction that uses the key now.
    const fresh = await session.run(
      `insert into operation_start_keys (start_key, request_hash, operation_id, used_at) values (?, ?, ?, ?)
       on conflict (start_key) do nothing`,
      [key.key, key.requestHash, operation.id, operation.createdAt],
    );
    if (fresh === 0) {
      const used = await session.one<KeyRow>(
        'select request_hash, operation_id from operation_start_keys where start_key = ?',
        [key.key],
      );
      // Forgotten between the two statements: as good as never used, but this transaction cannot tell any more.
      if (used === undefined) throw new SubjectTaken();
      return { outcome: 'key-used', before: { requestHash: used.request_hash, operationId: used.operation_id } };
    }
  }
  const created = await session.run(
    `insert into operations (id, kind, subject, plan_hash, phase, hold, revision, epoch, ended_at, document, progress)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, null) on conflict (subject) where ended_at is null do nothing`,
    [
      operation.id,
      operation.kind,
      operation.subject,
      operation.planHash,
      operation.phase,
      operation.hold,
      operation.revision,
      operation.epoch,
      operation.endedAt,
      documentOf(operation),
    ],
  );
  if (created === 0) throw new SubjectTaken();
  // In one order, whoever does it: transactions that wait for each other's subjects would end one another.
  for (const subject of [...subjectsOf(operation)].sort()) {
    const taken = await session.run(
      'insert into operation_subjects (operation_id, subject, live) values (?, ?, ?) on conflict (subject) where live = 1 do nothing',
      [operation.id, subject, operation.endedAt === null ? 1 : 0],
    );
    if (taken === 0) throw new SubjectTaken();
  }
  await append(session, operation, events);
  return { outcome: 'created' };
}

async function append(session: SqlSession, operation: OperationRecord, events: readonly NewEvent[]): Promise<void> {
  const first = operation.lastSequence - events.length + 1;
  for (const [i, event] of events.entries()) {
    await session.run('insert into operation_events (operation_id, sequence, at, type, data) values (?, ?, ?, ?, ?)', [
      operation.id,
      first + i,
      operation.updatedAt,
      event.type,
      JSON.stringify(event.data),
    ]);
  }
}

function documentOf(operation: OperationRecord): string {
  return JSON.stringify({ ...operation, progress: undefined });
}

function fromRow(row: OperationRow | undefined): OperationRecord | undefined {
  if (row === undefined) return undefined;
  const progress = row.progress === null ? null : (JSON.parse(row.progress) as ProgressSnapshot);
  return { ...(JSON.parse(row.document) as Omit<OperationRecord, 'progress'>), progress };
}
