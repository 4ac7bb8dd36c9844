import { Controller, Get, Module, Param } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Access, OpenAuthenticator, RoleAuthorizer } from '#libs/platform/auth';
import { Conditional, createHttpApp, entityTag, type HttpApp } from './index.js';

const MIB = 1024 * 1024;

@Controller('v1/texts')
class TextsController {
  @Get(':length')
  @Conditional()
  @Access('read', 'subject')
  get(@Param('length') length: string): string[] {
    return ['ä'.repeat(Number(length))];
  }
}

@Module({ controllers: [TextsController] })
class TextsModule {}

describe('an answer with an entity tag', () => {
  let app: HttpApp;
  let base: string;
  beforeAll(async () => {
    const [authenticator, authorizer] = [new OpenAuthenticator(), new RoleAuthorizer()];
    app = await createHttpApp({ modules: [TextsModule], authenticator, authorizer });
    base = await app.listen('127.0.0.1', 0);
  });
  afterAll(() => app.close());

  it.each([10, MIB, 3 * MIB])('is tagged by its bytes and spared who has it, of %i characters', async (length) => {
    const url = `${base}/v1/texts/${length}`;
    const answer = await fetch(url);
    const body = await answer.text();
    expect(body).toBe(JSON.stringify(['ä'.repeat(length)]));
    const tag = answer.headers.get('etag')!;
    expect([tag, answer.headers.get('content-type')]).toEqual([entityTag(body), 'application/json; charset=utf-8']);
    const again = await fetch(url, { headers: { 'if-none-match': tag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });

  it('lets others have their turn while a long one is tagged', async () => {
    let turns = 0;
    let counting = setImmediate(function count() {
      turns++;
      counting = setImmediate(count);
    });
    const turnsOf = async (length: number): Promise<number> => {
      const before = turns;
      // Without a socket, whose own turns would be counted.
      await app.fastify.inject(`/v1/texts/${length}`);
      return turns - before;
    };
    const short = await turnsOf(10);
    expect(await turnsOf(4 * MIB)).toBeGreaterThanOrEqual(short + 8);
    clearImmediate(counting);
  });
});
