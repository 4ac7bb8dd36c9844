import { spawn, type ChildProcess } from 'node:child_process';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { text, type Handler, type Invocation } from '../command.js';
import type { ExitName } from '../exit-codes.js';
import { Failure } from '../failure.js';
import { described } from '../outcome.js';
import { number } from './op.js';

/** How long a start may take, unless --timeout says otherwise: a second or two on a machine at rest. */
const READY_MS = 120_000;
/** How much of what a service wrote is told when it ended. */
const TOLD_LINES = 5;
/** Variables that are settings of this command; one of them has another meaning for the service. */
const OURS = ['URL', 'CONTEXT', 'CONFIG', 'OUTPUT', 'TOKEN', 'TOKEN_FILE', 'CA_FILE', 'TIMEOUT', 'REASON'];

/**
 * `weir dev`: an installed service on one port, for as long as the command runs. What it holds is thrown away at the end, unless `--data` names a folder. Settings of the service in the environment count; of
 * files the one that is named, so that no other database is met by accident.
 */
export const dev: Handler = async (invocation) => {
  const { io, say } = invocation;
  const main = await serviceFile(invocation);
  const kept = text(invocation, 'data');
  if (invocation.flags.dryRun)
    return described('DevService', { service: main, dataDir: kept ?? null, ephemeral: kept === undefined }, main);
  const scratch = await mkdtemp(join(tmpdir(), 'weir-dev-'));
  const folder = kept === undefined ? join(scratch, 'data') : resolve(io.cwd, kept);
  // Otherwise a configuration that lies in the working folder would count.
  const config = text(invocation, 'serviceConfig') ?? join(scratch, 'nothing.yaml');
  await writeFile(join(scratch, 'nothing.yaml'), '');
  const service = new DevService(invocation, main, folder, config, kept === undefined);
  let stopping = false;
  const release = io.onStop(() => {
    if (stopping) return service.kill();
    stopping = true;
    say('Stopping the service.');
    service.stop();
  });
  try {
    const url = await service.ready();
    if (url !== undefined) {
      const data = {
        url,
        registry: url,
        api: `${url}/v1`,
        document: `${url}/openapi.json`,
        health: `${url}/readyz`,
        dataDir: folder,
        ephemeral: kept === undefined,
        pid: service.pid,
      };
      await invocation.emit(
        invocation.output === 'jsonl'
          ? data
          : { apiVersion: 'v1', kind: 'DevService', data, warnings: [], error: null },
        invocation.output === 'name'
          ? url
          : [
              `Weir is ready: ${url}`,
              `  registry   ${url}   (SCHEMA_REGISTRY_URL=${url})`,
              `  API        ${data.api}`,
              `  document   ${data.document}`,
              `  health     ${data.health}`,
              `  data       ${folder}${data.ephemeral ? ' (thrown away at the end; --data DIR keeps it)' : ''}`,
              `  use it     WEIR_URL=${url} weir topic create orders`,
            ].join('\n'),
      );
      say('Ctrl-C stops it.');
    }
    const { code, lines } = await service.ended;
    if (!stopping) throw endedFailure(code, lines);
    return { kind: 'DevService', data: null, printed: true };
  } finally {
    release();
    service.kill();
    await service.ended;
    await rm(scratch, { recursive: true, force: true });
  }
};

interface Ended {
  readonly code: number | null;
  /** The last it wrote. */
  readonly lines: readonly string[];
}

/** The service as a process of ours. */
class DevService {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #told: string[] = [];
  readonly #listening: Promise<string | undefined>;
  readonly #onExit = (): void => void this.#child.kill('SIGTERM');

