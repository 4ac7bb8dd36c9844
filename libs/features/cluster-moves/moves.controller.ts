import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { AccessToSome, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, PlanOncePerKey, ZodPipe } from '#libs/platform/http';
import { joinedViewOf, planViewOf } from './move-plan-view.js';
import { moveBody, movePlansView, type MoveBody, type MovePlansView } from './move-schemas.js';
import { MovesService } from './moves.service.js';

/** Plans of moves to another cluster or to another name, from the default cluster and from a named one. */
@Controller(['v1/moves', 'v1/clusters/:cluster/moves'])
export class MovesController {
  constructor(private readonly moves: MovesService) {}

  @Post('plans')
  @PlanOncePerKey()
  @HttpCode(201)
  @AccessToSome('operate', 'topic')
  @ApiJson({
    id: 'planMove',
    summary: 'Plan a move of topics to another cluster, or of one to another name',
    description:
      'Looks at the topics and at the other cluster, and changes nothing. Each topic is moved by an operation of its own, or all of them in one that switches them in one step (`together`). With `name` a topic gets another name where it is. Start plans with their hashes: `POST /v1/operations {"planHash": …}`.',
    tag: 'moves',
    body: moveBody,
    bodyExample: { topics: ['flights'], to: 'production' },
    response: movePlansView,
    status: 201,
    errors: {
      400: ['invalid-move-request'],
      404: ['topic-not-found', 'cluster-not-found'],
      409: ['topic-moved'],
    },
  })
  async plan(
    @Param('cluster') cluster: string | undefined,
    @Body(new ZodPipe(moveBody)) body: MoveBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<MovePlansView> {
    const { plans, together } = await this.moves.plan(cluster, body, principal);
    return { plans: plans.map(planViewOf), together: together === null ? null : joinedViewOf(together) };
  }
}
