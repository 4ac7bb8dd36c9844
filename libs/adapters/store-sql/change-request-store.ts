import {
  ChangeRequestStore,
  endOf,
  tooManyOpen,
  type ChangeRequest,
  type RequestQuery,
  type SubmittedPlan,
} from '#libs/core/change-requests';
import type { JsonObject } from '#libs/core/kernel';
import type { SqlStore, SqlValue } from './sql-store.js';

/** Change requests, in the table of migration 0039. Of several that are added at once on PostgreSQL a few may come in above the limit. */
export class SqlChangeRequestStore extends ChangeRequestStore {
  constructor(private readonly store: SqlStore) {
    super();
  }

  async add({ request, plan }: SubmittedPlan, mostOpen: number): Promise<void> {
    const added = await this.store.write((session) =>
      session.run(
        `insert into change_requests (id, revision, state, ended_at, document, plan)
         select ?, cast(? as bigint), ?, cast(? as bigint), ?, ? where (select count(*) from change_requests where ended_at is null) < ?`,
        [
          request.id,
          request.revision,
          request.state,
          endOf(request),
          JSON.stringify(request),
          JSON.stringify(plan),
          mostOpen,
        ],
      ),
    );
    if (added === 0) throw tooManyOpen(mostOpen);
  }

  async find(id: string): Promise<SubmittedPlan | undefined> {
    const row = await this.store.one<{ document: string; plan: string }>(
      'select document, plan from change_requests where id = ?',
      [id],
    );
    return row && { request: requestIn(row), plan: JSON.parse(row.plan) as JsonObject };
  }

  async list({ state, before, limit }: RequestQuery): Promise<readonly ChangeRequest[]> {
    const conditions = [
      ...(state === undefined ? [] : ['state = ?']),
      ...(before === undefined ? [] : ['id < ?']),
    ].join(' and ');
    const values: SqlValue[] = [
      ...(state === undefined ? [] : [state]),
      ...(before === undefined ? [] : [before]),
      limit,
    ];
    const rows = await this.store.all<{ document: string }>(
      `select document from change_requests ${conditions === '' ? '' : `where ${conditions}`} order by id desc limit ?`,
      values,
    );
    return rows.map(requestIn);
  }

  async replace(request: ChangeRequest): Promise<boolean> {
    const changed = await this.store.write((session) =>
      session.run(
        'update change_requests set revision = ?, state = ?, ended_at = ?, document = ? where id = ? and revision = ?',
        [request.revision, request.state, endOf(request), JSON.stringify(request), request.id, request.revision - 1],
      ),
    );
    return changed > 0;
  }

  async prune(endedBefore: number): Promise<void> {
    await this.store.write((session) =>
      session.run('delete from change_requests where ended_at is not null and ended_at < ?', [endedBefore]),
    );
  }
}

function requestIn({ document }: { readonly document: string }): ChangeRequest {
  return JSON.parse(document) as ChangeRequest;
}
