import { Body, Controller, Headers, HttpCode, Post } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, idempotencyKeyOf, ZodListsPipe } from '#libs/platform/http';
import { basesInTurns, MAX_BASES_BYTES, MAX_BASES_VALUES } from './plan.shapes.js';
import { SchemaChangesService } from './schema-changes.service.js';
import {
  changesAppliedView,
  changesApplyBody,
  changesInTurns,
  changesPlanBody,
  changesPlanView,
  MAX_CHANGES_BYTES,
  MAX_CHANGES_VALUES,
  type ChangesAppliedView,
  type ChangesApplyBody,
  type ChangesPlanBody,
  type ChangesPlanView,
} from './schema-changes.shapes.js';

const tag = 'schemas';
const EXAMPLE = [
  {
    kind: 'register',
    subject: 'orders-value',
    schema: '{"type":"record","name":"Order","fields":[{"name":"total","type":"Money"}]}',
    references: [{ name: 'Money', subject: 'money-value' }],
  },
  {
    kind: 'register',
    subject: 'money-value',
    schema: '{"type":"record","name":"Money","fields":[{"name":"cents","type":"long"}]}',
  },
];

/** Sets of changes, made together or not at all. */
@Controller('v1')
export class SchemaChangesController {
  constructor(private readonly changes: SchemaChangesService) {}

  @Post('schema-changes::plan')
  @HttpCode(200)
  @Access('read', 'subject')
  @ApiJson({
    id: 'planSchemaChanges',
    summary: 'Say what a set of changes would do, and change nothing',
    description:
      'Schemas of the set may refer to one another by subject, before any of them is registered; they are put in order, and circles are refused. Each change is decided as if those before it had been made. Reading the subjects is enough.',
    tag,
    body: changesPlanBody,
    bodyExample: { changes: EXAMPLE },
    bodyLimit: MAX_CHANGES_BYTES,
    jsonValues: MAX_CHANGES_VALUES,
    response: changesPlanView,
    errors: { 413: ['list-too-long'], 422: ['references-cyclic', 'reference-not-found', 'plan-too-large'] },
  })
  plan(
    @Body(new ZodListsPipe(changesPlanBody, changesInTurns)) body: ChangesPlanBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ChangesPlanView> {
    return this.changes.plan(principal, body);
  }

  @Post('schema-changes::apply')
  @HttpCode(200)
  @Access('read', 'subject')
  @ApiJson({
    id: 'applySchemaChanges',
    summary: 'Make a planned set of changes, all of them or none',
    description:
      'Send the changes as they were planned, with `hash` and `restsOn` of the plan. When anything it rests on has moved, nothing is done and what has moved is named. Needs the right to make each change. Repeating it, with or without an `Idempotency-Key`, answers the same for a day.',
    tag,
    body: changesApplyBody,
    bodyExample: {
      planHash: 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c',
      restsOn: [],
      changes: EXAMPLE,
    },
    bodyLimit: MAX_CHANGES_BYTES + MAX_BASES_BYTES,
    jsonValues: MAX_CHANGES_VALUES + MAX_BASES_VALUES,
    response: changesAppliedView,
    errors: {
      403: ['registration-forbidden'],
      409: ['plan-stale', 'plan-blocked'],
      413: ['list-too-long'],
      422: ['references-cyclic', 'idempotency-key-reused', 'plan-too-large'],
    },
  })
  apply(
    @Body(new ZodListsPipe(changesApplyBody, { ...basesInTurns, ...changesInTurns })) body: ChangesApplyBody,
    @Headers('idempotency-key') key: string | undefined,
    @CurrentPrincipal() principal: Principal,
  ): Promise<ChangesAppliedView> {
    return this.changes.apply(principal, idempotencyKeyOf(key), body);
  }
}
