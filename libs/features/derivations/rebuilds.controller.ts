import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import type { JsonObject } from '#libs/core/kernel';
import { OperationEngine } from '#libs/core/operations';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, PlanOncePerKey, ZodPipe } from '#libs/platform/http';
import { derivedPlanView, derivedPlanViewOf, type DerivedPlanView } from './plan-view.js';

/** Body of `POST /v1/rebuilds/plans`. */
export const rebuildBody = z.strictObject({
  derivation: z.string().min(1).max(249),
  onDifference: z
    .enum(['stop', 'switch'])
    .default('stop')
    .describe(
      'What to do when the stream computed anew is not what it is now: stop and name the keys, or switch to it.',
    ),
  acceptLoss: z
    .boolean()
    .default(false)
    .describe('Rebuild although the source no longer has everything that the present stream was made of.'),
  cutover: z.strictObject({ mode: z.enum(['auto', 'manual']).default('auto') }).default({ mode: 'auto' }),
});
export type RebuildBody = z.infer<typeof rebuildBody>;

/** Plans of rebuilds of derived streams. Starting and steering them is the operation engine's. */
@Controller(['v1/rebuilds', 'v1/clusters/:cluster/rebuilds'])
export class RebuildsController {
  constructor(private readonly engine: OperationEngine) {}

  @Post('plans')
  @PlanOncePerKey()
  @HttpCode(201)
  @Access('operate', 'topic', 'body.derivation')
  @ApiJson({
    id: 'planRebuild',
    summary: 'Plan to compute a derived stream anew',
    description:
      'Looks and changes nothing. The operation computes the stream beside the present one, compares them key by key at one position of the source, and gives it the name. Start the plan with its hash: `POST /v1/operations {"planHash": …}`.',
    tag: 'derivations',
    body: rebuildBody,
    bodyExample: { derivation: 'orders-latest' },
    response: derivedPlanView,
    status: 201,
    errors: { 404: ['derivation-not-found', 'cluster-not-found'] },
  })
  async plan(
    @Param('cluster') cluster: string | undefined,
    @Body(new ZodPipe(rebuildBody)) { derivation, ...body }: RebuildBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<DerivedPlanView> {
    const request: JsonObject = { name: derivation, ...body, ...(cluster === undefined ? {} : { cluster }) };
    return derivedPlanViewOf('rebuild', await this.engine.plan('rebuild', request, principal.id));
  }
}
