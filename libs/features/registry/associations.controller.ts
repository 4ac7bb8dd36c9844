import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, ConfluentApi } from '#libs/platform/http';
import * as shapes from './association-shapes.js';
import { AssociationsService } from './associations.service.js';
import { ListedAnswer } from './listed-answer.js';
import type { RawQuery } from './query.js';
import type { Wire } from './wire.js';

const tag = 'schema registry';
const refusals = {
  404: ['association-not-found'],
  409: [
    'association-exists-for-resource',
    'association-exists-for-subject',
    'strong-association-exists',
    'no-active-version',
    'association-frozen',
    'schema-incompatible',
  ],
  422: ['association-invalid', 'schema-invalid', 'schema-referenced', 'operation-not-permitted'],
};

/**
 * Associations of resources, normally topics, with subjects (contract 2.9). Serializers ask before they name a subject: an empty list lets them go on, any error would
 * fail the produce call, so asking needs no right but to use the service, and what may not be read is left out. Writes are judged subject by subject.
 */
@ConfluentApi()
@Controller()
export class AssociationsController {
  constructor(private readonly associations: AssociationsService) {}

  @Get('associations/subjects/:subject')
  @Access('read', 'subject', 'subject')
  @ApiJson({
    id: 'listAssociationsOfSubject',
    summary: 'Associations of a subject',
    tag,
    query: shapes.associationsQuery,
    response: shapes.associationsShape,
  })
  ofSubject(
    @CurrentPrincipal() principal: Principal,
    @Param('subject') subject: string,
    @Query() query: RawQuery,
  ): Promise<readonly Wire[]> {
    return this.associations.ofSubject(principal, subject, query);
  }

  @Get('associations/resources/:namespace/:name')
  @Access('read', 'service')
  @ApiJson({
    id: 'listAssociationsByName',
    summary: 'Associations of a resource by its name; the namespace - is any',
    tag,
    query: shapes.associationsQuery,
    response: shapes.associationsShape,
  })
  ofName(
    @CurrentPrincipal() principal: Principal,
    @Param('namespace') namespace: string,
    @Param('name') name: string,
    @Query() query: RawQuery,
  ): Promise<readonly Wire[]> {
    return this.associations.ofName(principal, namespace, name, query);
  }

  @Get('associations/resources/:resource')
  @Access('read', 'service')
  @ApiJson({
    id: 'listAssociationsOfResource',
    summary: 'Associations of a resource by its id',
    tag,
    query: shapes.associationsQuery,
    response: shapes.associationsShape,
  })
  ofResource(
    @CurrentPrincipal() principal: Principal,
    @Param('resource') resource: string,
    @Query() query: RawQuery,
  ): Promise<readonly Wire[]> {
    return this.associations.ofResource(principal, resource, query);
  }

  @Post('associations')
  @HttpCode(200)
  @Access('read', 'subject')
  @ApiJson({
    id: 'createAssociations',
    summary: 'Associate a resource with subjects',
    tag,
    body: shapes.associationRequestShape,
    bodyExample: shapes.associationExample,
    query: shapes.associationWriteQuery,
    response: shapes.associationResultShape,
    errors: refusals,
  })
  create(@CurrentPrincipal() principal: Principal, @Body() body: unknown, @Query() query: RawQuery): Promise<Wire> {
    return this.associations.put(principal, 'create', undefined, body, query);
  }

  @Put('associations/resources/:resource')
  @Access('read', 'subject')
  @ApiJson({
    id: 'putAssociations',
    summary: 'Associate a resource with subjects, or change how it is',
    tag,
    body: shapes.associationRequestShape,
    query: shapes.associationWriteQuery,
    response: shapes.associationResultShape,
    errors: refusals,
  })
  put(
    @CurrentPrincipal() principal: Principal,
    @Param('resource') resource: string,
    @Body() body: unknown,
    @Query() query: RawQuery,
  ): Promise<Wire> {
    return this.associations.put(principal, 'upsert', resource, body, query);
  }

  @Delete('associations/resources/:resource')
  @HttpCode(204)
  @Access('read', 'subject')
  @ApiJson({
    id: 'deleteAssociations',
    summary: 'Remove associations of a resource, with cascadeLifecycle its own subjects too',
    tag,
    query: shapes.associationDeletionQuery,
    status: 204,
    errors: refusals,
  })
  delete(
    @CurrentPrincipal() principal: Principal,
    @Param('resource') resource: string,
    @Query() query: RawQuery,
  ): Promise<void> {
    return this.associations.remove(principal, resource, query);
  }

  @Post('associations::batchGet')
  @HttpCode(207)
  @Access('read', 'service')
  @ApiJson({
    id: 'batchGetAssociations',
    summary: 'Associations of several resources',
    tag,
    body: shapes.associationQueriesShape,
    query: shapes.batchGetQuery,
    response: shapes.associationResultsShape,
    status: 207,
    errors: { 422: ['association-invalid'] },
  })
  async batchGet(
    @CurrentPrincipal() principal: Principal,
    @Body() body: unknown,
    @Query() query: RawQuery,
    @Req() request: FastifyRequest,
  ): Promise<string> {
    const results = await ListedAnswer.of(request, (answer) =>
      this.associations.batchGet(principal, body, query, answer),
    );
    return `{"results":${results}}`;
  }

  @Post('associations::batchMutate')
  @HttpCode(207)
  @Access('read', 'subject')
  @ApiJson({
    id: 'batchMutateAssociations',
    summary: 'Create, change and remove associations of several resources',
    tag,
    body: shapes.associationMutationsShape,
    query: shapes.associationWriteQuery,
    response: shapes.associationResultsShape,
    status: 207,
    errors: { 422: ['association-invalid'] },
  })
  batchMutate(
    @CurrentPrincipal() principal: Principal,
    @Body() body: unknown,
    @Query() query: RawQuery,
  ): Promise<Wire> {
    return this.associations.mutate(principal, body, query);
  }
}
