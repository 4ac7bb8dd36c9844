import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, Conditional, ZodPipe } from '#libs/platform/http';
import {
  schemaCheckBody,
  schemaCheckView,
  schemaRulesView,
  type SchemaCheckBody,
  type SchemaCheckView,
  type SchemaRulesView,
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
      'Against a subject, or against schemas sent along: nothing need be registered, and nothing is. Registering the schema under the subject fails exactly when `compatible` is false.',
    body: schemaCheckBody,
    bodyExample: {
      subject: 'orders-value',
      schema: '{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}',
    },
    response: schemaCheckView,
    errors: { 422: ['schema-invalid', 'reference-not-found'] },
  })
  check(
    @Body(new ZodPipe(schemaCheckBody)) body: SchemaCheckBody,
    @CurrentPrincipal() principal: Principal,
  ): Promise<SchemaCheckView> {
    return this.checks.check(principal, body);
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
