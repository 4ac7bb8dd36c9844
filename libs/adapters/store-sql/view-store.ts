import type { JsonObject } from '#libs/core/kernel';
import {
  type StoredView,
  UNCHANGED,
  type ViewEvolution,
  viewExists,
  type ViewRole,
  type ViewState,
  ViewStore,
} from '#libs/core/streams';
import type { SqlSession, SqlStore, SqlValue } from './sql-store.js';

interface Row {
  name: string;
  id: string;
  log_id: string;
  cluster: string;
  version: number;
  declaration: string;
  types: string;
  state: ViewState;
  created_at: number;
  role: ViewRole;
  /** Null for one that is as it was declared. */
  evolution: string | null;
}

const COLUMNS = 'name, id, log_id, cluster, version, declaration, types, state, created_at, evolution';

/** {@link ViewStore} on SQLite or PostgreSQL. The active version of each name is a row of `views`, the others stand in `view_versions`. */
export class SqlViewStore extends ViewStore {
  constructor(private readonly store: SqlStore) {
    super();
  }

  async create(view: StoredView): Promise<void> {
    const inserted = await this.store.write(async (session) => {
      if (view.role === 'ACTIVE') return insertActive(session, view);
      // The active one has a number of its own, which no other has.
      const active = await session.one<{ version: number }>('select version from views where name = ?', [view.name]);
      return active?.version === view.version ? 0 : insertBeside(session, view);
    });
    if (inserted === 0) throw viewExists(view.name);
  }

  async find(name: string): Promise<StoredView | undefined> {
    const row = await this.store.one<Row>(`select ${COLUMNS}, 'ACTIVE' as role from views where name = ?`, [name]);
    return row && viewOf(row);
  }

  async list(): Promise<readonly StoredView[]> {
    const rows = await this.store.all<Row>(
      `select ${COLUMNS}, 'ACTIVE' as role from views union all select ${COLUMNS}, role from view_versions order by name, version`,
    );
    return rows.map(viewOf);
  }

  async activate(id: string, active: string): Promise<boolean> {
    return await this.store.write(async (session) => {
      const next = await session.one<Row>(`select ${COLUMNS}, role from view_versions where id = ?`, [id]);
      const present = await session.one<Row>(`select ${COLUMNS}, 'ACTIVE' as role from views where id = ?`, [active]);
      if (next?.name === undefined || next.name !== present?.name || next.state === 'DELETING') return false;
      await session.run('delete from view_versions where id = ?', [id]);
      await session.run('delete from views where id = ?', [active]);
      await insertActive(session, viewOf(next));
      await insertBeside(session, { ...viewOf(present), role: 'PREVIOUS' });
      return true;
    });
  }

  async evolve(id: string, to: Pick<StoredView, 'declaration' | 'types' | 'evolution'>): Promise<boolean> {
    const { declaration, types, evolution } = to;
    return await this.store.write(async (session) => {
      for (const table of ['views', 'view_versions']) {
        const row = await session.one<Pick<Row, 'evolution'>>(`select evolution from ${table} where id = ?`, [id]);
        if (row === undefined) continue;
        const known = row.evolution === null ? UNCHANGED : (JSON.parse(row.evolution) as ViewEvolution);
        if (known.revision >= evolution.revision) return false;
        const cells = [declaration, types, evolution].map((one) => JSON.stringify(one));
        // What was read may not be there any more.
        const changed = await session.run(
          `update ${table} set declaration = ?, types = ?, evolution = ? where id = ? and coalesce(evolution, '') = ?`,
          [...cells, id, row.evolution ?? ''],
        );
        return changed === 1;
      }
      return false;
    });
  }

  async setState(id: string, state: ViewState): Promise<boolean> {
    // What is being removed stays so: a late resume must not bring it back.
    const move = (table: string): string =>
      `update ${table} set state = ? where id = ? and (state <> 'DELETING' or ? = 'DELETING')`;
    const changed = await this.store.write(
      async (session) =>
        (await session.run(move('views'), [state, id, state])) +
        (await session.run(move('view_versions'), [state, id, state])),
    );
    return changed === 1;
  }

  async remove(id: string): Promise<void> {
    await this.store.write(async (session) => {
      await session.run('delete from views where id = ?', [id]);
      await session.run('delete from view_versions where id = ?', [id]);
    });
  }
}

function insertActive(session: SqlSession, view: StoredView): Promise<number> {
  return session.run(
    `insert into views (${COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
    cellsOf(view),
  );
}

function insertBeside(session: SqlSession, view: StoredView): Promise<number> {
  return session.run(
    `insert into view_versions (${COLUMNS}, role) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
    [...cellsOf(view), view.role],
  );
}

function cellsOf(view: StoredView): SqlValue[] {
  return [
    view.name,
    view.id,
    view.logId,
    view.cluster,
    view.version,
    JSON.stringify(view.declaration),
    JSON.stringify(view.types),
    view.state,
    view.createdAtMs,
    view.evolution.revision === 0 ? null : JSON.stringify(view.evolution),
  ];
}

function viewOf(row: Row): StoredView {
  return {
    name: row.name,
    id: row.id,
    logId: row.log_id,
    cluster: row.cluster,
    version: row.version,
    declaration: JSON.parse(row.declaration) as JsonObject,
    types: JSON.parse(row.types) as Record<string, string>,
    role: row.role,
    state: row.state,
    createdAtMs: row.created_at,
    evolution: row.evolution === null ? UNCHANGED : (JSON.parse(row.evolution) as ViewEvolution),
  };
}
