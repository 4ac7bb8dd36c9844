import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '#libs/core/kernel';
import { dumpRecordOf, ExportWriter, RegistryExport, type ExportFilter } from '#libs/core/moving';
import { type RegistrySnapshot, RegistryStore } from '#libs/core/registry';
import { PacedAnswer, PlainRoutes, turn, ZodPipe } from '#libs/platform/http';
import { exportQuery } from './import-shapes.js';

/** Exports at a time: each holds a snapshot for as long as its client reads. */
const AT_ONCE = 2;
/** Bytes that are written together. */
const PIECE = 16 * 1024;
/** Bytes from here on take so long to print and to send that others have their turn between. */
const LONG = 256 * 1024;

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
        if (this.#running >= AT_ONCE) throw busy();
        this.#running++;
        try {
          await this.store.snapshot((snapshot) => send(snapshot, format, filter, request, reply));
        } finally {
          this.#running--;
        }
        return reply;
      },
    );
  }
}

/** What goes wrong before the answer has begun is answered as an error; afterwards the answer breaks off. A client that takes nothing of it, or is gone, holds no snapshot. */
async function send(
  snapshot: RegistrySnapshot,
  format: 'weir' | 'topic',
  filter: ExportFilter,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const exported = await RegistryExport.of(snapshot, filter);
  const writer = new ExportWriter();
  const answer = new PacedAnswer(request, reply, { 'content-type': 'application/x-ndjson' });
  try {
    let lines: Uint8Array[] = format === 'weir' ? [writer.header(exported.counts)] : [];
    let bytes = 0;
    const add = (line: Uint8Array): void => {
      lines.push(line);
      bytes += line.length;
    };
    for await (const entry of request.method === 'HEAD' ? [] : exported.entries()) {
      const record = format === 'topic' ? dumpRecordOf(entry) : undefined;
      if (format === 'weir') add(writer.entry(entry));
      else if (record !== undefined) add(Buffer.from(`${record.key}\t${record.value}\n`));
      if (bytes < PIECE) continue;
      const long = bytes >= LONG;
      if (long) await turn();
      await answer.write(lines.length === 1 ? lines[0]! : Buffer.concat(lines));
      if (long) await turn();
      [lines, bytes] = [[], 0];
    }
    if (format === 'weir') add(writer.end());
    answer.raw.end(Buffer.concat(lines));
  } catch (error) {
    answer.raw.destroy();
    throw error;
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
