import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, Conditional, PlanOncePerKey, ZodPipe } from '#libs/platform/http';
import { replayPlanBody, replayView, type ReplayPlanBody, type ReplayView } from './replay-shapes.js';
import { ReplayService } from './replay.service.js';
import { scanPlanView, scanPlanViewOf, type ScanPlanView } from './scan-plan-view.js';

const tag = 'schemas';

/** A schema tried on the records that a topic retains. */
@Controller('v1/schema-replays')
export class ReplayController {
  constructor(private readonly replays: ReplayService) {}

  @Post('plans')
  @PlanOncePerKey()
  @HttpCode(201)
  @Access('read', 'topic', 'body.topic')
  @ApiJson({
    id: 'planSchemaReplay',
    summary: 'Plan to try a schema on the records that a topic retains',
    description:
      'Tries nothing yet; a candidate that is no schema is refused. Start the plan with its hash: `POST /v1/operations {"planHash": …}`. The same candidate over the same offsets is the same plan, and its finished operation is the answer.',
    tag,
    body: replayPlanBody,
    bodyExample: { topic: 'orders', schema: '{"type":"record","name":"Order","fields":[]}', last: 10_000 },
    response: scanPlanView,
    status: 201,
    errors: {
      400: ['scan-invalid'],
      404: ['topic-not-found', 'partition-not-found', 'cluster-not-found'],
      422: ['schema-invalid', 'schema-too-large', 'schema-too-complex', 'reference-not-found', 'reference-invalid'],
      503: ['schema-workers-busy'],
    },
  })
  async plan(
    @Body(new ZodPipe(replayPlanBody)) body: ReplayPlanBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ScanPlanView> {
    return scanPlanViewOf(await this.replays.plan(body, principal));
  }

  @Get(':operation')
  @Access('read', 'operation')
  @Conditional()
  @ApiJson({
    id: 'getSchemaReplay',
    summary: 'Show what a replay has found so far: what was read, by partition and writer, and the first failures',
    tag,
    response: replayView,
    errors: { 404: ['scan-not-found', 'operation-not-found'], 410: ['scan-expired'] },
  })
  result(@Param('operation') operation: string, @CurrentPrincipal() principal: Principal): Promise<ReplayView> {
    return this.replays.result(operation, principal);
  }
}
