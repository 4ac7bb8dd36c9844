import { Injectable } from '@nestjs/common';
import { AppError, type JsonObject } from '#libs/core/kernel';
import { OperationEngine, type Plan } from '#libs/core/operations';
import { membersOf, MigrationSamples, planOfTopic, type SampleReport, type SampleRequest } from '#libs/core/streams';
import { Authorizer, type Principal } from '#libs/platform/auth';
import type { MigrationBody } from './migration-schemas.js';

/** Plans of migrations and what they would make of present records, for principals. Starting and steering them is the operation engine's. */
@Injectable()
export class MigrationsService {
  constructor(
    private readonly engine: OperationEngine,
    private readonly samples: MigrationSamples,
    private readonly authorizer: Authorizer,
  ) {}

  /**
   * A plan tells of what is in records, so the topics must be readable too.
   * @throws `topic-not-found`, `cluster-not-found`, `invalid-transform`, `invalid-migration-request`, `invalid-topic-config`, `schema-not-found`, `forbidden`.
   */
  async plan(cluster: string | undefined, body: MigrationBody, principal: Principal): Promise<Plan> {
    for (const name of topicsOf(body)) {
      this.authorizer.demand(principal, 'operate', { kind: 'topic', name });
      this.authorizer.demand(principal, 'read', { kind: 'topic', name });
    }
    const request = JSON.parse(JSON.stringify(body)) as JsonObject;
    if (cluster !== undefined) request['cluster'] = cluster;
    return await this.engine.plan('migration', request, principal.id);
  }

  /**
   * The plan of a full rehearsal of a planned migration. @param named which of its topics, where it is of several; undefined for all of them
   * @throws `plan-not-found`, `not-a-migration-plan`, `topic-not-in-plan`, `topic-not-found`, `forbidden`.
   */
  async rehearsal(hash: string, named: string | undefined, principal: Principal): Promise<Plan> {
    const plan = await this.engine.planOf(hash);
    const isMigration = plan.kind === 'migration';
    const members =
      isMigration && named !== undefined ? [planOfTopic(plan, named).parameters] : membersOf(plan.parameters);
    for (const { topic } of members) {
      const name = typeof topic === 'string' ? topic : null;
      this.authorizer.demand(principal, 'read', { kind: 'topic', name });
      this.authorizer.demand(principal, 'operate', { kind: 'topic', name });
    }
    const request: JsonObject = isMigration ? { migration: hash, members: [...members] } : {};
    return await this.engine.plan('migration-rehearsal', request, principal.id);
  }

  /**
   * @param named which of its topics, where the plan is of several
   * @throws `plan-not-found`, `not-a-migration-plan`, `plan-of-several`, `topic-not-in-plan`, `topic-not-found`, `forbidden`.
   */
  async sample(
    hash: string,
    named: string | undefined,
    request: SampleRequest,
    principal: Principal,
  ): Promise<SampleReport> {
    const whole = await this.engine.planOf(hash);
    const plan = whole.kind === 'migration' ? planOfTopic(whole, named) : whole;
    const topic = plan.parameters['topic'];
    this.authorizer.demand(principal, 'read', { kind: 'topic', name: typeof topic === 'string' ? topic : null });
    return await this.samples.sample(plan, request);
  }
}

/** @throws `invalid-migration-request` unless it names either one topic or several. */
function topicsOf({ topic, topics }: MigrationBody): readonly string[] {
  if (topics !== undefined && topic === undefined) return topics;
  if (topic !== undefined && topics === undefined) return [topic];
  throw new AppError({
    kind: 'invalid',
    code: 'invalid-migration-request',
    message: "The migration request is not valid: it needs either 'topic' or 'topics'.",
    items: [{ path: '/topic', message: "is needed, unless 'topics' names several" }],
  });
}
