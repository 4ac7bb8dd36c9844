import type { MigrationInterface, QueryRunner } from 'typeorm';

/** How the keys of a topic's new records are placed (JSON), where a repartition has said so. */
export class TopicPartitioners1764100000033 implements MigrationInterface {
  readonly name = 'TopicPartitioners1764100000033';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('alter table topic_names add column partitioner text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('alter table topic_names drop column partitioner');
  }
}
