import { PassThrough, Readable } from 'node:stream';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { FastifyContextConfig, FastifyReply, FastifyRequest } from 'fastify';
import { ARCHIVE_TYPE } from '#libs/core/backups';
import { AppError } from '#libs/core/kernel';
import { byteRangeOf, keptBody, PlainRoutes, signalOf, takeYourTime } from '#libs/platform/http';
import { backupView, type BackupView } from './backup-shapes.js';
import { BackupTransfers } from './backup-transfers.js';
import { viewOf } from './backup-view.js';

type OfBackup = FastifyRequest<{ Params: { id: string } }>;

/** Bytes of a refused upload that are still read, so that its client gets to read the answer; the connection ends with it beyond. */
const READ_OFF_BYTES = 64 * 1024 * 1024;

const tag = 'backups';

const DOWNLOAD: FastifyContextConfig = {
  access: { action: 'admin', kind: 'service' },
  api: {
    id: 'downloadBackup',
    summary: 'Download a backup as one file',
    description:
      'A tar archive of the manifest and all files, always the same bytes: its entity tag is the digest of the backup, and a download that broke off goes on with `Range: bytes=<from>-` and `If-Range`. Files are compared with their checksums on the way; where one is damaged, the answer breaks off before its end.',
    tag,
    produces: ARCHIVE_TYPE,
    errors: {
      404: ['backup-not-found'],
      409: ['backups-not-configured', 'backup-damaged', 'backup-newer'],
      416: ['range-not-satisfiable'],
      429: ['backup-transfers-busy'],
    },
  },
};

const UPLOAD: FastifyContextConfig = {
  access: { action: 'admin', kind: 'service' },
  consumes: [ARCHIVE_TYPE],
  api: {
    id: 'uploadBackup',
    summary: 'Upload a backup that another service took',
    description:
      'The archive as it was downloaded, sent as `application/x-tar`. It is written while it arrives, compared with its checksums and looked into as a verification does, and only then there: of an upload that breaks off or is refused nothing is left. 201 for a new backup, 200 for one that was here already.',
    tag,
    response: backupView,
    status: 201,
    errors: {
      409: ['backups-not-configured', 'backup-exists', 'backup-newer'],
      413: ['backup-too-large'],
      415: ['unsupported-media-type'],
      422: ['backup-content-damaged'],
      429: ['backup-transfers-busy'],
      507: ['storage-full'],
    },
  },
};

/** GET and PUT /v1/backups/{id}/content as plain Fastify routes: backups flow through them and are never in memory as a whole. */
@Injectable()
export class ContentRoutes implements OnModuleInit {
  constructor(
    private readonly plain: PlainRoutes,
    private readonly transfers: BackupTransfers,
  ) {}

  onModuleInit(): void {
    const { fastify } = this.plain;
    const path = '/v1/backups/:id/content';
    fastify.get(path, { config: DOWNLOAD }, (request: OfBackup, reply) => this.#download(request, reply));
    fastify.put(path, { config: UPLOAD }, (request: OfBackup, reply) => this.#upload(request, reply));
  }

  async #download(request: OfBackup, reply: FastifyReply): Promise<FastifyReply> {
    const { id } = request.params;
    const content = await this.transfers.content(id);
    const tag = `"${content.digest}"`;
    const { from, to } = byteRangeOf(request.headers, content.bytes, tag) ?? { from: 0, to: content.bytes };
    reply
      .type(ARCHIVE_TYPE)
      .header('etag', tag)
      .header('accept-ranges', 'bytes')
      .header('content-length', to - from)
      .header('content-disposition', `attachment; filename="${id}.tar"`);
    if (to - from < content.bytes) reply.code(206).header('content-range', `bytes ${from}-${to - 1}/${content.bytes}`);
    if (request.method === 'HEAD') return reply.send(Readable.from([]));
    const release = this.transfers.download(id);
    const bytes = Readable.from(content.read(from, to, signalOf(request)), { objectMode: false });
    return reply.send(bytes.once('close', release));
  }

  async #upload(request: OfBackup, reply: FastifyReply): Promise<BackupView> {
    if (!(request.body instanceof Readable)) throw notAnArchive();
    const signal = signalOf(request);
    const inTime = takeYourTime(request);
    // Ending the request itself would end its connection, and with it the answer.
    const body = request.body.pipe(new PassThrough());
    const stop = (): void => void body.destroy(signal.reason as Error);
    body.on('error', () => undefined);
    // What has arrived is looked into, which may take longer than a connection may be silent.
    body.once('end', () => request.raw.socket.setTimeout(0));
    signal.addEventListener('abort', stop, { once: true });
    try {
      const { backup, isNew } = await this.transfers.receive(request.params.id, keptBody(body), signal);
      reply.code(isNew ? 201 : 200);
      return viewOf(backup);
    } catch (error) {
      throw signal.aborted ? (signal.reason as Error) : error;
    } finally {
      if (!body.readableEnded) await readOff(body, request, reply);
      signal.removeEventListener('abort', stop);
      inTime();
    }
  }
}

/** Reads what is left of a body that is not wanted, up to a limit. Beyond it the connection ends with the answer. */
async function readOff(body: Readable, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > READ_OFF_BYTES) break;
    }
  } catch {
    // The client is gone, or the service stops.
  }
  if (request.raw.readableEnded) return;
  reply.header('connection', 'close');
  reply.raw.once('close', () => request.raw.destroy());
}

function notAnArchive(): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'upload-not-an-archive',
    message: 'A backup is uploaded as the archive that it was downloaded as.',
    hint: `Send it with Content-Type: ${ARCHIVE_TYPE}.`,
  });
}
