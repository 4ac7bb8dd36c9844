import { Controller, Get, Module, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Access, OpenAuthenticator, RoleAuthorizer } from '#libs/platform/auth';
import { createHttpApp, type HttpApp } from './index.js';

@Controller('v1')
class SlowController {
  @Get('never')
  @Access('read', 'service')
  never(): Promise<unknown> {
    return new Promise(() => undefined);
  }

  @Get('begun')
  @Access('read', 'service')
  async begun(@Res() reply: FastifyReply): Promise<void> {
    reply.hijack();
    reply.raw.write('begun, ');
    // Ends when a request that came later has been refused, and so after this one's own time.
    const late = await fetch(`${SlowController.base}/v1/never`);
    reply.raw.end(`and ended after a ${late.status}`);
  }

  static base = '';
}

@Module({ controllers: [SlowController] })
class SlowModule {}

describe('an answer that does not begin in time', () => {
  let app: HttpApp;
  beforeAll(async () => {
    app = await createHttpApp({
      modules: [SlowModule],
      authenticator: new OpenAuthenticator(),
      authorizer: new RoleAuthorizer(),
      settings: { handlerTimeoutMs: 50 },
    });
    SlowController.base = await app.listen('127.0.0.1', 0);
  });
  afterAll(() => app.close());

  it('is a 504 that says the outcome is not known', async () => {
    const refused = await fetch(`${SlowController.base}/v1/never`);
    expect(refused.status).toBe(504);
    expect(await refused.json()).toMatchObject({
      code: 'handler-timeout',
      detail: expect.stringContaining('whether it had an effect is not known') as string,
    });
  });

  it('does not cut off one that has begun', async () => {
    const answer = await fetch(`${SlowController.base}/v1/begun`);
    expect(await answer.text()).toBe('begun, and ended after a 504');
  });
});
