import { Injectable } from '@nestjs/common';
import { AppError, type JsonObject } from '#libs/core/kernel';
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
   * A plan tells of keys and counts, so the topics must be readable too.
   * @throws `topic-not-found`, `cluster-not-found`, `invalid-key-expression`, `forbidden`.
   */
  async plan(cluster: string | undefined, body: RepartitionBody, principal: Principal): Promise<Plan> {
    for (const name of topicsOf(body)) {
      this.authorizer.demand(principal, 'operate', { kind: 'topic', name });
      this.authorizer.demand(principal, 'read', { kind: 'topic', name });
    }
    const request = JSON.parse(JSON.stringify(body)) as JsonObject;
    if (cluster !== undefined) request['cluster'] = cluster;
    return await this.engine.plan('repartition', request, principal.id);
  }
}

/** @throws `invalid-repartition-request` unless it names either one topic or several. */
function topicsOf({ topic, topics }: RepartitionBody): readonly string[] {
  if (topics !== undefined && topic === undefined) return topics;
  if (topic !== undefined && topics === undefined) return [topic];
  throw new AppError({
    kind: 'invalid',
    code: 'invalid-repartition-request',
    message: "The repartition request is not valid: it needs either 'topic' or 'topics'.",
    items: [{ path: '/topic', message: "is needed, unless 'topics' names several" }],
  });
}
