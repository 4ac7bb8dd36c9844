import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was added to views while they were running (JSON), where anything was. */
export class ViewEvolution1764100000040 implements MigrationInterface {
  readonly name = 'ViewEvolution1764100000040';

  async up(runner: QueryRunner): Promise<void> {
    for (const table of ['views', 'view_versions'])
      await runner.query(`alter table ${table} add column evolution text`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['views', 'view_versions']) await runner.query(`alter table ${table} drop column evolution`);
  }
}
