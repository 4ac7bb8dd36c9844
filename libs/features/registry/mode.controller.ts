import { Body, Controller, Delete, Get, Param, Put, Query } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, Conditional, ConfluentApi, OncePerKey } from '#libs/platform/http';
import { defaultQuery, forceQuery, modeShape, recursiveQuery } from './api-shapes.js';
import type { RawQuery } from './query.js';
import { SettingsService } from './settings.service.js';
import type { Wire } from './wire.js';

const tag = 'schema registry';

/** Modes: who may change what, and importing (contract 2.7, 3.8). */
@ConfluentApi()
@Controller('mode')
export class ModeController {
  constructor(private readonly settings: SettingsService) {}

  @Get()
  @Conditional()
  @Access('read', 'subject')
  @ApiJson({ id: 'getGlobalMode', summary: 'Global mode', tag, query: defaultQuery, response: modeShape })
  global(@CurrentPrincipal() principal: Principal, @Query() query: RawQuery): Promise<Wire> {
    return this.settings.mode(principal, undefined, query);
  }

  @Put()
  @Access('govern', 'subject')
  @ApiJson({
    id: 'setGlobalMode',
    summary: 'Change the global mode',
    tag,
    body: modeShape,
    query: forceQuery,
    response: modeShape,
  })
  setGlobal(@CurrentPrincipal() principal: Principal, @Body() body: unknown, @Query() query: RawQuery): Promise<Wire> {
    return this.settings.setMode(principal, undefined, body, query);
  }

  @Delete()
  @OncePerKey()
  @Access('govern', 'subject')
  @ApiJson({
    id: 'deleteGlobalMode',
    summary: 'Return to mode READWRITE',
    tag,
    query: recursiveQuery,
    response: modeShape,
  })
  deleteGlobal(@CurrentPrincipal() principal: Principal, @Query() query: RawQuery): Promise<Wire> {
    return this.settings.deleteMode(principal, undefined, query);
  }

  @Get(':subject')
  @Conditional()
  @Access('read', 'subject', 'subject')
  @ApiJson({
    id: 'getSubjectMode',
    summary: 'Mode of a subject or context',
    tag,
    query: defaultQuery,
    response: modeShape,
    errors: { 404: ['subject-mode-not-found'] },
  })
  ofSubject(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Query() query: RawQuery,
  ): Promise<Wire> {
    return this.settings.mode(principal, subject, query);
  }

  @Put(':subject')
  @Access('govern', 'subject', 'subject')
  @ApiJson({
    id: 'setSubjectMode',
    summary: 'Change the mode of a subject or context',
    tag,
    body: modeShape,
    bodyExample: { mode: 'READONLY' },
    query: forceQuery,
    response: modeShape,
    errors: { 422: ['mode-unknown', 'operation-not-permitted', 'subject-invalid'] },
  })
  setOfSubject(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Body() body: unknown,
    @Query() query: RawQuery,
  ): Promise<Wire> {
    return this.settings.setMode(principal, subject, body, query);
  }

  @Delete(':subject')
  @OncePerKey()
  @Access('govern', 'subject', 'subject')
  @ApiJson({
    id: 'deleteSubjectMode',
    summary: 'Remove the mode of a subject or context',
    tag,
    query: recursiveQuery,
    response: modeShape,
  })
  deleteOfSubject(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Query() query: RawQuery,
  ): Promise<Wire> {
    return this.settings.deleteMode(principal, subject, query);
  }
}
