import { Controller, Get, Param, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Registry, subjectText, type SchemaUsage } from '#libs/core/registry';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, Conditional, ConfluentApi } from '#libs/platform/http';
import * as shapes from './api-shapes.js';
import { ListedAnswer } from './listed-answer.js';
import { javaInteger, type RawQuery } from './query.js';
import { SchemaListService } from './schema-list.service.js';
import { SchemasService } from './schemas.service.js';
import type { Wire } from './wire.js';

const tag = 'schema registry';

/** In the order in which the reference prints them. */
const TYPE_ORDER = ['JSON', 'PROTOBUF', 'AVRO'] as const;

/** Schemas by id and GUID (contract 2.3). */
@ConfluentApi()
@Controller('schemas')
export class SchemasController {
  constructor(
    private readonly schemas: SchemasService,
    private readonly schemaList: SchemaListService,
    private readonly registry: Registry,
  ) {}

  @Get()
  @Conditional()
  @Access('read', 'subject')
  @ApiJson({
    id: 'listSchemas',
    summary: 'List versions of all subjects',
    tag,
    query: shapes.schemasQuery,
    response: shapes.versionShape.array(),
  })
  list(
    @CurrentPrincipal() principal: Principal,
    @Query() query: RawQuery,
    @Req() request: FastifyRequest,
  ): Promise<string> {
    return ListedAnswer.of(request, (answer) => this.schemaList.list(principal, query, answer));
  }

  @Get('types')
  @Conditional()
  @Access('read', 'service')
  @ApiJson({
    id: 'listSchemaTypes',
    summary: 'Schema languages that can be registered',
    tag,
    response: shapes.namesShape,
  })
  types(): readonly string[] {
    return TYPE_ORDER.filter((type) => this.registry.types.includes(type));
  }

  @Get('ids/:id/schema')
  @Conditional()
  @Access('read', 'subject')
  @ApiJson({ id: 'getSchemaTextById', summary: 'Schema text by id', tag, query: shapes.schemaQuery })
  textById(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Query() query: RawQuery,
  ): Promise<string> {
    return this.schemas.textById(principal, javaInteger(id), query);
  }

  @Get('ids/:id/subjects')
  @Conditional()
  @Access('read', 'subject')
  @ApiJson({
    id: 'listSubjectsOfSchema',
    summary: 'Subjects that carry a schema',
    tag,
    query: shapes.usagesQuery,
    response: shapes.namesShape,
  })
  subjectsOf(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Query() query: RawQuery,
    @Req() request: FastifyRequest,
  ): Promise<string> {
    const shown = ({ subject }: SchemaUsage) => subjectText(subject);
    return ListedAnswer.of(request, (answer) => this.schemas.usages(principal, javaInteger(id), query, answer, shown));
  }

  @Get('ids/:id/versions')
  @Conditional()
  @Access('read', 'subject')
  @ApiJson({
    id: 'listVersionsOfSchema',
    summary: 'Subject versions that carry a schema',
    tag,
    query: shapes.usagesQuery,
    response: shapes.usagesShape,
  })
  versionsOf(
    @CurrentPrincipal() principal: Principal,
    @Param('id') id: string,
    @Query() query: RawQuery,
    @Req() request: FastifyRequest,
  ): Promise<string> {
    const shown = ({ subject, version }: SchemaUsage) => ({ subject: subjectText(subject), version });
    return ListedAnswer.of(request, (answer) => this.schemas.usages(principal, javaInteger(id), query, answer, shown));
  }

  @Get('guids/:guid')
  @Conditional()
  @Access('read', 'subject')
  @ApiJson({
    id: 'getSchemaByGuid',
    summary: 'A schema by GUID',
    tag,
    query: shapes.schemaQuery,
    response: shapes.schemaShape,
    errors: { 404: ['schema-not-found'] },
  })
  byGuid(
    @CurrentPrincipal() principal: Principal,
    @Param('guid') guid: string,
    @Query() query: RawQuery,
  ): Promise<Wire> {
    return this.schemas.byGuid(principal, guid, query);
  }

  @Get('guids/:guid/ids')
  @Conditional()
  @Access('read', 'subject')
  @ApiJson({
    id: 'listIdsOfGuid',
    summary: 'Ids of a schema in all contexts',
    tag,
    response: shapes.contextIdsShape,
  })
  idsOfGuid(@CurrentPrincipal() principal: Principal, @Param('guid') guid: string): Promise<readonly Wire[]> {
    return this.schemas.idsOfGuid(principal, guid);
  }
}
