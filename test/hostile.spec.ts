import { createServer, connect, type Server } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INLINE_STEPS } from '#libs/core/schema';
import { ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import {
  clusterIdOf,
  headersOf,
  HOSTILE_CASES,
  idIn,
  pathAt,
  type HostileCase,
  type HostileRequest,
} from '#libs/platform/testing/hostile';

const JSON_TYPE = { 'content-type': 'application/json' };
/** What the process has for everything that is posted: some 256 MiB beyond what it starts with. V8 ends a process that keeps more. */
const HEAP_MIB = 300;
/** Between two requests of the neighbour: without it the neighbour would be most of the work, and what is posted would wait for it. */
const NEIGHBOUR_PAUSE_MS = 20;
/** What a client finds of a connection that the other side has ended. */
const ENDED_WHILE_SENDING: readonly string[] = ['EPIPE', 'ECONNRESET', 'UND_ERR_SOCKET'];
/** Longer than any request may take with the deadlines there are; only a request that hangs gets there. */
const HANGS_MS = 60_000;

interface Answer {
  readonly status: number;
  readonly code: string | number | undefined;
  /** That it tells; empty where it tells none. */
  readonly id: string;
}

/** The service under attack, with a listener that nobody should talk to. */
class Attacked {
  readonly #contacts: string[] = [];

  private constructor(
    readonly server: ServerProcess,
    private readonly directory: TemporaryDirectory,
    private readonly listener: Server,
    private readonly clusterId: string,
  ) {
    listener.on('connection', (socket) => {
      this.#contacts.push(String(socket.remotePort));
      socket.destroy();
    });
  }

  static async open(env: Record<string, string> = {}): Promise<Attacked> {
    const directory = await temporaryDirectory();
    const listener = createServer();
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const server = await ServerProcess.start({ cwd: directory.path, env });
    return new Attacked(server, directory, listener, await clusterIdOf(server.url));
  }

  /** Connections to the listener. */
  get contacts(): number {
    return this.#contacts.length;
  }

  /** @param earlier the id that an earlier answer of the case told. */
  async send(request: HostileRequest, earlier = ''): Promise<Answer> {
    const { method } = request;
    const { port } = this.listener.address() as { port: number };
    const body = request.body?.(earlier);
    try {
      const response = await fetch(this.server.url + pathAt(this.clusterId, request, earlier), {
        method,
        headers: headersOf(request),
        body: typeof body === 'string' ? body.replaceAll('PORT', String(port)) : (body as Uint8Array<ArrayBuffer>),
        signal: AbortSignal.timeout(HANGS_MS),
      });
      const text = await response.text();
      return { status: response.status, code: text.startsWith('{') ? codeOf(text) : undefined, id: idIn(text) };
    } catch (error) {
      // The service may refuse a body, and end the connection, while it is still being sent: then this client never sees what it was told.
      const { code } = (error as { cause?: { code?: string } }).cause ?? {};
      if (body === undefined || !ENDED_WHILE_SENDING.includes(code ?? '')) throw error;
      return { status: 413, code, id: '' };
    }
  }

  /** The sum of a metric over its labels, or over those samples that have the label. */
  async metric(name: string, label = ''): Promise<number> {
    const text = await (await fetch(`${this.server.url}/metrics`)).text();
    const samples = text.split('\n').filter((line) => line.startsWith(`weir_${name}`) && line.includes(label));
    return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  async close(): Promise<void> {
    await this.server.kill();
    this.listener.close();
    await this.directory.remove();
  }
}

/** Of an answer in lines, that of the first. */
function codeOf(text: string): string | number | undefined {
  const body = JSON.parse(text.split('\n', 1)[0]!) as { code?: string; error_code?: number };
  return body.code ?? body.error_code;
}

/** What is wrong with the answers to a case; undefined when nothing is. */
function fault(one: HostileCase, answers: readonly Answer[]): string | undefined {
  const told = answers.map(({ status, code }) => `${status} ${code ?? ''}`).join(', ');
  const bad = answers.some(({ status, code }) => status >= 500 || (status >= 400 && code === undefined));
  const last = answers.at(-1)!.status;
  const expected = one.outcome === 'either' || (one.outcome === 'refused') === last >= 400;
  return bad || !expected ? `${one.family}, ${one.name}: ${told}` : undefined;
}

/** Sends raw bytes and reads what comes back until the other side ends or goes quiet. */
function raw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes, 'latin1'));
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      answer += text;
      if (answer.includes('\r\n\r\n')) socket.end();
    });
    socket.on('error', () => resolve(answer));
    socket.on('close', () => resolve(answer));
  });
}

