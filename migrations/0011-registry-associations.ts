import { type MigrationInterface, type QueryRunner, Table, type TableColumnOptions } from 'typeorm';

/** Associations of resources (topics) with the subjects of their keys and values. Names sort by code point on both databases. */
export class RegistryAssociations1764100000011 implements MigrationInterface {
  readonly name = 'RegistryAssociations1764100000011';

  async up(runner: QueryRunner): Promise<void> {
    const postgres = runner.dataSource.options.type === 'postgres';
    const name = (column: string, more: Partial<TableColumnOptions> = {}): TableColumnOptions => ({
      name: column,
      type: 'text',
      ...(postgres ? { collation: 'C' } : {}),
      ...more,
    });
    const key = { isPrimary: true, primaryKeyConstraintName: 'pk_registry_associations' };
    await runner.createTable(
      new Table({
        name: 'registry_associations',
        columns: [
          name('resource_id', key),
          name('resource_type', key),
          name('association_type', key),
          { name: 'guid', type: 'text' },
          name('resource_name'),
          name('resource_namespace'),
          name('context'),
          name('subject'),
          { name: 'lifecycle', type: 'text' },
          { name: 'frozen', type: 'integer' },
          { name: 'created_at', type: 'bigint' },
          { name: 'updated_at', type: 'bigint' },
          { name: 'revision', type: 'bigint' },
        ],
        uniques: [
          {
            name: 'uq_registry_associations_name',
            columnNames: [
              'resource_name',
              'resource_namespace',
              'resource_type',
              'association_type',
              'context',
              'subject',
            ],
          },
        ],
        indices: [{ name: 'ix_registry_associations_subject', columnNames: ['context', 'subject'] }],
        checks: [{ name: 'ck_registry_associations_lifecycle', expression: "lifecycle in ('STRONG', 'WEAK')" }],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('registry_associations');
  }
}
