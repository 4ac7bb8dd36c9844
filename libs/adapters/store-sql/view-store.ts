import type { JsonObject } from '#libs/core/kernel';
import { type StoredView, viewExists, type ViewState, ViewStore } from '#libs/core/streams';
import type { SqlStore } from './sql-store.js';

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
}

const COLUMNS = 'name, id, log_id, cluster, version, declaration, types, state, created_at';

/** {@link ViewStore} on SQLite or PostgreSQL. */
export class SqlViewStore extends ViewStore {
  constructor(private readonly store: SqlStore) {
    super();
  }

  async create(view: StoredView): Promise<void> {
    const inserted = await this.store.write((session) =>
      session.run(`insert into views (${COLUMNS}) values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`, [
        view.name,
        view.id,
        view.logId,
        view.cluster,
        view.version,
        JSON.stringify(view.declaration),
        JSON.stringify(view.types),
        view.state,
        view.createdAtMs,
      ]),
    );
    if (inserted === 0) throw viewExists(view.name);
  }

  async find(name: string): Promise<StoredView | undefined> {
    const row = await this.store.one<Row>(`select ${COLUMNS} from views where name = ?`, [name]);
    return row && viewOf(row);
  }

  async list(): Promise<readonly StoredView[]> {
    return (await this.store.all<Row>(`select ${COLUMNS} from views order by name`)).map(viewOf);
  }

  async setState(id: string, state: ViewState): Promise<boolean> {
    // What is being removed stays so: a late resume must not bring it back.
    const changed = await this.store.write((session) =>
      session.run(`update views set state = ? where id = ? and (state <> 'DELETING' or ? = 'DELETING')`, [
        state,
        id,
        state,
      ]),
    );
    return changed === 1;
  }

  async remove(id: string): Promise<void> {
    await this.store.write((session) => session.run('delete from views where id = ?', [id]));
  }
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
    state: row.state,
    createdAtMs: row.created_at,
  };
}
