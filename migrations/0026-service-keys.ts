import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';

/** Secrets that all instances of a service share, made by the first one that needs them. */
export class ServiceKeys1764100000026 implements MigrationInterface {
  readonly name = 'ServiceKeys1764100000026';

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: 'service_keys',
        columns: [
          { name: 'name', type: 'text', isPrimary: true, primaryKeyConstraintName: 'pk_service_keys' },
          { name: 'secret', type: 'text' },
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('service_keys');
  }
}
