import { Injectable } from '@nestjs/common';
import type { JsonObject } from '#libs/core/kernel';
import { OperationEngine, type Plan } from '#libs/core/operations';
import { Authorizer, type Principal } from '#libs/platform/auth';
import type { RepartitionBody } from './repartition-schemas.js';

/** Plans of repartitions for principals. Starting and steering them is the operation engine's. */
@Injectable()
export class RepartitionsService {
  constructor(
    private readonly engine: OperationEngine,
    private readonly authorizer: Authorizer,
  ) {}

  /**
   * A plan tells of keys and counts, so the topic must be readable too.
   * @throws `topic-not-found`, `cluster-not-found`, `invalid-key-expression`, `forbidden`.
   */
  async plan(cluster: string | undefined, body: RepartitionBody, principal: Principal): Promise<Plan> {
    this.authorizer.demand(principal, 'read', { kind: 'topic', name: body.topic });
    const request = JSON.parse(JSON.stringify(body)) as JsonObject;
    if (cluster !== undefined) request['cluster'] = cluster;
    return await this.engine.plan('repartition', request, principal.id);
  }
}
