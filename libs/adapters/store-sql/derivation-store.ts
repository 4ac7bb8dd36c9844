import {
  type DerivationDefinition,
  derivationExists,
  type DerivationState,
  DerivationStore,
  type StoredDerivation,
} from '#libs/core/streams';
import type { SqlStore } from './sql-store.js';

interface Row {
  definition: string;
  state: DerivationState;
  revision: number;
}

/** {@link DerivationStore} on SQLite or PostgreSQL. A definition is kept as its JSON text; it never changes. */
export class SqlDerivationStore extends DerivationStore {
  constructor(private readonly store: SqlStore) {
    super();
  }

  async add(definition: DerivationDefinition, state: 'RUNNING' | 'PAUSED' = 'RUNNING'): Promise<StoredDerivation> {
    const { logId, name, id } = definition;
    const added = await this.store.write((session) =>
      session.run(
        'insert into derivations (log_id, name, id, definition, state, revision) values (?, ?, ?, ?, ?, 1) on conflict do nothing',
        [logId, name, id, JSON.stringify(definition), state],
      ),
    );
    if (added !== 1) throw derivationExists(name);
    return { definition, state, revision: 1 };
  }

  async find(logId: string, name: string): Promise<StoredDerivation | undefined> {
    const row = await this.store.one<Row>(
      'select definition, state, revision from derivations where log_id = ? and name = ?',
      [logId, name],
    );
    return row && read(row);
  }

  async list(logId: string): Promise<readonly StoredDerivation[]> {
    const rows = await this.store.all<Row>(
      'select definition, state, revision from derivations where log_id = ? order by name',
      [logId],
    );
    return rows.map(read);
  }

  async setState(
    logId: string,
    name: string,
    expectedRevision: number,
    state: DerivationState,
  ): Promise<StoredDerivation | undefined> {
    return await this.store.write(async (session) => {
      const changed = await session.run(
        'update derivations set state = ?, revision = revision + 1 where log_id = ? and name = ? and revision = ?',
        [state, logId, name, expectedRevision],
      );
      if (changed !== 1) return undefined;
      const row = await session.one<Row>(
        'select definition, state, revision from derivations where log_id = ? and name = ?',
        [logId, name],
      );
      return row && read(row);
    });
  }

  async remove(logId: string, id: string): Promise<void> {
    await this.store.write((session) =>
      session.run('delete from derivations where log_id = ? and id = ?', [logId, id]),
    );
  }
}

function read(row: Row): StoredDerivation {
  return {
    definition: JSON.parse(row.definition) as DerivationDefinition,
    state: row.state,
    revision: row.revision,
  };
}
