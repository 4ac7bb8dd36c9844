import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { HTTP_SETTINGS } from '#libs/platform/http';
import { ServerProcess } from '#libs/platform/testing';
import { inTemporaryDirectory, median, perSecond, type Benchmark } from './measure.js';
import { residentMb } from './resident-memory.js';
import { metric } from './service-metrics.js';

/** How long the overload lasts: `WEIR_BENCH_SECONDS`. The goal is stated for 600. */
const SECONDS = Number(process.env['WEIR_BENCH_SECONDS'] ?? 60);
const STALLED = 1_000;
/** Connections on which it is measured what the service can answer; all it takes to have it at work all the time. */
const AT_WORK = 64;
/** Connections of the load: their bodies together are nearly twice what the service may hold. */
const CONNECTIONS = 512;
/** Bytes of bodies and answers that the service may hold: what it does unless told otherwise. */
const IN_FLIGHT_MB = HTTP_SETTINGS.bytesInFlight / (1024 * 1024);
/** Most requests that the load keeps waiting for a connection; what comes then is not sent. */
const MOST_WAITING = 5_000;
const CAPACITY_MS = 5_000;
/** What a process takes that has served and has nothing to do is what the load is held against: code, tables and buffers that stay are made by the first requests. */
const REST_MS = 5_000;
const BATCH = 100;
const MB = 1024 * 1024;

/** 100 records of 1 KB. */
const BODY = Buffer.from(
  JSON.stringify({ records: Array.from({ length: BATCH }, (_, n) => ({ key: `k${n}`, value: 'x'.repeat(1_000) })) }),
);

/** Old records go while new ones come, so that the disk of the machine is not the limit. */
const ENV = {
  WEIR_LIMITS_CONNECTIONS: String(2 * STALLED),
  WEIR_LOG_SEGMENT_BYTES: '16MiB',
  WEIR_LOG_RETENTION_CHECK_MS: '2s',
};

/** Clients that follow the topic from its beginning and read nothing; one that is cut off comes back. */
class StalledReaders {
  readonly #sockets = new Set<Socket>();
  #cut = 0;
  #over = false;

  constructor(private readonly url: string) {
    for (let n = 0; n < STALLED; n++) this.#follow();
  }

  get cut(): number {
    return this.#cut;
  }

  end(): void {
    this.#over = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  #follow(): void {
    const socket = connect(Number(new URL(this.url).port), '127.0.0.1');
    this.#sockets.add(socket);
    socket.pause();
    socket.write('GET /v1/topics/load/stream?from=start HTTP/1.1\r\nHost: x\r\n\r\n');
    // A socket that is not read does not notice that the other side is gone: it is looked at now and then.
    const look = setInterval(() => {
      if (!socket.destroyed) socket.write('\r\n');
    }, 1_000);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearInterval(look);
      this.#sockets.delete(socket);
      if (this.#over) return;
      this.#cut++;
      setTimeout(() => !this.#over && this.#follow(), 100);
    });
  }
}

/** Writes at a rate, whether they are answered or not. */
class Load {
  readonly answers = new Map<number | 'failed' | 'not sent', number>();
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  #waiting = 0;

  constructor(private readonly url: string) {}

  get waiting(): number {
    return this.#waiting;
  }

