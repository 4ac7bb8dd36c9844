import { type MigrationInterface, type QueryRunner, Table, type TableColumnOptions } from 'typeorm';

/** Versions of views beside the one that is asked: drafts that are built, and those that were replaced. */
export class ViewVersions1764100000037 implements MigrationInterface {
  readonly name = 'ViewVersions1764100000037';

  async up(runner: QueryRunner): Promise<void> {
    const postgres = runner.dataSource.options.type === 'postgres';
    const name = (column: string, more: Partial<TableColumnOptions> = {}): TableColumnOptions => ({
      name: column,
      type: 'text',
      ...(postgres ? { collation: 'C' } : {}),
      ...more,
    });
    await runner.createTable(
      new Table({
        name: 'view_versions',
        columns: [
          name('id', { isPrimary: true, primaryKeyConstraintName: 'pk_view_versions' }),
          name('name'),
          name('log_id'),
          name('cluster'),
          { name: 'version', type: 'bigint' },
          { name: 'declaration', type: 'text' },
          { name: 'types', type: 'text' },
          { name: 'state', type: 'text' },
          { name: 'created_at', type: 'bigint' },
          { name: 'role', type: 'text' },
        ],
        uniques: [{ name: 'uq_view_versions_version', columnNames: ['name', 'version'] }],
        checks: [
          { name: 'ck_view_versions_state', expression: "state in ('RUNNING', 'PAUSED', 'DELETING')" },
          { name: 'ck_view_versions_role', expression: "role in ('DRAFT', 'PREVIOUS')" },
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('view_versions');
  }
}
