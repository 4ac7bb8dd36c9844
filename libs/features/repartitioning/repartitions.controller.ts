import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { AccessToSome, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, PlanOncePerKey, ZodPipe } from '#libs/platform/http';
import { planViewOf } from './repartition-plan-view.js';
import {
  repartitionBody,
  repartitionPlanView,
  type RepartitionBody,
  type RepartitionPlanView,
} from './repartition-schemas.js';
import { RepartitionsService } from './repartitions.service.js';

/** Plans of repartitions, of the default cluster and of a named one. */
@Controller(['v1/repartitions', 'v1/clusters/:cluster/repartitions'])
export class RepartitionsController {
  constructor(private readonly repartitions: RepartitionsService) {}

  @Post('plans')
  @PlanOncePerKey()
  @HttpCode(201)
  @AccessToSome('operate', 'topic')
  @ApiJson({
    id: 'planRepartition',
    summary: 'Plan another partition count or key for a topic, or for several in one step',
    description:
      'Looks at the topics and changes nothing. Several (`topics`) get the same, and are switched in one step or not at all. Start the plan with its hash: `POST /v1/operations {"planHash": …}`.',
    tag: 'repartitions',
    body: repartitionBody,
    bodyExample: { topic: 'flights', target: { partitions: 12, key: { expr: 'value.origin' } } },
    response: repartitionPlanView,
    status: 201,
    errors: {
      400: ['invalid-repartition-request', 'invalid-key-expression', 'invalid-field-path'],
      404: ['topic-not-found', 'cluster-not-found'],
    },
  })
  async plan(
    @Param('cluster') cluster: string | undefined,
    @Body(new ZodPipe(repartitionBody)) body: RepartitionBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<RepartitionPlanView> {
    return planViewOf(await this.repartitions.plan(cluster, body, principal));
  }
}
