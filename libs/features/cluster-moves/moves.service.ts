import { Injectable } from '@nestjs/common';
import { AppError, type JsonObject } from '#libs/core/kernel';
import { OperationEngine, type Plan } from '#libs/core/operations';
import { Authorizer, type Principal } from '#libs/platform/auth';
import type { MoveBody } from './move-schemas.js';

/** What was planned. */
export interface MovePlans {
  readonly plans: readonly Plan[];
  /** Of all topics in one operation. */
  readonly together: Plan | null;
}

/** Plans of moves for principals. Starting and steering them is the operation engine's. */
@Injectable()
export class MovesService {
  constructor(
    private readonly engine: OperationEngine,
    private readonly authorizer: Authorizer,
  ) {}

  /**
   * One plan for each topic, in the order given, and one of all where that is asked for. Plans tell of records and groups, so the topics must be readable too.
   * @throws `topic-not-found`, `topic-moved`, `cluster-not-found`, `invalid-move-request`, `forbidden`: none was made then that anything rests on.
   */
  async plan(cluster: string | undefined, body: MoveBody, principal: Principal): Promise<MovePlans> {
    for (const name of body.topics) {
      this.authorizer.demand(principal, 'operate', { kind: 'topic', name });
      this.authorizer.demand(principal, 'read', { kind: 'topic', name });
    }
    if (body.name !== undefined) {
      // A topic of that name comes to be.
      this.authorizer.demand(principal, 'alter', { kind: 'topic', name: body.name });
      this.authorizer.demand(principal, 'operate', { kind: 'topic', name: body.name });
      if (body.topics.length > 1) throw nameOfSeveral(body.topics);
    }
    const { topics, together, ...rest } = JSON.parse(JSON.stringify(body)) as MoveBody;
    const shared = { ...rest, ...(cluster === undefined ? {} : { cluster }) } as unknown as JsonObject;
    const plans: Plan[] = [];
    for (const topic of topics) {
      plans.push(await this.engine.plan('move', { topic, ...shared }, principal.id));
    }
    const joined = together === true ? await this.engine.plan('move', { topics, ...shared }, principal.id) : null;
    return { plans, together: joined };
  }
}

function nameOfSeveral(topics: readonly string[]): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-move-request',
    message: `One name cannot be given to ${topics.length} topics.`,
    hint: 'Plan each topic with a name of its own.',
    items: [{ path: 'topics', message: 'must be one where name is given' }],
  });
}
