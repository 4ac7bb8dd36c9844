import { type MigrationInterface, type QueryRunner, Table, type TableColumnOptions } from 'typeorm';

/** The generation each moved topic name stands for, and the derivations of each log. Names sort by code point on both databases. */
export class TopicNamesAndDerivations1764100000004 implements MigrationInterface {
  readonly name = 'TopicNamesAndDerivations1764100000004';

  async up(runner: QueryRunner): Promise<void> {
    const postgres = runner.dataSource.options.type === 'postgres';
    const name = (column: string, more: Partial<TableColumnOptions> = {}): TableColumnOptions => ({
      name: column,
      type: 'text',
      ...(postgres ? { collation: 'C' } : {}),
      ...more,
    });
    const key = (table: string) => ({ isPrimary: true, primaryKeyConstraintName: `pk_${table}` });

    await runner.createTable(
      new Table({
        name: 'topic_names',
        columns: [
          name('log_id', key('topic_names')),
          name('logical', key('topic_names')),
          { name: 'generation', type: 'bigint' },
          { name: 'revision', type: 'bigint' },
          { name: 'opened_from', type: 'bigint' },
          { name: 'opens_at', type: 'text' },
          { name: 'closed_at', type: 'text' },
          { name: 'key_expression', type: 'text', isNullable: true },
        ],
        checks: [{ name: 'ck_topic_names_from_one', expression: 'generation >= 1 and revision >= 1' }],
      }),
    );

    await runner.createTable(
      new Table({
        name: 'derivations',
        columns: [
          name('log_id', key('derivations')),
          name('name', key('derivations')),
          name('id'),
          { name: 'definition', type: 'text' },
          { name: 'state', type: 'text' },
          { name: 'revision', type: 'bigint' },
        ],
        uniques: [{ name: 'uq_derivations_id', columnNames: ['log_id', 'id'] }],
        checks: [{ name: 'ck_derivations_state', expression: "state in ('RUNNING', 'PAUSED', 'DELETING')" }],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('derivations');
    await runner.dropTable('topic_names');
  }
}
