import { type MigrationInterface, type QueryRunner, Table, type TableColumnOptions } from 'typeorm';

/** What is remembered of a subject's versions, so that a new one is held against them without reading each. May be missing for any subject. */
export class RegistryDigests1764100000018 implements MigrationInterface {
  readonly name = 'RegistryDigests1764100000018';

  async up(runner: QueryRunner): Promise<void> {
    const postgres = runner.dataSource.options.type === 'postgres';
    const key = (name: string): TableColumnOptions => ({
      name,
      type: 'text',
      isPrimary: true,
      primaryKeyConstraintName: 'pk_registry_digests',
      ...(postgres ? { collation: 'C' } : {}),
    });
    await runner.createTable(
      new Table({
        name: 'registry_digests',
        columns: [key('context'), key('subject'), { name: 'document', type: 'text' }],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('registry_digests');
  }
}
