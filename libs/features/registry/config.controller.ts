import { Body, Controller, Delete, Get, Param, Put, Query } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, Conditional, ConfluentApi, OncePerKey } from '#libs/platform/http';
import { configShape, configUpdateShape, defaultQuery } from './api-shapes.js';
import type { RawQuery } from './query.js';
import { SettingsService } from './settings.service.js';
import type { Wire } from './wire.js';

const tag = 'schema registry';

/** Compatibility levels and other settings of subjects, contexts and the whole (contract 2.6). */
@ConfluentApi()
@Controller('config')
export class ConfigController {
  constructor(private readonly settings: SettingsService) {}

  @Get()
  @Conditional()
  @Access('read', 'subject')
  @ApiJson({ id: 'getGlobalConfig', summary: 'Global settings', tag, query: defaultQuery, response: configShape })
  global(@CurrentPrincipal() principal: Principal, @Query() query: RawQuery): Promise<Wire> {
    return this.settings.config(principal, undefined, query);
  }

  @Put()
  @Access('govern', 'subject')
  @ApiJson({
    id: 'setGlobalConfig',
    summary: 'Change global settings',
    tag,
    body: configUpdateShape,
    response: configUpdateShape,
  })
  setGlobal(@CurrentPrincipal() principal: Principal, @Body() body: unknown): Promise<Wire> {
    return this.settings.setConfig(principal, undefined, body);
  }

  @Delete()
  @OncePerKey()
  @Access('govern', 'subject')
  @ApiJson({ id: 'deleteGlobalConfig', summary: 'Return to default settings', tag, response: configShape })
  deleteGlobal(@CurrentPrincipal() principal: Principal): Promise<Wire> {
    return this.settings.deleteConfig(principal, undefined);
  }

  @Get(':subject')
  @Conditional()
  @Access('read', 'subject', 'subject')
  @ApiJson({
    id: 'getSubjectConfig',
    summary: 'Settings of a subject or context',
    tag,
    query: defaultQuery,
    response: configShape,
    errors: { 404: ['subject-config-not-found'] },
  })
  ofSubject(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Query() query: RawQuery,
  ): Promise<Wire> {
    return this.settings.config(principal, subject, query);
  }

  @Put(':subject')
  @Access('govern', 'subject', 'subject')
  @ApiJson({
    id: 'setSubjectConfig',
    summary: 'Change settings of a subject or context',
    tag,
    body: configUpdateShape,
    bodyExample: { compatibility: 'FULL' },
    response: configUpdateShape,
    errors: { 422: ['compatibility-level-unknown', 'operation-not-permitted', 'subject-invalid'] },
  })
  setOfSubject(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Body() body: unknown,
  ): Promise<Wire> {
    return this.settings.setConfig(principal, subject, body);
  }

  @Delete(':subject')
  @OncePerKey()
  @Access('govern', 'subject', 'subject')
  @ApiJson({
    id: 'deleteSubjectConfig',
    summary: 'Remove settings of a subject or context',
    tag,
    response: configShape,
  })
  deleteOfSubject(@CurrentPrincipal() principal: Principal, @Param('subject') subject: string): Promise<Wire> {
    return this.settings.deleteConfig(principal, subject);
  }
}
