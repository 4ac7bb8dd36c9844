import { Socket } from 'node:net';
import { Body, Controller, Get, HttpCode, Module, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { afterEach, describe, expect, it } from 'vitest';
import { deferred, type Deferred } from '#libs/core/kernel';
import { Access, declareRoute, OpenAuthenticator, RoleAuthorizer } from '#libs/platform/auth';
import { SocketClient } from '#libs/platform/testing';
import { BytesInFlight } from './bytes-in-flight.js';
import { ApiJson, BatchRoom, createHttpApp, type HttpApp, type HttpSettings } from './index.js';

const ANSWER = 'a'.repeat(40_000);
/** As much as no buffer of a socket takes. */
const LARGE = 'a'.repeat(8_000_000);

let held: Deferred<void>;
let begun = 0;
/** How many times as long as its body a batch is. */
let made = 1;

@Controller('v1')
class HoldingController {
  @Post('hold')
  @HttpCode(200)
  @Access('write', 'service')
  async hold(@Body() body: { readonly text: string }): Promise<unknown> {
    begun++;
    await held.promise;
    return { length: body.text.length };
  }

  @Get('answer')
  @Access('read', 'service')
  answer(): string {
    return ANSWER;
  }

  @Get('large')
  @Access('read', 'service')
  large(): string {
    return LARGE;
  }

  @Get('anyway')
  @Access('read', 'service')
  @declareRoute({ answersAnyway: true })
  anyway(): string {
    return ANSWER;
  }

  @Post('batches')
  @HttpCode(200)
  @Access('write', 'service')
  @ApiJson({ id: 'makeBatches', summary: 'Makes batches', tag: 'test', batched: true })
  async batches(@Req() request: FastifyRequest, @Body() body: { readonly text: string }): Promise<unknown> {
    begun++;
    new BatchRoom(request).add({ key: null, value: Buffer.alloc((body.text.length - 12) * made), headers: [] });
    await held.promise;
    return { length: body.text.length };
  }

  @Post('told')
  @Access('write', 'service')
  told(): string {
    return ANSWER;
  }
}

@Module({ controllers: [HoldingController] })
class HoldingModule {}

const JSON_TYPE = { 'Content-Type': 'application/json' };
const HOLD = 'POST /v1/hold';
const bodyOf = (length: number) => JSON.stringify({ text: 'x'.repeat(length - 11) });

describe('bytes in flight', () => {
  let app: HttpApp | undefined;
  const clients: SocketClient[] = [];
  afterEach(async () => {
    held.resolve();
    for (const { socket } of clients.splice(0)) socket.destroy();
    await app?.close();
  });

  const serve = async (settings: Partial<HttpSettings>): Promise<string> => {
    held = deferred();
    begun = 0;
    made = 1;
    app = await createHttpApp({
      modules: [HoldingModule],
      authenticator: new OpenAuthenticator(),
      authorizer: new RoleAuthorizer(),
      settings,
    });
    return app.listen('127.0.0.1', 0);
  };
  const open = async (url: string): Promise<SocketClient> => {
    const client = await SocketClient.open(url);
    clients.push(client);
    return client;
  };
  const post = (url: string, length: number): Promise<Response> =>
    fetch(`${url}/v1/hold`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: bodyOf(length) });
  const bounds = { bytesInFlight: 100_000, bytesInFlightPerConnection: 60_000 };

  it('of bodies are counted before they are read, refused beyond the bound, and given back with the answer', async () => {
    const url = await serve(bounds);
    const [one, other] = [await open(url), await open(url)];
    await one.announce(HOLD, 50_000, JSON_TYPE);
    await other.announce(HOLD, 50_000, JSON_TYPE);
    expect(app!.bytesInFlight.held).toBe(100_000);

    const refused = await post(url, 100);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await refused.json()).toMatchObject({
      code: 'too-many-bytes-in-flight',
      details: { limit: 'limits.bytesInFlight', value: 100_000, measured: 100_100 },
    });
    expect([begun, app!.bytesInFlight.refused]).toEqual([0, { total: 1, connection: 0 }]);

    for (const client of [one, other]) client.send(bodyOf(50_000));
    held.resolve();
    await Promise.all([one.until('49989'), other.until('49989')]);
    expect((await post(url, 100)).status).toBe(200);
    expect(app!.bytesInFlight.held).toBe(0);
  });

  it('negative control: without the bound the same request is taken, and more is held', async () => {
    const url = await serve({ bytesInFlight: Infinity, bytesInFlightPerConnection: 60_000 });
    const [one, other] = [await open(url), await open(url)];
    await one.announce(HOLD, 50_000, JSON_TYPE);
    await other.announce(HOLD, 50_000, JSON_TYPE);
    held.resolve();
    expect((await post(url, 100)).status).toBe(200);
    expect(app!.bytesInFlight.held).toBe(100_000);
  });

  it('of bodies of unknown length are counted as they arrive', async () => {
    const url = await serve(bounds);
    const [one, other] = [await open(url), await open(url)];
    await one.announce(HOLD, 60_000, JSON_TYPE);
    other.head(HOLD, { ...JSON_TYPE, 'Transfer-Encoding': 'chunked' });
    other.chunk(' '.repeat(30_000));
    other.chunk(' '.repeat(30_000));
    await other.until('too-many-bytes-in-flight');
    expect(other.text).toMatch(/^HTTP\/1\.1 503 [^]*retry-after: 1\r\n/i);
    await other.ended();
    expect([begun, app!.bytesInFlight.held]).toEqual([0, 60_000]);
  });

  it('of one connection have a bound of their own, also where requests are sent behind one another', async () => {
    const url = await serve(bounds);
    const client = await open(url);
    for (const connection of ['keep-alive', 'close']) {
      client.head(HOLD, { ...JSON_TYPE, 'Content-Length': 40_000, Connection: connection });
      client.send(bodyOf(40_000));
    }
    while (app!.bytesInFlight.refused.connection === 0) await new Promise(setImmediate);
    held.resolve();
    await client.ended();
    expect(client.statuses).toEqual([200, 429]);
    expect(client.text).toContain('connection-bytes-in-flight');
    expect(app!.bytesInFlight.held).toBe(0);
  });

  it('of requests without a body that are sent behind one another are bounded, too', async () => {
    const url = await serve(bounds);
    const client = await open(url);
    client.head(HOLD, { ...JSON_TYPE, 'Content-Length': 100 });
    client.send(bodyOf(100));
    client.send('GET /v1/none HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(30));
    client.head('GET /v1/none', { Connection: 'close' });
    while (app!.bytesInFlight.refused.connection === 0) await new Promise(setImmediate);
    held.resolve();
    await client.ended();
    expect(new Set(client.statuses)).toEqual(new Set([200, 404, 429]));
  });

  it('refuse what no connection may ever hold as too large', async () => {
    const url = await serve(bounds);
    const refused = await post(url, 60_001);
    expect([refused.status, await refused.json()]).toMatchObject([
      413,
      { code: 'larger-than-a-connection', details: { limit: 'limits.bytesInFlightPerConnection', value: 60_000 } },
    ]);
  });

  it('refuse an answer only where nothing was done and nobody needs it', async () => {
    const url = await serve(bounds);
    const [one, other] = [await open(url), await open(url)];
    await one.announce(HOLD, 50_000, JSON_TYPE);
    await other.announce(HOLD, 20_000, JSON_TYPE);
    const answers = [
      await fetch(`${url}/v1/answer`),
      await fetch(`${url}/v1/anyway`),
      await fetch(`${url}/v1/told`, { method: 'POST' }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([503, 200, 201]);
    expect((await answers[0]!.json()) as object).toMatchObject({ code: 'too-many-bytes-in-flight' });
    for (const answer of answers.slice(1)) expect(await answer.text()).toBe(ANSWER);
  });

  it('go with a client that goes', async () => {
    const url = await serve(bounds);
    const client = await open(url);
    await client.announce(HOLD, 50_000, JSON_TYPE);
    client.socket.destroy();
    while (app!.bytesInFlight.held > 0) await new Promise(setImmediate);
    expect((await fetch(`${url}/v1/answer`)).status).toBe(200);
  });

  it('of a request that was answered 504 are held until its route has come to its end', async () => {
    const url = await serve({ ...bounds, handlerTimeoutMs: 500 });
    const late = await Promise.all([post(url, 50_000), post(url, 50_000)]);
    expect(late.map(({ status }) => status)).toEqual([504, 504]);
    expect(app!.bytesInFlight.held).toBe(100_000);
    expect([(await post(url, 100)).status, begun]).toEqual([503, 2]);
    held.resolve();
    while (app!.bytesInFlight.held > 0) await new Promise(setImmediate);
    expect((await post(url, 100)).status).toBe(200);
  });

  it('of a request whose client has gone are held until its route has come to its end, and with others on its connection', async () => {
    const url = await serve(bounds);
    const client = await open(url);
    for (const length of [40_000, 10_000]) {
      client.head(HOLD, { ...JSON_TYPE, 'Content-Length': length });
      client.send(bodyOf(length));
    }
    while (begun < 2) await new Promise(setImmediate);
    const { socket } = client;
    const gone = new Promise((resolve) => socket.once('close', resolve));
    socket.destroy();
    await gone;
    // What another client has been told, the service has seen after the end of this one.
    await fetch(`${url}/v1/answer`);
    expect(app!.bytesInFlight.held).toBe(50_000);
    expect((await post(url, 50_001)).status).toBe(503);
    held.resolve();
    while (app!.bytesInFlight.held > 0) await new Promise(setImmediate);
  });

  it('of a body that batches are made of count twice, and what is made beyond that is refused before it is', async () => {
    const url = await serve(bounds);
    const post2 = (length: number): Promise<Response> =>
      fetch(`${url}/v1/batches`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: bodyOf(length),
      });
    const answers = [post2(20_000), post2(20_000)];
    while (begun < 2) await new Promise(setImmediate);
    expect(app!.bytesInFlight.held).toBe(80_000);
    const refused = await post2(10_001);
    expect([refused.status, begun]).toEqual([503, 2]);
    expect((await refused.json()) as object).toMatchObject({ code: 'too-many-bytes-in-flight' });
    made = 3;
    expect([(await post2(6_000)).status, begun]).toEqual([503, 3]);
    expect(app!.bytesInFlight.held).toBe(80_000);
    held.resolve();
    for (const answer of answers) expect((await answer).status).toBe(200);
    expect((await post2(10_001)).status).toBe(200);
    made = 10;
    expect(await (await post2(10_001)).json()).toMatchObject({ code: 'larger-than-a-connection' });
    while (app!.bytesInFlight.held > 0) await new Promise(setImmediate);
  });

  it('of a body that batches are made of count for all that its connection may hold, at most', async () => {
    const url = await serve(bounds);
    await (await open(url)).announce('POST /v1/batches', 50_000, JSON_TYPE);
    expect(app!.bytesInFlight.held).toBe(60_000);
  });

  it('of an answer that its client does not take are held until the client is cut off', async () => {
    const url = await serve({ bytesInFlight: 10_000_000, bytesInFlightPerConnection: 10_000_000, writeTimeoutMs: 200 });
    const silent = await open(url);
    silent.socket.pause();
    silent.head('GET /v1/large');
    while (app!.bytesInFlight.held < LARGE.length) await new Promise(setImmediate);
    expect((await fetch(`${url}/v1/large`)).status).toBe(503);
    while (app!.bytesInFlight.held > 0) await new Promise(setImmediate);
    const taken = await fetch(`${url}/v1/large`);
    expect((await taken.text()).length).toBe(LARGE.length);
  });

  it('negative control: with a longer time it still holds them when another has been cut off', async () => {
    const long = await serve({ writeTimeoutMs: 60_000 });
    const holding = app!;
    const silent = await open(long);
    silent.socket.pause();
    silent.head('GET /v1/large');
    while (holding.bytesInFlight.held < LARGE.length) await new Promise(setImmediate);
    const short = await serve({ writeTimeoutMs: 200 });
    const cut = await open(short);
    cut.socket.pause();
    cut.head('GET /v1/large');
    while (app!.bytesInFlight.held < LARGE.length) await new Promise(setImmediate);
    while (app!.bytesInFlight.held > 0) await new Promise(setImmediate);
    expect(holding.bytesInFlight.held).toBe(LARGE.length);
    silent.socket.destroy();
    await holding.close();
  });
});

describe('bytes that clients can do without', () => {
  const ledger = (): BytesInFlight => new BytesInFlight({ bytesInFlight: 1_000, bytesInFlightPerConnection: 600 });

  it('take half of all at most, so that there is room for what clients cannot do without', () => {
    const here = ledger();
    const followers = [0, 1].map(() => here.account(new Socket(), null, 'spare'));
    followers[0]!.hold(300);
    expect(() => followers[1]!.hold(201)).toThrow('half of limits.bytesInFlight is 500');
    followers[1]!.hold(200);
    here.account(new Socket(), null).hold(500);
    expect(here.held).toBe(1_000);
    followers[0]!.close();
    followers[1]!.hold(300);
  });

  it('are given back with their connection', () => {
    const here = ledger();
    const socket = new Socket();
    here.account(socket, null, 'spare').hold(500);
    socket.emit('close');
    expect(here.held).toBe(0);
    here.account(new Socket(), null, 'spare').hold(500);
  });

  it('control: without a share of their own they take what the next body needs', () => {
    const here = ledger();
    for (let n = 0; n < 2; n++) here.account(new Socket(), null).hold(500);
    expect(() => here.account(new Socket(), null).hold(1)).toThrow('limits.bytesInFlight is 1000');
  });
});
