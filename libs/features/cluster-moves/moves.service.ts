import { Injectable } from '@nestjs/common';
import type { JsonObject } from '#libs/core/kernel';
import { OperationEngine, type Plan } from '#libs/core/operations';
import { Authorizer, type Principal } from '#libs/platform/auth';
import type { MoveBody } from './move-schemas.js';

/** Plans of moves for principals. Starting and steering them is the operation engine's. */
@Injectable()
export class MovesService {
  constructor(
    private readonly engine: OperationEngine,
    private readonly authorizer: Authorizer,
  ) {}

  /**
   * One plan for each topic, in the order given. Plans tell of records and groups, so the topics must be readable too.
   * @throws `topic-not-found`, `topic-moved`, `cluster-not-found`, `forbidden`: none was made then that anything rests on.
   */
  async plan(cluster: string | undefined, body: MoveBody, principal: Principal): Promise<Plan[]> {
    for (const name of body.topics) {
      this.authorizer.demand(principal, 'operate', { kind: 'topic', name });
      this.authorizer.demand(principal, 'read', { kind: 'topic', name });
    }
    const { topics, ...rest } = JSON.parse(JSON.stringify(body)) as MoveBody;
    const plans: Plan[] = [];
    for (const topic of topics) {
      const request = { topic, ...rest, ...(cluster === undefined ? {} : { cluster }) } as unknown as JsonObject;
      plans.push(await this.engine.plan('move', request, principal.id));
    }
    return plans;
  }
}
