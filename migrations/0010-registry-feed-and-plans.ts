import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';

/**
 * What the registry's feed of changes tells beyond names (the value that was set), who may register where, and which plans have been carried out.
 */
export class RegistryFeedAndPlans1764100000010 implements MigrationInterface {
  readonly name = 'RegistryFeedAndPlans1764100000010';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table registry_changes add column value text');
    await runner.query('alter table registry_subjects add column registration text');
    await runner.createTable(
      new Table({
        name: 'registry_plans',
        columns: [
          { name: 'hash', type: 'text', isPrimary: true, primaryKeyConstraintName: 'pk_registry_plans' },
          { name: 'principal', type: 'text' },
          { name: 'idempotency_key', type: 'text', isNullable: true },
          { name: 'applied_at', type: 'bigint' },
          { name: 'revision', type: 'bigint' },
          { name: 'ids', type: 'text' },
          { name: 'outcome', type: 'text' },
        ],
        uniques: [{ name: 'uq_registry_plans_key', columnNames: ['principal', 'idempotency_key'] }],
        indices: [{ name: 'ix_registry_plans_applied', columnNames: ['applied_at'] }],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('registry_plans');
    await runner.query('alter table registry_subjects drop column registration');
    await runner.query('alter table registry_changes drop column value');
  }
}