  /** One write. @returns when it was answered or failed. */
  write(): Promise<void> {
    const { hostname, port } = new URL(this.url);
    const headers = { 'content-type': 'application/json', 'content-length': BODY.length };
    this.#waiting++;
    return new Promise<number | 'failed'>((resolve) => {
      const sent = request(
        { hostname, port, method: 'POST', path: '/v1/topics/load/records', headers, agent: this.#agent },
        (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode ?? 0));
          response.on('error', () => resolve('failed'));
        },
      );
      sent.on('error', () => resolve('failed'));
      sent.end(BODY);
    }).then((answer) => {
      this.#waiting--;
      this.#count(answer);
    });
  }

  /** Writes one after another on all connections for a while. @returns writes a second that were answered. */
  async capacity(ms: number): Promise<number> {
    const until = performance.now() + ms;
    const began = performance.now();
    let answered = 0;
    await Promise.all(
      Array.from({ length: AT_WORK }, async () => {
        for (; performance.now() < until; answered++) await this.write();
      }),
    );
    return perSecond(answered, performance.now() - began);
  }

  /** Begins so many writes a second, as they would come from people who do not wait. */
  async atRate(rate: number, ms: number): Promise<void> {
    const began = performance.now();
    for (let begun = 0; performance.now() - began < ms;) {
      const due = Math.floor(((performance.now() - began) * rate) / 1_000);
      for (; begun < due; begun++) {
        if (this.#waiting < MOST_WAITING) void this.write();
        else this.#count('not sent');
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  end(): void {
    this.#agent.destroy();
  }

  #count(answer: number | 'failed' | 'not sent'): void {
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
  }
}

/** What the process says of a part of its memory, in MB. */
async function partMb(url: string, part: string): Promise<number> {
  return (await metric(url, `process_${part}_bytes`)) / MB;
}

/** Memory of the service while a thousand clients do not read what they follow, and twice as much is written as it can take. */
export const boundedMemory: Benchmark = {
  name: 'bounded-memory',
  run: () =>
    inTemporaryDirectory(async (directory) => {
      const main = new URL('../apps/server/main.js', import.meta.url).pathname;
      const server = await ServerProcess.start({ cwd: directory, main, env: ENV });
      try {
        await fetch(`${server.url}/v1/topics`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ name: 'load', partitions: 4, config: { 'retention.bytes': String(64 * MB) } }),
        });
        const cold = await residentMb(server);
        const capacity = await new Load(server.url).capacity(CAPACITY_MS);
        await new Promise((resolve) => setTimeout(resolve, REST_MS));
        const unloaded = await residentMb(server);

        const samples: number[] = [];
        const sampling = setInterval(() => void residentMb(server).then((mb) => samples.push(mb)), 1_000);
        const readers = new StalledReaders(server.url);
        const load = new Load(server.url);
        await load.atRate(2 * capacity, SECONDS * 1_000);
        clearInterval(sampling);
        const told = [...load.answers].map(([answer, count]) => `${count} × ${answer}`).join(', ');
        const { cut } = readers;
        const [heap, buffers] = [await partMb(server.url, 'heap_reserved'), await partMb(server.url, 'buffers')];
        const refused =
          (load.answers.get(503) ?? 0) / [...load.answers.values()].reduce((sum, count) => sum + count, 0);
        readers.end();
        load.end();
        const atEnd = median(samples.slice(-10));
        return [
          { what: 'writes a second that are answered, 100 records each', unit: 'a second', measured: capacity },
          { what: 'memory of the process before its first request', unit: 'MB', measured: cold },
          {
            what: `memory of the unloaded process: ${REST_MS / 1_000} s after ${CAPACITY_MS / 1_000} s of what it can answer`,
            unit: 'MB',
            measured: unloaded,
          },
          {
            what: `memory beyond it after ${SECONDS} s of ${STALLED} stalled readers and twice those writes`,
            unit: `MB (${told}; ${cut} readers cut off)`,
            measured: atEnd - unloaded,
            most: 100,
          },
          {
            what: `of these writes, refused with 503: ${CONNECTIONS} connections have more to send than the ${IN_FLIGHT_MB} MiB of limits.bytesInFlight`,
            unit: '% (none: the limit was not met)',
            measured: 100 * refused,
            least: 1,
          },
          { what: 'the same beyond the process before its first request', unit: 'MB', measured: atEnd - cold },
          { what: 'of the memory at the end: the JavaScript heap', unit: 'MB', measured: heap },
          {
            what: 'of the memory at the end: buffers and what else lies outside of that heap',
            unit: 'MB',
            measured: buffers,
          },
          { what: 'the most of it at any time', unit: 'MB', measured: Math.max(...samples) - unloaded },
        ];
      } finally {
        await server.kill();
      }
    }),
};
