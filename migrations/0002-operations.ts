import { type MigrationInterface, type QueryRunner, Table, type TableColumnOptions } from 'typeorm';

/**
 * Plans, operations with their events, the keys of repeated start requests, and leases. One live operation per subject and the dense numbering of events are
 * constraints. `document` holds the whole record as JSON; the columns beside it are what statements compare or search by.
 */
export class Operations1764100000002 implements MigrationInterface {
  readonly name = 'Operations1764100000002';

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
        name: 'operation_plans',
        columns: [
          name('hash', key('operation_plans')),
          { name: 'document', type: 'text' },
          { name: 'created_at', type: 'bigint' },
        ],
      }),
    );

    await runner.createTable(
      new Table({
        name: 'operations',
        columns: [
          name('id', key('operations')),
          name('kind'),
          name('subject'),
          name('plan_hash'),
          { name: 'phase', type: 'text' },
          { name: 'hold', type: 'text', isNullable: true },
          { name: 'revision', type: 'bigint' },
          { name: 'epoch', type: 'bigint' },
          { name: 'ended_at', type: 'bigint', isNullable: true },
          { name: 'document', type: 'text' },
          { name: 'progress', type: 'text', isNullable: true },
        ],
        indices: [
          { name: 'uq_operations_live_subject', columnNames: ['subject'], isUnique: true, where: 'ended_at is null' },
          { name: 'ix_operations_plan_hash', columnNames: ['plan_hash'] },
          { name: 'ix_operations_kind', columnNames: ['kind', 'id'] },
        ],
        checks: [{ name: 'ck_operations_revision', expression: 'revision >= 1 and epoch >= 0' }],
      }),
    );

    await runner.createTable(
      new Table({
        name: 'operation_events',
        columns: [
          name('operation_id', key('operation_events')),
          { name: 'sequence', type: 'bigint', ...key('operation_events') },
          { name: 'at', type: 'bigint' },
          { name: 'type', type: 'text' },
          { name: 'data', type: 'text' },
        ],
        checks: [{ name: 'ck_operation_events_from_one', expression: 'sequence >= 1' }],
      }),
    );

    await runner.createTable(
      new Table({
        name: 'operation_start_keys',
        columns: [
          name('start_key', key('operation_start_keys')),
          { name: 'request_hash', type: 'text' },
          name('operation_id'),
          { name: 'used_at', type: 'bigint' },
        ],
        indices: [{ name: 'ix_operation_start_keys_used_at', columnNames: ['used_at'] }],
      }),
    );

    await runner.createTable(
      new Table({
        name: 'leases',
        columns: [
          name('name', key('leases')),
          { name: 'owner', type: 'text' },
          { name: 'epoch', type: 'bigint' },
          { name: 'expires_at', type: 'bigint' },
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['leases', 'operation_start_keys', 'operation_events', 'operations', 'operation_plans']) {
      await runner.dropTable(table);
    }
  }
}