  constructor(
    private readonly invocation: Invocation,
    main: string,
    folder: string,
    config: string,
    ephemeral: boolean,
  ) {
    const { io } = invocation;
    const env = Object.fromEntries(
      Object.entries(io.env).filter(([name]) => !OURS.includes(name.replace(/^WEIR_/, ''))),
    );
    this.#child = spawn(process.execPath, [main], {
      cwd: io.cwd,
      // Ctrl-C is for this command, which stops the service then: told twice it would not wait for what is under way.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...(ephemeral ? { WEIR_STORAGE_BALLAST_BYTES: '0' } : {}),
        ...env,
        WEIR_CONFIG: resolve(io.cwd, config),
        WEIR_DATA_DIR: folder,
        WEIR_HTTP_PORT: String(number(text(invocation, 'port') ?? '8081', '--port')),
        WEIR_LOGGING_FORMAT: 'json',
      },
    });
    process.once('exit', this.#onExit);
    this.ended = new Promise((done) => {
      this.#child.on('error', (error) => {
        this.#told.push(error.message);
        done({ code: null, lines: this.#told });
      });
      this.#child.on('close', (code) => done({ code, lines: this.#told }));
    }).then((ended) => {
      process.off('exit', this.#onExit);
      return ended as Ended;
    });
    this.#listening = new Promise((found) => {
      this.#lines(this.#child.stdout!, (line) => {
        const url = /"url":"(https?:[^"]+)"/.exec(line)?.[1];
        if (url !== undefined) found(url);
      });
      this.#lines(this.#child.stderr!, () => undefined);
      void this.ended.then(() => found(undefined));
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  stop(): void {
    this.#child.kill('SIGTERM');
  }

  kill(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
  }

  /** Its address when it takes requests; undefined when it ended before. @throws Failure when that takes too long. */
  async ready(): Promise<string | undefined> {
    const limit = this.invocation.flags.timeoutMs ?? READY_MS;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((done) => (timer = setTimeout(() => done('late'), limit)));
    try {
      const url = await Promise.race([this.#listening, late]);
      if (url !== 'late') return url;
    } finally {
      clearTimeout(timer);
    }
    throw new Failure({
      code: 'service-not-ready',
      exit: 'unreachable',
      message: `The service was not ready within ${limit} ms.`,
      hint: 'Give it longer with --timeout; -v shows what it writes.',
      findings: this.#told.slice(-TOLD_LINES),
    });
  }

  #lines(from: NodeJS.ReadableStream, each: (line: string) => void): void {
    let rest = '';
    from.setEncoding('utf8');
    from.on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n');
      rest = parts.pop()!;
      for (const line of parts) {
        this.#told.push(line);
        if (this.#told.length > TOLD_LINES) this.#told.shift();
        if (this.invocation.flags.verbose) this.invocation.io.err(`${line}\n`);
        each(line);
      }
    });
  }
}

/** Where the installed service begins. @throws Failure with where it was looked for. */
async function serviceFile(invocation: Invocation): Promise<string> {
  const { io } = invocation;
  const named = text(invocation, 'service');
  const candidates =
    named === undefined
      ? [
          ...above(import.meta.dirname, 'dist/service/main.js'),
          ...above(io.cwd, 'node_modules/weir/dist/service/main.js'),
          ...above(io.cwd, 'dist/service/main.js'),
        ]
      : [
          resolve(io.cwd, named),
          resolve(io.cwd, named, 'dist/service/main.js'),
          resolve(io.cwd, named, 'service/main.js'),
        ];
  for (const candidate of candidates) {
    const isThere =
      candidate.endsWith('.js') &&
      (await access(candidate).then(
        () => true,
        () => false,
      ));
    if (isThere) return candidate;
  }
  throw new Failure({
    code: 'service-missing',
    exit: 'usage',
    message:
      named === undefined
        ? 'No Weir service is installed here: this command comes without it.'
        : `There is no Weir service in '${named}'.`,
    hint: 'Build one (npm ci && npm run build) and name its folder: weir dev --service FOLDER. It was looked for as dist/service/main.js beside this command and above the working folder, and as node_modules/weir.',
  });
}

/** A file below a folder and each one above it. */
function above(folder: string, file: string): string[] {
  const found = [join(folder, file)];
  for (let at = folder; dirname(at) !== at; at = dirname(at)) found.push(join(dirname(at), file));
  return found;
}

/** Exit codes of the service, by what they say: its configuration is wrong, or something that it needs is not to be had. */
const EXITS: Readonly<Record<number, ExitName>> = { 73: 'conflict', 75: 'unreachable', 78: 'usage' };

function endedFailure(code: number | null, lines: readonly string[]): Failure {
  return new Failure({
    code: 'service-ended',
    exit: EXITS[code ?? 0] ?? 'internal',
    message: `The service ended${code === null ? '' : ` with ${code}`}: ${lines.map(saidIn).at(-1) ?? 'it wrote nothing'}`,
    hint: 'weir dev -v shows everything that it writes.',
    findings: lines.map(saidIn),
  });
}

/** The message of a line of a log. */
function saidIn(line: string): string {
  try {
    const { msg, hint } = JSON.parse(line) as { msg?: string; hint?: string };
    return [msg ?? line, ...(hint ? [hint] : [])].join(' ');
  } catch {
    return line;
  }
}
