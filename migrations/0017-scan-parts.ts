import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';

/** What scans of retained records have found, one row for each range: `position` is how far it has been read, `document` everything else as JSON. */
export class ScanParts1764100000017 implements MigrationInterface {
  readonly name = 'ScanParts1764100000017';

  async up(runner: QueryRunner): Promise<void> {
    const postgres = runner.dataSource.options.type === 'postgres';
    const key = { isPrimary: true, primaryKeyConstraintName: 'pk_scan_parts' };
    await runner.createTable(
      new Table({
        name: 'scan_parts',
        columns: [
          { name: 'operation_id', type: 'text', ...(postgres ? { collation: 'C' } : {}), ...key },
          { name: 'part', type: 'integer', ...key },
          { name: 'position', type: 'bigint' },
          { name: 'document', type: 'text' },
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('scan_parts');
  }
}
