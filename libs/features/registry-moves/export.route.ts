import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AppError, deferred } from '#libs/core/kernel';
import { dumpRecordOf, ExportWriter, RegistryExport, type ExportFilter } from '#libs/core/moving';
import { RegistryStore } from '#libs/core/registry';
import { PlainRoutes, ZodPipe } from '#libs/platform/http';
import { exportQuery } from './import-shapes.js';

/** Exports at a time: each holds a snapshot for as long as its client reads. */
const AT_ONCE = 2;

/** GET /v1/registry-export as a plain Fastify route: the answer is read from one snapshot while it is sent. */
@Injectable()
export class ExportRoute implements OnModuleInit {
  readonly #query = new ZodPipe(exportQuery);
  #running = 0;

  constructor(
    private readonly plain: PlainRoutes,
    private readonly store: RegistryStore,
  ) {}

  onModuleInit(): void {
    const { fastify } = this.plain;
    fastify.get(
      '/v1/registry-export',
      {
        config: {
          access: { action: 'govern', kind: 'subject' },
          api: {
            id: 'exportRegistry',
            summary: 'The whole registry as one file',
            description:
              'As of one revision, whatever is written meanwhile; the same state always gives the same bytes.',
            tag: 'moving registries',
            query: exportQuery,
            produces: 'application/x-ndjson',
            errors: { 429: ['exports-busy'] },
          },
        },
      },
      async (request: FastifyRequest, reply) => {
        const { format, context, prefix, deleted } = this.#query.transform(request.query);
        const filter = { context, prefix, deleted: deleted === 'true' };
        const lines = await this.#open(format, filter);
        return reply.type('application/x-ndjson').send(lines);
      },
    );
  }

  /** Resolves when the export has begun to flow, so that what goes wrong before is answered as an error. */
  async #open(format: 'weir' | 'topic', filter: ExportFilter): Promise<PassThrough> {
    if (this.#running >= AT_ONCE) throw busy();
    this.#running++;
    const lines = new PassThrough();
    const begun = deferred<void>();
    const write = async (text: string): Promise<void> => {
      if (lines.destroyed) throw new Error('the client is gone');
      if (!lines.write(text)) await Promise.race([once(lines, 'drain'), once(lines, 'close')]);
    };
    void this.store
      .snapshot(async (snapshot) => {
        const exported = await RegistryExport.of(snapshot, filter);
        const writer = new ExportWriter();
        begun.resolve();
        if (format === 'weir') await write(writer.header(exported.counts));
        for await (const entry of exported.entries()) {
          const record = format === 'topic' ? dumpRecordOf(entry) : undefined;
          if (format === 'weir') await write(writer.entry(entry));
          else if (record !== undefined) await write(`${record.key}\t${record.value}\n`);
        }
        if (format === 'weir') await write(writer.end());
        lines.end();
      })
      .catch((error: unknown) => {
        begun.reject(error);
        lines.destroy(error as Error);
      })
      .finally(() => this.#running--);
    lines.on('error', () => undefined);
    await begun.promise;
    return lines;
  }
}

function busy(): AppError {
  return new AppError({
    kind: 'exhausted',
    code: 'exports-busy',
    message: `${AT_ONCE} exports are under way; there are no more at a time.`,
    hint: 'Try again when one has ended.',
    retryable: true,
    retryAfterMs: 5_000,
  });
}
