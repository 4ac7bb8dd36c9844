import { Controller, Get, Query } from '@nestjs/common';
import { Access, CurrentPrincipal, type Principal } from '#libs/platform/auth';
import { ApiJson, Conditional, ZodPipe } from '#libs/platform/http';
import { SchemaSearchService } from './schema-search.service.js';
import { searchPage, searchQuery, type SearchQuery, type SearchView } from './schema-search.shapes.js';

/** Schemas by what they hold. */
@Controller('v1/schemas')
export class SchemaSearchController {
  constructor(private readonly schemas: SchemaSearchService) {}

  @Get()
  @Conditional()
  @Access('read', 'subject')
  @ApiJson({
    id: 'searchSchemas',
    summary: 'Find schemas by field, type, tag, owner, name and language',
    description:
      'Without conditions: the latest version of every subject, texts included. A parameter that is given several times must hold each time. In the order of contexts, subjects and numbers.',
    tag: 'schemas',
    query: searchQuery,
    response: searchPage,
    errors: { 400: ['invalid-cursor'], 503: ['search-incomplete'] },
  })
  list(
    @Query(new ZodPipe(searchQuery)) query: SearchQuery,
    @CurrentPrincipal() principal: Principal,
  ): Promise<SearchView> {
    return this.schemas.page(principal, query);
  }
}
