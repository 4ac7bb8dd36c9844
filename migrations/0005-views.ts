import { type MigrationInterface, type QueryRunner, Table, type TableColumnOptions } from 'typeorm';

/** Declarations of views. Their tables live in a database of their own. Names sort by code point on both databases. */
export class Views1764100000005 implements MigrationInterface {
  readonly name = 'Views1764100000005';

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
        name: 'views',
        columns: [
          name('name', { isPrimary: true, primaryKeyConstraintName: 'pk_views' }),
          name('id'),
          name('log_id'),
          name('cluster'),
          { name: 'version', type: 'bigint' },
          { name: 'declaration', type: 'text' },
          { name: 'types', type: 'text' },
          { name: 'state', type: 'text' },
          { name: 'created_at', type: 'bigint' },
        ],
        uniques: [{ name: 'uq_views_id', columnNames: ['id'] }],
        checks: [{ name: 'ck_views_state', expression: "state in ('RUNNING', 'PAUSED', 'DELETING')" }],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('views');
  }
}