const POST = 'POST /subjects/raw/versions HTTP/1.1\r\nHost: x\r\n';
const RAW_REQUESTS: readonly (readonly [string, string])[] = [
  ['two lengths', `${POST}Content-Type: application/json\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{"a":`],
  ['length and chunks', `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  [
    'a chunk size that is none',
    `${POST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
  ],
  ['a negative length', `${POST}Content-Length: -1\r\n\r\n`],
  ['a length beyond counting', `${POST}Content-Length: 99999999999999999999\r\n\r\n`],
  ['ten thousand headers', `GET /subjects HTTP/1.1\r\nHost: x\r\n${'a: b\r\n'.repeat(10_000)}\r\n`],
  ['a header of a megabyte', `GET /subjects HTTP/1.1\r\nHost: x\r\na: ${'b'.repeat(1_000_000)}\r\n\r\n`],
  ['two types', `${POST}Content-Type: application/json\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nxx`],
  ['a type with a tab', `${POST}Content-Type: application/json\tx\r\nContent-Length: 2\r\n\r\n{}`],
  ['no HTTP', '\x00\x01\x02\x03\r\n\r\n'],
];

/** Requests that come too slowly, or never end. Their ends are missing on purpose. */
const SLOW_REQUESTS: readonly (readonly [string, string])[] = [
  ['headers without an end', 'GET /subjects HTTP/1.1\r\nHost: x\r\nA: b\r\n'],
  ['a request line without an end', 'GET /subj'],
  ['a body without an end', `${POST}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"schema":`],
  [
    'chunks without an end',
    `${POST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n`,
  ],
];

/** Sends the beginning, then a piece again and again, as long as anybody takes it. */
function endless(url: string, beginning: string, piece: Buffer): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => {
      socket.write(beginning, 'latin1');
      const more = (): void =>
        void (socket.writable && answer === '' && (socket.write(piece) ? setImmediate(more) : 0));
      socket.on('drain', more);
      more();
    });
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => void (answer += text));
    socket.on('error', () => resolve(answer));
    socket.on('close', () => resolve(answer));
  });
}

const FAMILIES = [...new Set(HOSTILE_CASES.map(({ family }) => family))];

