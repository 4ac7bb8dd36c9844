import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { openApiDocument, type RouteTable } from '#libs/platform/http';

/** The document of the interface, as text; the same bytes for the same routes and version. */
export function documentText(routes: RouteTable, version: string): string {
  return `${JSON.stringify(openApiDocument(routes, version), null, 2)}\n`;
}

/** Serves the document, made from the very routes it describes when it is first asked for. */
export function installDocumentRoute(fastify: FastifyInstance, routes: RouteTable, version: string): void {
  let text: string | undefined;
  fastify.get(
    '/openapi.json',
    {
      config: {
        access: { public: 'it describes the interface and holds no data' },
        api: {
          id: 'getOpenApi',
          summary: 'Read this document',
          tag: 'service',
          response: z.looseObject({ openapi: z.string() }),
        },
      },
    },
    (_request, reply) => {
      text ??= documentText(routes, version);
      void reply.header('Content-Type', 'application/json').header('Cache-Control', 'no-cache').send(text);
    },
  );
}
