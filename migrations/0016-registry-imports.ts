import { type MigrationInterface, type QueryRunner, Table, type TableColumnOptions } from 'typeorm';

/**
 * Registries on their way in: what was read of another registry and waits to be brought in. `document` holds a whole entry as JSON; the columns beside it are its key and
 * what statements search, order or change.
 */
export class RegistryImports1764100000016 implements MigrationInterface {
  readonly name = 'RegistryImports1764100000016';

  async up(runner: QueryRunner): Promise<void> {
    const postgres = runner.dataSource.options.type === 'postgres';
    const name = (column: string, more: Partial<TableColumnOptions> = {}): TableColumnOptions => ({
      name: column,
      type: 'text',
      ...(postgres ? { collation: 'C' } : {}),
      ...more,
    });
    const key = (table: string) => ({ isPrimary: true, primaryKeyConstraintName: `pk_${table}` });
    const entries = 'registry_import_entries';

    await runner.createTable(
      new Table({
        name: 'registry_imports',
        columns: [
          name('id', key('registry_imports')),
          { name: 'created_at', type: 'bigint' },
          { name: 'facts', type: 'text' },
          { name: 'complete', type: 'integer' },
          { name: 'held', type: 'integer' },
        ],
      }),
    );

    await runner.createTable(
      new Table({
        name: entries,
        columns: [
          name('import_id', key(entries)),
          name('kind', key(entries)),
          name('context', key(entries)),
          name('name', key(entries)),
          { name: 'number', type: 'integer', ...key(entries) },
          { name: 'schema_id', type: 'integer' },
          { name: 'deleted', type: 'integer' },
          { name: 'skipped', type: 'integer' },
          { name: 'depth', type: 'integer' },
          { name: 'document', type: 'text' },
        ],
        indices: [
          {
            name: `ix_${entries}_order`,
            columnNames: ['import_id', 'depth', 'context', 'schema_id', 'name', 'number'],
            where: "kind = 'version'",
          },
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('registry_import_entries');
    await runner.dropTable('registry_imports');
  }
}
