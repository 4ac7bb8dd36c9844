import { Injectable } from '@nestjs/common';
import type { JsonObject } from '#libs/core/kernel';
import { OperationEngine, type Plan } from '#libs/core/operations';
import { MigrationSamples, type SampleReport, type SampleRequest } from '#libs/core/streams';
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
   * A plan tells of what is in records, so the topic must be readable too.
   * @throws `topic-not-found`, `cluster-not-found`, `invalid-transform`, `invalid-migration-request`, `invalid-topic-config`, `schema-not-found`, `forbidden`.
   */
  async plan(cluster: string | undefined, body: MigrationBody, principal: Principal): Promise<Plan> {
    this.authorizer.demand(principal, 'read', { kind: 'topic', name: body.topic });
    const request = JSON.parse(JSON.stringify(body)) as JsonObject;
    if (cluster !== undefined) request['cluster'] = cluster;
    return await this.engine.plan('migration', request, principal.id);
  }

  /** The plan of a full rehearsal of a planned migration. @throws `plan-not-found`, `not-a-migration-plan`, `topic-not-found`, `forbidden`. */
  async rehearsal(hash: string, principal: Principal): Promise<Plan> {
    const { kind, parameters } = await this.engine.planOf(hash);
    const { topic } = parameters;
    const name = typeof topic === 'string' ? topic : null;
    this.authorizer.demand(principal, 'read', { kind: 'topic', name });
    this.authorizer.demand(principal, 'operate', { kind: 'topic', name });
    const request: JsonObject = kind === 'migration' ? { migration: hash, parameters } : {};
    return await this.engine.plan('migration-rehearsal', request, principal.id);
  }

  /** @throws `plan-not-found`, `not-a-migration-plan`, `topic-not-found`, `forbidden`. */
  async sample(hash: string, request: SampleRequest, principal: Principal): Promise<SampleReport> {
    const plan = await this.engine.planOf(hash);
    const topic = plan.parameters['topic'];
    this.authorizer.demand(principal, 'read', { kind: 'topic', name: typeof topic === 'string' ? topic : null });
    return await this.samples.sample(plan, request);
  }
}
