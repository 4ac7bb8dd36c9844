import { Body, Controller, HttpCode, Param, Post, Query } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, ConfluentApi } from '#libs/platform/http';
import { checkQuery, compatibilityShape, registrationShape } from './api-shapes.js';
import type { RawQuery } from './query.js';
import { SubjectsService } from './subjects.service.js';
import type { Wire } from './wire.js';

const tag = 'schema registry';

/** Checks without registering (contract 2.5). */
@ConfluentApi()
@Controller('compatibility/subjects/:subject/versions')
export class CompatibilityController {
  constructor(private readonly subjects: SubjectsService) {}

  @Post()
  @HttpCode(200)
  @Access('read', 'subject', 'subject')
  @ApiJson({
    id: 'checkCompatibility',
    summary: 'Check whether a schema could be registered',
    tag,
    body: registrationShape,
    query: checkQuery,
    response: compatibilityShape,
  })
  check(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Body() body: unknown,
    @Query() query: RawQuery,
  ): Promise<Wire> {
    return this.subjects.check(principal, subject, undefined, body, query);
  }

  @Post(':version')
  @HttpCode(200)
  @Access('read', 'subject', 'subject')
  @ApiJson({
    id: 'checkCompatibilityWithVersion',
    summary: 'Check a schema against one version',
    tag,
    body: registrationShape,
    query: checkQuery,
    response: compatibilityShape,
    errors: { 404: ['version-not-found'], 422: ['version-invalid', 'schema-invalid'] },
  })
  checkVersion(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Param('version') version: string,
    @Body() body: unknown,
    @Query() query: RawQuery,
  ): Promise<Wire> {
    return this.subjects.check(principal, subject, version, body, query);
  }
}
