import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';

/** Plans that wait for others to agree. `document` is the request without the plan, as JSON; `ended_at` is null while it is open. */
export class ChangeRequests1764100000039 implements MigrationInterface {
  readonly name = 'ChangeRequests1764100000039';

  async up(runner: QueryRunner): Promise<void> {
    const postgres = runner.dataSource.options.type === 'postgres';
    await runner.createTable(
      new Table({
        name: 'change_requests',
        columns: [
          {
            name: 'id',
            type: 'text',
            ...(postgres ? { collation: 'C' } : {}),
            isPrimary: true,
            primaryKeyConstraintName: 'pk_change_requests',
          },
          { name: 'revision', type: 'bigint' },
          { name: 'state', type: 'text' },
          { name: 'ended_at', type: 'bigint', isNullable: true },
          { name: 'document', type: 'text' },
          { name: 'plan', type: 'text' },
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('change_requests');
  }
}
