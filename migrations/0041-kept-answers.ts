import { type MigrationInterface, type QueryRunner, Table, TableIndex } from 'typeorm';

/** Requests with an idempotency key and what they were answered. `document` is all of it, as JSON. */
export class KeptAnswers1764100000041 implements MigrationInterface {
  readonly name = 'KeptAnswers1764100000041';

  async up(runner: QueryRunner): Promise<void> {
    await runner.createTable(
      new Table({
        name: 'kept_answers',
        columns: [
          { name: 'id', type: 'text', isPrimary: true, primaryKeyConstraintName: 'pk_kept_answers' },
          { name: 'attempt', type: 'text' },
          { name: 'first_at', type: 'bigint' },
          { name: 'document', type: 'text' },
        ],
        indices: [new TableIndex({ name: 'ix_kept_answers_first_at', columnNames: ['first_at'] })],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('kept_answers');
  }
}
