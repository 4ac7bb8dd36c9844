import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What users have said about a topic beside its data: protected, frozen, deleted but kept (JSON). */
export class TopicGuards1764100000025 implements MigrationInterface {
  readonly name = 'TopicGuards1764100000025';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table topic_names add column is_protected integer not null default 0');
    await runner.query('alter table topic_names add column is_frozen integer not null default 0');
    await runner.query('alter table topic_names add column deletion text');
    await runner.query('alter table topic_names add column guard_revision bigint not null default 0');
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const column of ['guard_revision', 'deletion', 'is_frozen', 'is_protected']) {
      await runner.query(`alter table topic_names drop column ${column}`);
    }
  }
}
