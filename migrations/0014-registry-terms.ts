import { type MigrationInterface, type QueryRunner, Table, type TableColumnOptions, TableIndex } from 'typeorm';

/**
 * What registered versions are found by: fields, types, tags, metadata. Versions stored before are marked as lacking terms; the registry adds them, since that takes
 * reading their schemas. Names sort by code point on both databases.
 */
export class RegistryTerms1764100000014 implements MigrationInterface {
  readonly name = 'RegistryTerms1764100000014';

  async up(runner: QueryRunner): Promise<void> {
    const postgres = runner.dataSource.options.type === 'postgres';
    const name = (column: string): TableColumnOptions => ({
      name: column,
      type: 'text',
      isPrimary: true,
      primaryKeyConstraintName: 'pk_registry_terms',
      ...(postgres ? { collation: 'C' } : {}),
    });
    const number = (column: string): TableColumnOptions => ({ ...name(column), type: 'integer', collation: undefined });
    await runner.createTable(
      new Table({
        name: 'registry_terms',
        // Nothing but the key: versions by term, in the order in which they are answered. The terms of a version stand with it.
        columns: [number('kind'), name('term'), name('context'), name('subject'), number('version')],
        ...(postgres ? {} : { withoutRowid: true }),
      }),
    );
    await runner.query('alter table registry_versions add column terms text');
    for (const [what, where] of [
      ['without_terms', 'terms is null'],
      ['deleted', 'deleted = 1'],
    ]) {
      const columnNames = ['context', 'subject', 'version'];
      await runner.createIndex(
        'registry_versions',
        new TableIndex({ name: `ix_registry_versions_${what}`, columnNames, where }),
      );
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index ix_registry_versions_deleted');
    await runner.query('drop index ix_registry_versions_without_terms');
    await runner.query('alter table registry_versions drop column terms');
    await runner.dropTable('registry_terms');
  }
}
