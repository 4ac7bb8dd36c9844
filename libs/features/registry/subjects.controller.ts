import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, Conditional, ConfluentApi, OncePerKey } from '#libs/platform/http';
import * as shapes from './api-shapes.js';
import type { RawQuery } from './query.js';
import { SchemasService } from './schemas.service.js';
import { SubjectsService } from './subjects.service.js';
import type { Wire } from './wire.js';

const tag = 'schema registry';

/** Subjects and versions (contract 2.4), but for what serializers ask (`serializer.routes.ts`). */
@ConfluentApi()
@Controller('subjects')
export class SubjectsController {
  constructor(
    private readonly subjects: SubjectsService,
    private readonly schemas: SchemasService,
  ) {}

  @Get()
  @Conditional()
  @Access('read', 'subject')
  @ApiJson({
    id: 'listSubjects',
    summary: 'List subjects',
    tag,
    query: shapes.subjectsQuery,
    response: shapes.namesShape,
  })
  list(@CurrentPrincipal() principal: Principal, @Query() query: RawQuery): Promise<readonly string[]> {
    return this.schemas.subjects(principal, query);
  }

  @Delete(':subject')
  @OncePerKey()
  @Access('delete', 'subject', 'subject')
  @ApiJson({
    id: 'deleteSubject',
    summary: 'Delete a subject, softly first',
    tag,
    query: shapes.deletionQuery,
    response: shapes.numbersShape,
    errors: { 404: ['subject-not-found'], 422: ['schema-referenced', 'operation-not-permitted'] },
  })
  delete(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Query() query: RawQuery,
  ): Promise<readonly number[]> {
    return this.subjects.deleteSubject(principal, subject, query);
  }

  @Get(':subject/metadata')
  @Conditional()
  @Access('read', 'subject', 'subject')
  @ApiJson({
    id: 'findVersionByMetadata',
    summary: 'Newest version with the given metadata properties',
    tag,
    query: shapes.metadataQuery,
    response: shapes.versionShape,
  })
  withMetadata(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Query() query: RawQuery,
  ): Promise<Wire> {
    return this.subjects.versionWithMetadata(principal, subject, query);
  }

  @Get(':subject/versions')
  @Conditional()
  @Access('read', 'subject', 'subject')
  @ApiJson({
    id: 'listVersions',
    summary: 'List the versions of a subject',
    tag,
    query: shapes.versionsQuery,
    response: shapes.numbersShape,
  })
  versions(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Query() query: RawQuery,
  ): Promise<readonly number[]> {
    return this.subjects.versions(principal, subject, query);
  }

  @Get(':subject/versions/:version')
  @Conditional()
  @Access('read', 'subject', 'subject')
  @ApiJson({
    id: 'getVersion',
    summary: 'A version of a subject',
    tag,
    query: shapes.versionQuery,
    response: shapes.versionShape,
    errors: { 404: ['subject-not-found', 'version-not-found'], 422: ['version-invalid'] },
  })
  version(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Param('version') version: string,
    @Query() query: RawQuery,
  ): Promise<Wire> {
    return this.subjects.version(principal, subject, version, query);
  }

  @Delete(':subject/versions/:version')
  @OncePerKey()
  @Access('delete', 'subject', 'subject')
  @ApiJson({
    id: 'deleteVersion',
    summary: 'Delete a version, softly first',
    tag,
    query: shapes.deletionQuery,
    errors: { 404: ['subject-not-found', 'version-not-found'], 422: ['schema-referenced', 'operation-not-permitted'] },
  })
  deleteVersion(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Param('version') version: string,
    @Query() query: RawQuery,
  ): Promise<number> {
    return this.subjects.deleteVersion(principal, subject, version, query);
  }

  @Get(':subject/versions/:version/schema')
  @Conditional()
  @Access('read', 'subject', 'subject')
  @ApiJson({ id: 'getVersionText', summary: 'Schema text of a version', tag, query: shapes.versionQuery })
  versionText(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Param('version') version: string,
    @Query() query: RawQuery,
  ): Promise<string> {
    return this.subjects.versionText(principal, subject, version, query);
  }

  @Get([':subject/versions/:version/referencedby', ':subject/versions/:version/referencedBy'])
  @Conditional()
  @Access('read', 'subject', 'subject')
  @ApiJson({
    id: 'listReferrers',
    summary: 'Ids of schemas that refer to a version',
    tag,
    query: shapes.listQuery,
    response: shapes.numbersShape,
  })
  referencedBy(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Param('version') version: string,
    @Query() query: RawQuery,
  ): Promise<readonly number[]> {
    return this.subjects.referencedBy(principal, subject, version, query);
  }

  @Post(':subject/versions/:version/tags')
  @HttpCode(200)
  @Access('write', 'subject', 'subject')
  @ApiJson({
    id: 'retagVersion',
    summary: 'Make a new version of a version, with other tags, metadata or rules',
    tag,
    body: shapes.retaggingShape,
    response: shapes.registeredShape,
    errors: {
      404: ['subject-not-found', 'version-not-found'],
      409: ['schema-incompatible'],
      422: ['schema-invalid', 'rule-set-invalid', 'version-invalid'],
    },
  })
  retag(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Param('version') version: string,
    @Body() body: unknown,
  ): Promise<Wire> {
    return this.subjects.retag(principal, subject, version, body);
  }
}
