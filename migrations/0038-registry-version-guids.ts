import { type MigrationInterface, type QueryRunner, TableIndex } from 'typeorm';

/**
 * The GUID of its schema beside each version, and an index that holds all that is read of a subject's versions: reading a hundred of them takes neither their rows,
 * which are wide with terms, nor those of their schemas, which are wide with texts. The GUID of a schema never changes.
 */
export class RegistryVersionGuids1764100000038 implements MigrationInterface {
  readonly name = 'RegistryVersionGuids1764100000038';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query("alter table registry_versions add column guid text not null default ''");
    await runner.query(
      `update registry_versions set guid =
         (select s.guid from registry_schemas s where s.context = registry_versions.context and s.id = registry_versions.schema_id)`,
    );
    await runner.createIndex(
      'registry_versions',
      new TableIndex({
        name: 'ix_registry_versions_of_subject',
        columnNames: ['context', 'subject', 'version', 'schema_id', 'guid', 'deleted', 'registered_at'],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop index ix_registry_versions_of_subject');
    await runner.query('alter table registry_versions drop column guid');
  }
}
