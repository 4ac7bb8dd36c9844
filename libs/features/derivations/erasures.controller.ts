import { Body, Controller, HttpCode, Param, Post } from '@nestjs/common';
import { z } from 'zod';
import type { JsonObject } from '#libs/core/kernel';
import { OperationEngine } from '#libs/core/operations';
import { MAX_ERASED_KEYS } from '#libs/core/streams';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, PlanOncePerKey, ZodPipe } from '#libs/platform/http';
import { derivedPlanView, derivedPlanViewOf, type DerivedPlanView } from './plan-view.js';

/** Body of `POST /v1/erasures/plans`. */
export const erasureBody = z.strictObject({
  derivation: z.string().min(1).max(249),
  keys: z
    .array(z.string().max(100_000))
    .min(1)
    .max(MAX_ERASED_KEYS)
    .describe('The text of each key, or `base64:` and its bytes. They are kept nowhere: the plan has digests of them.'),
  cutover: z.strictObject({ mode: z.enum(['auto', 'manual']).default('auto') }).default({ mode: 'auto' }),
});
export type ErasureBody = z.infer<typeof erasureBody>;

/** Plans of erasures of keys from derived streams. Starting and steering them is the operation engine's. */
@Controller(['v1/erasures', 'v1/clusters/:cluster/erasures'])
export class ErasuresController {
  constructor(private readonly engine: OperationEngine) {}

  @Post('plans')
  @PlanOncePerKey()
  @HttpCode(201)
  @Access('operate', 'topic', 'body.derivation')
  @ApiJson({
    id: 'planErasure',
    summary: 'Plan to erase keys from a derived stream',
    description:
      'Looks and changes nothing. The operation copies the stream without the records of the keys, verifies the copy, and gives it the name; `finish` deletes what still had them. Start the plan with its hash: `POST /v1/operations {"planHash": …}`.',
    tag: 'derivations',
    body: erasureBody,
    bodyExample: { derivation: 'orders-latest', keys: ['o1'] },
    response: derivedPlanView,
    status: 201,
    errors: { 404: ['derivation-not-found', 'cluster-not-found'], 400: ['invalid-erasure-request'] },
  })
  async plan(
    @Param('cluster') cluster: string | undefined,
    @Body(new ZodPipe(erasureBody)) { derivation, ...body }: ErasureBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<DerivedPlanView> {
    const request: JsonObject = { name: derivation, ...body, ...(cluster === undefined ? {} : { cluster }) };
    return derivedPlanViewOf('erasure', await this.engine.plan('erasure', request, principal.id));
  }
}
