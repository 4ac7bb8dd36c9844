import { Body, Controller, Get, Headers, HttpCode, Param, Post, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, Conditional, prefersAsync, RequestSignal, waitMsOf, ZodPipe } from '#libs/platform/http';
import {
  checkResultView,
  schemaCheckBody,
  schemaCheckView,
  schemaRulesView,
  startedCheckView,
  type CheckResultView,
  type SchemaCheckBody,
  type SchemaCheckView,
  type SchemaRulesView,
  type StartedCheckView,
} from './schema-check-shapes.js';
import { SchemaChecksService } from './schema-checks.service.js';

const tag = 'schemas';

/** Checks of schemas with everything that can be said about them: what the Confluent paths answer in one word. */
@Controller('v1')
export class SchemaChecksController {
  constructor(private readonly checks: SchemaChecksService) {}

  @Post('schemas::check')
  @HttpCode(200)
  @Access('read', 'subject', 'body.subject')
  @ApiJson({
    id: 'checkSchema',
    summary: 'Judge a schema at every compatibility level, with reasons',
    tag,
    description:
      'Against a subject, or against schemas sent along: nothing need be registered, and nothing is. Registering the schema under the subject fails exactly when `compatible` is false. A check that would compare with more than `schemas.comparedVersions` versions is refused; with `Prefer: respond-async` it goes on as an operation and is answered 202, and with `wait=N` beside it that is waited for first.',
    body: schemaCheckBody,
    bodyExample: {
      subject: 'orders-value',
      schema: '{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}',
    },
    response: schemaCheckView,
    accepted: startedCheckView,
    errors: {
      422: ['schema-invalid', 'reference-not-found', 'too-many-versions-to-compare'],
      429: ['schema-checks-busy'],
    },
  })
  async check(
    @Body(new ZodPipe(schemaCheckBody)) body: SchemaCheckBody,
    @CurrentPrincipal() principal: Principal,
    @Headers('prefer') prefer: string | undefined,
    @RequestSignal() signal: AbortSignal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<SchemaCheckView | StartedCheckView> {
    if (!prefersAsync(prefer)) return this.checks.check(principal, body);
    const answer = await this.checks.checkOrStart(principal, body, waitMsOf(prefer), signal);
    if ('operation' in answer) {
      void reply.status(202).header('location', `/v1/operations/${answer.operation}`).header('retry-after', '1');
      void reply.header('preference-applied', 'respond-async');
    }
    return answer;
  }

  @Get('schema-checks/:operation')
  @Access('read', 'operation')
  @Conditional()
  @ApiJson({
    id: 'getSchemaCheck',
    summary: 'Show what a check that goes on as an operation has come to',
    tag,
    response: checkResultView,
    errors: { 404: ['scan-not-found', 'operation-not-found'], 410: ['scan-expired'] },
  })
  result(@Param('operation') operation: string, @CurrentPrincipal() principal: Principal): Promise<CheckResultView> {
    return this.checks.result(principal, operation);
  }

  @Get('schema-rules')
  @Conditional()
  @Access('read', 'service')
  @ApiJson({
    id: 'listSchemaRules',
    summary: 'List the rules that findings cite',
    tag,
    response: schemaRulesView,
  })
  rules(): SchemaRulesView {
    return this.checks.rules();
  }
}
