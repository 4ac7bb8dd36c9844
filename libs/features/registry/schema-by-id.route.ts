import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { NOBODY } from '#libs/platform/auth';
import { schemaQuery, schemaShape } from './api-shapes.js';
import { javaInteger, type RawQuery } from './query.js';
import { SchemasService } from './schemas.service.js';

type Request = FastifyRequest<{ Params: { id: string }; Querystring: RawQuery }>;

/**
 * GET /schemas/ids/{id} as a plain Fastify route: consumers ask it for every schema they meet, and Nest's own layer would cost as much as the answer. The guard,
 * the media types and the error replies are the same as everywhere.
 */
@Injectable()
export class SchemaByIdRoute implements OnModuleInit {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly schemas: SchemasService,
  ) {}

  onModuleInit(): void {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    fastify.get(
      '/schemas/ids/:id',
      {
        config: {
          access: { action: 'read', kind: 'subject' },
          confluent: true,
          api: {
            id: 'getSchemaById',
            summary: 'A schema by id',
            tag: 'schema registry',
            query: schemaQuery,
            response: schemaShape,
            errors: { 404: ['schema-not-found'] },
          },
        },
      },
      (request: Request) =>
        this.schemas.bodyById(request.principal ?? NOBODY, javaInteger(request.params.id), request.query),
    );
  }
}
