import { connect } from 'node:net';
import type { Readable } from 'node:stream';
import { Body, Controller, Module, Post } from '@nestjs/common';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AppError } from '#libs/core/kernel';
import { Access, OpenAuthenticator, RoleAuthorizer } from '#libs/platform/auth';
import { createHttpApp, keptBody, type HttpApp } from './index.js';

const LIMIT = 100_000;
const LINES = { id: 'readLines', summary: 'Reads lines', tag: 'test', streamed: true } as const;

@Controller('v1/texts')
class TextsController {
  @Post()
  @Access('read', 'subject')
  take(@Body() body: unknown): unknown {
    return body;
  }
}

@Module({ controllers: [TextsController] })
class TextsModule {}

let app: HttpApp;
let port: number;
beforeAll(async () => {
  const [authenticator, authorizer] = [new OpenAuthenticator(), new RoleAuthorizer()];
  app = await createHttpApp({
    modules: [TextsModule],
    authenticator,
    authorizer,
    settings: { maxBodyBytes: LIMIT },
    // A route that reads its body while it arrives, and stops.
    prepare: (fastify) =>
      void fastify.post(
        '/v1/lines',
        { config: { access: { action: 'read', kind: 'subject' }, consumes: ['application/x-ndjson'], api: LINES } },
        async (request) => {
          for await (const chunk of keptBody(request.body as Readable)) {
            if (chunk.length > 0) throw new AppError({ kind: 'unprocessable', code: 'line-unfit', message: 'No.' });
          }
        },
      ),
  });
  port = Number(new URL(await app.listen('127.0.0.1', 0)).port);
});
afterAll(() => app.close());

/** A client as most are: it looks for an answer when it has sent everything. */
function sent(head: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1').pause().on('error', reject);
    const request = `POST /v1/texts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${head}\r\n\r\n`;
    socket.write(request + body, () => {
      let answer = '';
      socket.setEncoding('latin1').on('data', (text: string) => {
        answer += text;
        if (answer.endsWith('}')) socket.destroy();
      });
      socket.on('close', () => resolve(answer)).resume();
    });
  });
}

// Far more than the buffers of a socket take, so that it has to be read for the client to come to its end.
const LONG = `"${'x'.repeat(20_000_000)}"`;

it('a body that is refused by its announced length is answered to a client that sends it all first', async () => {
  const answer = await sent(`Content-Length: ${LONG.length}`, LONG);
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
  expect(answer).toContain(`20000002 bytes, where ${LIMIT} bytes are the limit`);
});

it('a body that is refused while it comes is, too', async () => {
  const answer = await sent('Transfer-Encoding: chunked', `${LONG.length.toString(16)}\r\n${LONG}\r\n0\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1.1 413 /);
  expect(answer).toContain(`more, where ${LIMIT} bytes are the limit`);
});

it('a body of which a route takes no more is passed over, and the next request of its connection is answered', async () => {
  const socket = connect(port, '127.0.0.1');
  let answers = '';
  socket.setEncoding('latin1').on('data', (text: string) => (answers += text));
  const long = 'x'.repeat(3_000_000);
  socket.write(
    `POST /v1/lines HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: ${long.length}\r\n\r\n`,
  );
  socket.write(long);
  socket.write('POST /v1/texts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n17');
  await expect.poll(() => answers).toMatch(/^HTTP\/1.1 422 [^]*"line-unfit"[^]*HTTP\/1.1 201 [^]*17$/);
  socket.destroy();
});
