import { Body, Controller, Headers, HttpCode, Post } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, idempotencyKeyOf, RequestSignal, ZodListsPipe, ZodPipe } from '#libs/platform/http';
import { basesInTurns, MAX_BASES_BYTES, MAX_BASES_VALUES } from './plan.shapes.js';
import { SchemaDeletionsService } from './schema-deletions.service.js';
import {
  deletionApplyBody,
  deletionDoneView,
  deletionPlanBody,
  deletionPlanView,
  MAX_SELECTION_BYTES,
  MAX_SELECTION_VALUES,
  type DeletionApplyBody,
  type DeletionDoneView,
  type DeletionPlanBody,
  type DeletionPlanView,
} from './schema-deletions.shapes.js';

const tag = 'schemas';

/** Deleting many versions at once, after looking at what would go. */
@Controller('v1')
export class SchemaDeletionsController {
  constructor(private readonly deletions: SchemaDeletionsService) {}

  @Post('schema-deletions::plan')
  @HttpCode(200)
  @Access('read', 'subject')
  @ApiJson({
    id: 'planSchemaDeletion',
    summary: 'Show what a deletion of many would take, and delete nothing',
    description:
      'By names, by prefix, or by what schemas hold. What others refer to goes only together with them. At most 10,000 versions. With `usage` it also says which of it retained records name.',
    tag,
    body: deletionPlanBody,
    bodyExample: { filter: { prefix: 'tmp.' } },
    bodyLimit: MAX_SELECTION_BYTES,
    jsonValues: MAX_SELECTION_VALUES,
    response: deletionPlanView,
    errors: {
      404: ['scan-not-found', 'operation-not-found'],
      410: ['scan-expired'],
      422: ['selection-too-large', 'plan-too-large'],
      429: ['scans-busy'],
    },
  })
  plan(
    @Body(new ZodPipe(deletionPlanBody)) body: DeletionPlanBody,
    @CurrentPrincipal() principal: Principal,
    @RequestSignal() signal: AbortSignal,
  ): Promise<DeletionPlanView> {
    return this.deletions.plan(principal, body, signal);
  }

  @Post('schema-deletions::apply')
  @HttpCode(200)
  @Access('read', 'subject')
  @ApiJson({
    id: 'applySchemaDeletion',
    summary: 'Delete what a plan shows, all of it or nothing',
    description:
      'Send the selection as it was planned, with `hash` and `restsOn` of the plan. When anything has come, gone or moved since, nothing is deleted and it is named. Needs the right to delete each subject. Repeating it answers the same for a day.',
    tag,
    body: deletionApplyBody,
    bodyLimit: MAX_SELECTION_BYTES + MAX_BASES_BYTES,
    jsonValues: MAX_SELECTION_VALUES + MAX_BASES_VALUES,
    response: deletionDoneView,
    errors: {
      409: ['plan-stale', 'plan-blocked'],
      413: ['list-too-long'],
      422: ['selection-too-large', 'plan-too-large', 'idempotency-key-reused'],
    },
  })
  apply(
    @Body(new ZodListsPipe(deletionApplyBody, basesInTurns)) body: DeletionApplyBody,
    @Headers('idempotency-key') key: string | undefined,
    @CurrentPrincipal() principal: Principal,
  ): Promise<DeletionDoneView> {
    return this.deletions.apply(principal, idempotencyKeyOf(key), body);
  }
}
