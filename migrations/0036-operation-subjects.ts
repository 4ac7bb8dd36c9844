import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Everything an operation works on, of which it may have several; each belongs to one live operation. */
export class OperationSubjects1764100000036 implements MigrationInterface {
  readonly name = 'OperationSubjects1764100000036';

  async up(runner: QueryRunner): Promise<void> {
    const text = runner.dataSource.options.type === 'postgres' ? 'text collate "C"' : 'text';
    await runner.query(
      `create table operation_subjects (
         operation_id ${text} not null,
         subject ${text} not null,
         live int not null,
         constraint pk_operation_subjects primary key (operation_id, subject),
         constraint ck_operation_subjects_live check (live in (0, 1))
       )`,
    );
    await runner.query('create unique index uq_operation_subjects_live on operation_subjects (subject) where live = 1');
    await runner.query('create index ix_operation_subjects_subject on operation_subjects (subject, operation_id)');
    await runner.query(
      `insert into operation_subjects (operation_id, subject, live)
       select id, subject, case when ended_at is null then 1 else 0 end from operations`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table operation_subjects');
  }
}