describe('whatever is posted', () => {
  let attacked: Attacked;
  beforeAll(async () => {
    attacked = await Attacked.open({
      WEIR_SCHEMAS_DEADLINE_MS: '500',
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}`,
    });
  });
  afterAll(() => attacked.close());

  it.each(FAMILIES)('is answered or refused, and harms nobody: %s', async (family) => {
    const faults: string[] = [];
    let under = true;
    // A client that means well, all the while.
    const neighbour = (async () => {
      let answered = 0;
      for (; under; answered++) {
        const answer = await attacked.send({ method: 'GET', path: '/schemas/types' });
        if (answer.status !== 200) faults.push(`a neighbour was answered ${answer.status}`);
        await new Promise((resolve) => setTimeout(resolve, NEIGHBOUR_PAUSE_MS));
      }
      return answered;
    })();
    try {
      for (const one of HOSTILE_CASES.filter((each) => each.family === family)) {
        const answers: Answer[] = [];
        for (const request of one.requests) {
          answers.push(await attacked.send(request, answers.find(({ id }) => id !== '')?.id));
        }
        faults.push(...[fault(one, answers)].filter((each) => each !== undefined));
      }
    } finally {
      under = false;
      expect(await neighbour).toBeGreaterThan(0);
    }
    expect(faults).toEqual([]);
    expect(process.kill(attacked.server.pid, 0)).toBe(true);
    expect(attacked.contacts).toBe(0);
    // No reading and no comparison takes more of the main thread than it is given.
    expect(await attacked.metric('schema_main_steps_max')).toBeLessThanOrEqual(INLINE_STEPS);
  });

  it.each(RAW_REQUESTS)('is refused as HTTP: %s', async (_what, bytes) => {
    const answer = await raw(attacked.server.url, bytes);
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    expect((await attacked.send({ method: 'GET', path: '/schemas/types' })).status).toBe(200);
  });

  it('is refused by its length where it has no end, and read no further', async () => {
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536, 0x20), Buffer.from('\r\n')]);
    const beginning = `${POST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    expect(await endless(attacked.server.url, beginning, chunk)).toMatch(/^(HTTP\/1\.1 413 |$)/);
    expect((await attacked.send({ method: 'GET', path: '/schemas/types' })).status).toBe(200);
  });

  it('is refused when it is compressed: nothing is unpacked', async () => {
    const response = await fetch(`${attacked.server.url}/subjects/bomb/versions`, {
      method: 'POST',
      headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
      body: gzipSync(Buffer.alloc(64 * 1024 * 1024, 0x20)),
    });
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(500);
  });

  it('leaves no memory behind: the same process has done it all, in a small heap', async () => {
    expect(await attacked.metric('process_heap_bytes')).toBeLessThan((HEAP_MIB + 50) * 1024 * 1024);
    expect(process.kill(attacked.server.pid, 0)).toBe(true);
  });

  it('was worked on in worker threads where it was large, and none of them died', async () => {
    const jobs = (outcome: string) => attacked.metric('schema_worker_jobs', `outcome="${outcome}"`);
    expect(await jobs('done')).toBeGreaterThan(10);
    expect([await jobs('crashed'), await jobs('overloaded')]).toEqual([0, 0]);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('whoever sends slowly', () => {
  let attacked: Attacked;
  beforeAll(async () => {
    attacked = await Attacked.open({ WEIR_HTTP_HEADERS_TIMEOUT_MS: '1000', WEIR_HTTP_REQUEST_TIMEOUT_MS: '1000' });
  });
  afterAll(() => attacked.close());

  it.each(SLOW_REQUESTS)('is answered that it took too long, and harms nobody: %s', async (_what, bytes) => {
    const slow = raw(attacked.server.url, bytes);
    expect((await attacked.send({ method: 'GET', path: '/schemas/types' })).status).toBe(200);
    expect(await slow).toMatch(/^HTTP\/1\.1 408 [^]*"code":"http-408"/);
    expect((await attacked.send({ method: 'GET', path: '/subjects' })).status).toBe(200);
  });
});

describe('negative control: without its limits', () => {
  const named = (family: string, name: string): HostileCase =>
    HOSTILE_CASES.find((one) => one.family === family && one.name === name)!;

  it('the service answers otherwise, and the same look at the answers sees it', async () => {
    const attacked = await Attacked.open({ WEIR_LIMITS_JSON_VALUES: '1000000' });
    const many = named('registry bodies', 'members nobody knows');
    expect(fault(many, [await attacked.send(many.requests[0]!)])).toContain('200');
    await attacked.close();
  });

  it('a comparison is ended by its deadline, and only that request fails', async () => {
    const attacked = await Attacked.open({ WEIR_SCHEMAS_DEADLINE_MS: '50' });
    const one = named('avro combinatorics', 'two unions of records alike');
    const answers: Answer[] = [];
    for (const request of one.requests) answers.push(await attacked.send(request));
    expect(answers.some(({ code }) => code === 42201)).toBe(true);
    expect(answers.every(({ status }) => status < 500)).toBe(true);
    expect(await attacked.metric('schema_worker_jobs', 'outcome="tooSlow"')).toBeGreaterThan(0);
    expect((await attacked.send({ method: 'GET', path: '/subjects' })).status).toBe(200);
    await attacked.close();
  });
});
