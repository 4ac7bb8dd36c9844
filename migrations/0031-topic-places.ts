import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where a topic is that moved to another log, or is on its way here (JSON). */
export class TopicPlaces1764100000031 implements MigrationInterface {
  readonly name = 'TopicPlaces1764100000031';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table topic_names add column place text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table topic_names drop column place');
  }
}
