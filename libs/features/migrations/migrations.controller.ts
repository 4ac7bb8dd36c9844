import { Body, Controller, HttpCode, Param, Post, Query } from '@nestjs/common';
import { Access, AccessToSome, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, PlanOncePerKey, ZodPipe } from '#libs/platform/http';
import { placeFrom } from '#libs/core/streams';
import {
  migrationBody,
  migrationPlanView,
  rehearsalPlanView,
  rehearsalQuery,
  sampleBody,
  sampleView,
  type MigrationBody,
  type MigrationPlanView,
  type RehearsalPlanView,
  type RehearsalQuery,
  type SampleBody,
  type SampleView,
} from './migration-schemas.js';
import { planViewOf, rehearsalViewOf, sampleViewOf } from './migration-views.js';
import { MigrationsService } from './migrations.service.js';

/** Plans of migrations, of the default cluster and of a named one, and what they would make of present records. */
@Controller(['v1/migrations', 'v1/clusters/:cluster/migrations'])
export class MigrationsController {
  constructor(private readonly migrations: MigrationsService) {}

  @Post('plans')
  @PlanOncePerKey()
  @HttpCode(201)
  @AccessToSome('operate', 'topic')
  @ApiJson({
    id: 'planMigration',
    summary: 'Plan another form for the records of a topic, or of several in one step',
    description:
      'Rehearses the migration on a sample and changes nothing. Start the plan with its hash: `POST /v1/operations {"planHash": …}`.',
    tag: 'migrations',
    body: migrationBody,
    bodyExample: {
      topic: 'orders',
      filter: 'value.cents > 0',
      transform: {
        up: [
          { rename: 'value.country', to: 'land' },
          { set: 'value.euros', cel: 'double(value.cents) / 100.0' },
        ],
        down: [{ remove: 'value.euros' }, { rename: 'value.land', to: 'country' }],
      },
    },
    response: migrationPlanView,
    status: 201,
    errors: {
      400: ['invalid-migration-request', 'invalid-transform', 'invalid-topic-config'],
      404: ['topic-not-found', 'cluster-not-found', 'schema-not-found', 'subject-not-found'],
    },
  })
  async plan(
    @Param('cluster') cluster: string | undefined,
    @Body(new ZodPipe(migrationBody)) body: MigrationBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<MigrationPlanView> {
    return planViewOf(await this.migrations.plan(cluster, body, principal));
  }

  @Post(':plan/rehearsal')
  @HttpCode(201)
  @AccessToSome('operate', 'operation')
  @ApiJson({
    id: 'planRehearsal',
    summary: 'Plan a full dry run of a planned migration',
    description:
      'Every record that the topic has now is migrated twice and brought back, and nothing is written. Start the plan with its hash: `POST /v1/operations {"planHash": …}`; what was found is the `verification` of the operation. Of a plan of several topics all are rehearsed by one operation, or the one that is named; findings name their topic, and `verification.topics` has what was found in each. Whoever asks must be allowed to read and operate the topics.',
    tag: 'migrations',
    query: rehearsalQuery,
    response: rehearsalPlanView,
    status: 201,
    errors: {
      400: ['not-a-migration-plan'],
      404: ['plan-not-found', 'topic-not-found'],
      409: ['topic-not-in-plan'],
    },
  })
  async rehearsal(
    @Param('plan') hash: string,
    @Query(new ZodPipe(rehearsalQuery)) { topic }: RehearsalQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<RehearsalPlanView> {
    return rehearsalViewOf(await this.migrations.rehearsal(hash, topic, principal));
  }

  @Post(':plan/sample')
  @HttpCode(200)
  @Access('read', 'operation')
  @ApiJson({
    id: 'sampleMigration',
    summary: 'Show what a planned migration would make of present records',
    description:
      'Transforms each record twice and brings it back, and shows what changes. Changes nothing. Whoever asks must be allowed to read the topic.',
    tag: 'migrations',
    body: sampleBody,
    bodyExample: { n: 20 },
    response: sampleView,
    errors: {
      404: ['plan-not-found', 'topic-not-found'],
      409: ['not-a-migration-plan', 'plan-of-several', 'topic-not-in-plan'],
    },
  })
  async sample(
    @Param('plan') hash: string,
    @Body(new ZodPipe(sampleBody)) { topic, n, perSchemaId, at, from }: SampleBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<SampleView> {
    const places = at?.flatMap((one) => placeFrom(one) ?? []);
    const start = from === undefined ? undefined : placeFrom(from);
    return sampleViewOf(
      hash,
      await this.migrations.sample(hash, topic, { n, perSchemaId, at: places, from: start }, principal),
    );
  }
}
