import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { NOBODY } from '#libs/platform/auth';
import { isUnchanged, REVALIDATED } from '#libs/platform/http';
import { schemaQuery, schemaShape } from './api-shapes.js';
import { javaInteger, type RawQuery } from './query.js';
import { SchemasService, type TaggedBody } from './schemas.service.js';

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
      (request: Request, reply: FastifyReply) => {
        const id = javaInteger(request.params.id);
        const found = this.schemas.bodyById(request.principal ?? NOBODY, id, request.query);
        return found instanceof Promise
          ? found.then((one) => answered(request, reply, one))
          : answered(request, reply, found);
      },
    );
  }
}

/** Tags are kept with the answers, so that none is made for a request; a client that has the answer is sent none. */
function answered(request: Request, reply: FastifyReply, { body, tag }: TaggedBody): string {
  reply.header('etag', tag);
  reply.header('cache-control', REVALIDATED);
  const had = request.headers['if-none-match'];
  if (had === undefined || !isUnchanged(had, tag)) return body;
  reply.code(304);
  return '';
}
