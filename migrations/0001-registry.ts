import { type MigrationInterface, type QueryRunner, Table, type TableColumnOptions } from 'typeorm';

/**
 * The schema registry: contexts with their id high-water marks, schemas by id, subjects with settings, versions, references, and one row per change.
 * Names sort by code point on both databases.
 */
export class Registry1764100000001 implements MigrationInterface {
  readonly name = 'Registry1764100000001';

  async up(runner: QueryRunner): Promise<void> {
    const postgres = runner.dataSource.options.type === 'postgres';
    const name = (column: string, more: Partial<TableColumnOptions> = {}): TableColumnOptions => ({
      name: column,
      type: 'text',
      ...(postgres ? { collation: 'C' } : {}),
      ...more,
    });
    const key = (table: string) => ({ primaryKeyConstraintName: `pk_${table}` });

    await runner.createTable(
      new Table({
        name: 'registry_state',
        columns: [
          { name: 'id', type: 'integer', isPrimary: true, ...key('registry_state') },
          { name: 'revision', type: 'bigint' },
        ],
        checks: [{ name: 'ck_registry_state_single', expression: 'id = 1' }],
      }),
    );
    await runner.query('insert into registry_state (id, revision) values (1, 0)');

    await runner.createTable(
      new Table({
        name: 'registry_contexts',
        columns: [
          name('name', { isPrimary: true, ...key('registry_contexts') }),
          { name: 'last_id', type: 'integer' },
          { name: 'present', type: 'integer' },
        ],
      }),
    );

    await runner.createTable(
      new Table({
        name: 'registry_schemas',
        columns: [
          name('context', { isPrimary: true, ...key('registry_schemas') }),
          { name: 'id', type: 'integer', isPrimary: true, ...key('registry_schemas') },
          { name: 'guid', type: 'text' },
          { name: 'identity', type: 'text', isNullable: true },
          { name: 'schema_type', type: 'text' },
          { name: 'text', type: 'text' },
          { name: 'schema_references', type: 'text', isNullable: true },
          { name: 'metadata', type: 'text', isNullable: true },
          { name: 'rule_set', type: 'text', isNullable: true },
          { name: 'purged', type: 'integer' },
        ],
        uniques: [{ name: 'uq_registry_schemas_identity', columnNames: ['context', 'identity'] }],
        indices: [{ name: 'ix_registry_schemas_guid', columnNames: ['guid'] }],
      }),
    );

    await runner.createTable(
      new Table({
        name: 'registry_subjects',
        columns: [
          name('context', { isPrimary: true, ...key('registry_subjects') }),
          name('name', { isPrimary: true, ...key('registry_subjects') }),
          { name: 'revision', type: 'bigint' },
          { name: 'config', type: 'text', isNullable: true },
          { name: 'mode', type: 'text', isNullable: true },
        ],
        indices: [{ name: 'ix_registry_subjects_name', columnNames: ['name'] }],
      }),
    );

    await runner.createTable(
      new Table({
        name: 'registry_versions',
        columns: [
          name('context', { isPrimary: true, ...key('registry_versions') }),
          name('subject', { isPrimary: true, ...key('registry_versions') }),
          { name: 'version', type: 'integer', isPrimary: true, ...key('registry_versions') },
          { name: 'schema_id', type: 'integer' },
          { name: 'deleted', type: 'integer' },
          { name: 'registered_at', type: 'bigint' },
          { name: 'revision', type: 'bigint' },
        ],
        indices: [{ name: 'ix_registry_versions_schema', columnNames: ['context', 'schema_id'] }],
        foreignKeys: [
          {
            name: 'fk_registry_versions_schema',
            columnNames: ['context', 'schema_id'],
            referencedTableName: 'registry_schemas',
            referencedColumnNames: ['context', 'id'],
          },
        ],
      }),
    );

    await runner.createTable(
      new Table({
        name: 'registry_references',
        columns: [
          name('context', { isPrimary: true, ...key('registry_references') }),
          { name: 'schema_id', type: 'integer', isPrimary: true, ...key('registry_references') },
          { name: 'ordinal', type: 'integer', isPrimary: true, ...key('registry_references') },
          name('target_context'),
          name('target_subject'),
          { name: 'target_version', type: 'integer' },
        ],
        indices: [
          {
            name: 'ix_registry_references_target',
            columnNames: ['target_context', 'target_subject', 'target_version'],
          },
        ],
      }),
    );

    await runner.createTable(
      new Table({
        name: 'registry_changes',
        columns: [
          { name: 'revision', type: 'bigint', isPrimary: true, ...key('registry_changes') },
          { name: 'ordinal', type: 'integer', isPrimary: true, ...key('registry_changes') },
          { name: 'at', type: 'bigint' },
          { name: 'kind', type: 'text' },
          name('context'),
          name('subject'),
          { name: 'version', type: 'integer', isNullable: true },
          { name: 'schema_id', type: 'integer', isNullable: true },
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['changes', 'references', 'versions', 'subjects', 'schemas', 'contexts', 'state']) {
      await runner.dropTable(`registry_${table}`);
    }
  }
}
