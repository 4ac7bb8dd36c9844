import { Readable } from 'node:stream';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AppError } from '#libs/core/kernel';
import { keptBody, PlainRoutes, STREAMED_TYPE } from '#libs/platform/http';
import { uploadView } from './import-shapes.js';
import { ImportsService } from './imports.service.js';

/** POST /v1/registry-imports/uploads as a plain Fastify route: its body is read while it arrives. */
@Injectable()
export class UploadRoute implements OnModuleInit {
  constructor(
    private readonly plain: PlainRoutes,
    private readonly imports: ImportsService,
  ) {}

  onModuleInit(): void {
    const { fastify } = this.plain;
    fastify.post(
      '/v1/registry-imports/uploads',
      {
        config: {
          access: { action: 'admin', kind: 'subject' },
          consumes: [STREAMED_TYPE],
          api: {
            id: 'uploadRegistry',
            summary: 'Post a registry as one file, for an import',
            description:
              'An export of Weir, or a dump of a registry’s topic `_schemas`: lines of key and value separated by a tab, or of objects with `key` and `value`, as JSON or base64 of it. Sent as `application/x-ndjson`. Plan its import with the id; kept for a day.',
            tag: 'moving registries',
            response: uploadView,
            status: 201,
            errors: {
              413: ['import-too-large'],
              415: ['unsupported-media-type'],
              422: ['import-damaged', 'import-format-unknown'],
              429: ['import-uploads-full'],
            },
          },
        },
      },
      async (request, reply) => {
        if (!(request.body instanceof Readable)) throw notLines();
        const facts = await this.imports.upload(keptBody(request.body));
        return reply.code(201).type('application/json').send(JSON.stringify(facts));
      },
    );
  }
}

function notLines(): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'upload-not-lines',
    message: 'A registry is posted as lines of JSON.',
    hint: `Send it with Content-Type: ${STREAMED_TYPE}.`,
  });
}
