import {
  type DerivationDefinition,
  derivationExists,
  type DerivationState,
  DerivationStore,
  type StoredDerivation,
} from '../index.js';

/** Definitions in memory, for tests. */
export class MemoryDerivationStore extends DerivationStore {
  #rows: readonly StoredDerivation[] = [];

  async add(definition: DerivationDefinition, state: 'RUNNING' | 'PAUSED' = 'RUNNING'): Promise<StoredDerivation> {
    if (await this.find(definition.logId, definition.name)) throw derivationExists(definition.name);
    const row: StoredDerivation = { definition, state, revision: 1 };
    this.#rows = [...this.#rows, row];
    return row;
  }

  async find(logId: string, name: string): Promise<StoredDerivation | undefined> {
    return this.#rows.find((row) => row.definition.logId === logId && row.definition.name === name);
  }

  async list(logId: string): Promise<readonly StoredDerivation[]> {
    return this.#rows
      .filter((row) => row.definition.logId === logId)
      .sort((a, b) => (a.definition.name < b.definition.name ? -1 : 1));
  }

  async setState(
    logId: string,
    name: string,
    expectedRevision: number,
    state: DerivationState,
  ): Promise<StoredDerivation | undefined> {
    const row = await this.find(logId, name);
    if (row?.revision !== expectedRevision) return undefined;
    const changed = { ...row, state, revision: row.revision + 1 };
    this.#rows = this.#rows.map((one) => (one === row ? changed : one));
    return changed;
  }

  async remove(logId: string, id: string): Promise<void> {
    this.#rows = this.#rows.filter((row) => row.definition.logId !== logId || row.definition.id !== id);
  }
}
