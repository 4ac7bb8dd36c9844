import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, SocketClient } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';

const WRITE_MS = 300;
const STREAM_MS = 1_500;
/** What one stream may keep of what its client has not taken, and of what it is still sending: a megabyte of results, a batch of lines, a chunk. */
const MOST_HELD = 3 * 1024 * 1024;
const LINES = { 'Content-Type': 'application/x-ndjson', 'Transfer-Encoding': 'chunked' };
const RECORDS = { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' };

/** A service with a topic to stream to, and clients that are let go of after each test. */
class Streamed {
  readonly #clients: SocketClient[] = [];
  #most = 0;
  #looking: NodeJS.Immediate | undefined;

  private constructor(
    readonly running: RunningService,
    readonly v3: string,
  ) {}

  static async start(env: Readonly<Record<string, string>>): Promise<Streamed> {
    const running = await runService(env);
    const calls = new DataPlaneCalls(overHttp(() => running.url));
    await calls.topic('streamed');
    const clusters = await calls.demand<{ data: { cluster_id: string }[] }>('GET', '/v3/clusters');
    return new Streamed(running, `POST /v3/clusters/${clusters.data[0]!.cluster_id}/topics/streamed/records`);
  }

  get calls(): DataPlaneCalls {
    return new DataPlaneCalls(overHttp(() => this.running.url));
  }

  get held(): number {
    return this.running.service.app.bytesInFlight.held;
  }

  async open(): Promise<SocketClient> {
    const client = await SocketClient.open(this.running.url);
    this.#clients.push(client);
    return client;
  }

  /** Looks at what is held from now on. */
  watch(): void {
    this.#most = 0;
    const look = (): void => {
      this.#most = Math.max(this.#most, this.held);
      this.#looking = setImmediate(look);
    };
    look();
  }

  /** @returns the most that was held since {@link watch}. */
  watched(): number {
    clearImmediate(this.#looking);
    return this.#most;
  }

  letGo(): void {
    clearImmediate(this.#looking);
    for (const { socket } of this.#clients.splice(0)) socket.destroy();
  }
}

const chunked = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const lines = (count: number) => '{"value":"x"}\n'.repeat(count);
const records = (count: number) => '{"value":{"type":"STRING","data":"x"}}'.repeat(count);

describe('a client that takes nothing', () => {
  let service: Streamed;
  beforeAll(async () => {
    service = await Streamed.start({ WEIR_HTTP_WRITE_TIMEOUT_MS: String(WRITE_MS) });
  });
  afterEach(() => service.letGo());
  afterAll(() => service.running.stop());

  it('of the results of its lines is cut off, and what waits for it is bounded', async () => {
    const client = await service.open();
    client.head('POST /v1/topics/streamed/records', LINES);
    await client.until('200 OK');
    service.watch();
    await client.sendWithoutReading(chunked(lines(2_000)));
    expect(service.watched()).toBeLessThan(MOST_HELD);
    while (service.held > 0) await new Promise(setImmediate);
    expect((await service.calls.get('/healthz')).status).toBe(200);
  });

  it('of the answers of REST Proxy v3 is cut off, and what waits for it is bounded', async () => {
    const client = await service.open();
    client.head(service.v3, RECORDS);
    await client.until('200 OK');
    service.watch();
    await client.sendWithoutReading(chunked(records(500)));
    expect(service.watched()).toBeLessThan(MOST_HELD);
    while (service.held > 0) await new Promise(setImmediate);
  });

  it('of the events of a topic is cut off, while one that reads goes on', async () => {
    const { calls } = service;
    await calls.topic('followed');
    const value = 'x'.repeat(100_000);
    const [silent, reading] = [await service.open(), await service.open()];
    for (const client of [silent, reading]) {
      client.head('GET /v1/topics/followed/stream');
      await client.until(': open');
    }
    silent.socket.pause();
    service.watch();
    // More than the buffers of two sockets take.
    for (let n = 0; n < 40; n++)
      await calls.produce(
        'followed',
        Array.from({ length: 5 }, () => ({ value })),
      );
    while (service.held > 0) await new Promise(setImmediate);
    expect(service.watched()).toBeLessThan(MOST_HELD);
    await calls.produce('followed', [{ value: 'the last' }]);
    await reading.until('the last');
    silent.socket.resume();
    await silent.ended();
    expect(silent.text).not.toContain('the last');
  });

  it('negative control: with a longer time it is still held when it would have been cut off', async () => {
    const patient = await Streamed.start({ WEIR_HTTP_WRITE_TIMEOUT_MS: '60000' });
    try {
      const held = await patient.open();
      held.head(patient.v3, RECORDS);
      await held.until('200 OK');
      const sending = held.sendWithoutReading(chunked(records(500)));
      while (patient.held < 16 * 1024) await new Promise(setImmediate);
      const cut = await service.open();
      cut.head(service.v3, RECORDS);
      await cut.until('200 OK');
      await cut.sendWithoutReading(chunked(records(500)));
      expect(held.socket.destroyed).toBe(false);
      expect(patient.held).toBeGreaterThan(0);
      held.socket.destroy();
      await sending;
    } finally {
      await patient.running.stop();
    }
  });
});

describe('a client that stops sending', () => {
  let service: Streamed;
  beforeAll(async () => {
    service = await Streamed.start({
      WEIR_HTTP_REQUEST_TIMEOUT_MS: '1000',
      WEIR_HTTP_STREAM_TIMEOUT_MS: '60000',
    });
  });
  afterEach(() => service.letGo());
  afterAll(() => service.running.stop());

  it('within a line, or a record of REST Proxy v3, is told so, with what was whole written; between them it may be silent', async () => {
    const [line, record, silent] = [await service.open(), await service.open(), await service.open()];
    line.head('POST /v1/topics/streamed/records', LINES);
    record.head(service.v3, RECORDS);
    silent.head('POST /v1/topics/streamed/records', LINES);
    for (const client of [line, record, silent]) await client.until('200 OK');
    silent.chunk('{"value":1}\n');
    line.chunk('{"value":1}\n{"val');
    record.chunk('{"value":{"type":"STRING","data":"a"}}{"val');
    await Promise.all([line.until('record-too-slow'), record.until('"error_code":408')]);
    expect(line.text).toContain('"records":1,"failed":0');
    expect(record.text).toContain('"error_code":200');
    await Promise.all([line.ended(), record.ended()]);
    // The control: the same time has gone by for the one that had begun nothing.
    silent.chunk('{"value":2}\n');
    silent.chunk('');
    await silent.until('"records":2');
    expect(service.held).toBe(0);
  });

  it('and sends a byte at a time is told so too: the time of a record does not begin anew with each', async () => {
    const client = await service.open();
    client.head('POST /v1/topics/streamed/records', LINES);
    await client.until('200 OK');
    client.chunk('"');
    const drip = setInterval(() => client.socket.writable && client.chunk('x'), 50);
    await client.until('record-too-slow').finally(() => clearInterval(drip));
  });
});

describe('a stream that stays open', () => {
  let service: Streamed;
  beforeAll(async () => {
    service = await Streamed.start({ WEIR_HTTP_STREAM_TIMEOUT_MS: String(STREAM_MS) });
  });
  afterEach(() => service.letGo());
  afterAll(() => service.running.stop());

  it('is ended when its time is over, in the words of its API, with everything before it written', async () => {
    const before = (await service.calls.read('streamed')).length;
    const [line, record] = [await service.open(), await service.open()];
    line.head('POST /v1/topics/streamed/records', LINES);
    record.head(service.v3, RECORDS);
    line.chunk('{"value":1}\n');
    record.chunk(records(1));
    await Promise.all([line.until('stream-open-too-long'), record.until('"error_code":408')]);
    expect(line.text).toContain('"records":1,"failed":0');
    expect(record.text).toContain('Streaming connection open for longer than allowed: Connection will be closed.');
    await Promise.all([line.ended(), record.ended()]);
    expect((await service.calls.read('streamed')).length).toBe(before + 2);
  });
});
