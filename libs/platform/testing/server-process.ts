import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface ServerProcessOptions {
  /** Directory the process works in; its data is in `data` below unless the environment says otherwise. */
  readonly cwd: string;
  /** `WEIR_*` variables; only these and the essentials reach the process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Of the command line. */
  readonly args?: readonly string[];
  /** The script, unless it is the built server. */
  readonly main?: string;
  /** A command, with its arguments, that becomes the process: `prlimit` with limits, say. */
  readonly through?: readonly string[];
}

export interface ServerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The service ended, or stayed silent and was ended, before it was ready. */
export class NotReady extends Error {
  constructor(
    readonly exit: ServerExit,
    /** What it wrote. */
    readonly output: string,
  ) {
    super(`The service did not become ready. It wrote:\n${output}`);
  }
}

/** A start takes a second or two; on a machine that others use, many times as long. Only one that hangs takes this. */
const READY_MS = 120_000;
/** A ballast is written at the first start of each; hundreds of them would be most of what tests write. */
const QUICK = { WEIR_STORAGE_BALLAST_BYTES: '0' };

/** For instances that share a database: the work of one that is killed goes on after three seconds, for which one that waits for the processor is not silent. */
export const SHORT_LEASES = { WEIR_OPERATIONS_LEASE_MS: '3000' };

/** The built service in a process of its own, on a free loopback port: to be killed, stopped, and started again on the same data. */
export class ServerProcess {
  #lines: string[] = [];
  #rest = '';

  private constructor(
    private readonly child: ChildProcess,
    /** Base URL; empty until the process listens. */
    readonly url: string,
    /** Resolves when the process is gone. */
    readonly exited: Promise<ServerExit>,
    /** Milliseconds from the spawn until `/readyz` said yes. */
    readonly readyAfterMs: number,
  ) {}

  /**
   * Starts the service and waits until it is ready.
   * @throws {NotReady} when it ends or stays silent instead.
   */
  static async start(options: ServerProcessOptions): Promise<ServerProcess> {
    const started = performance.now();
    const { child, exited, output } = ServerProcess.launch(options);
    const deadline = started + READY_MS;
    const gone = exited.then(() => undefined);
    for (let url: string | undefined; performance.now() < deadline;) {
      url ??= listeningUrl(output());
      if (url !== undefined && (await isReady(url))) {
        const server = new ServerProcess(child, url, exited, performance.now() - started);
        server.follow(output());
        return server;
      }
      const ended = await Promise.race([
        gone.then(() => true),
        new Promise<false>((r) => setTimeout(() => r(false), 5)),
      ]);
      if (ended) break;
    }
    child.kill('SIGKILL');
    throw new NotReady(await exited, output());
  }

  /** Starts the service without waiting, for starts that are to fail. */
  static launch(options: ServerProcessOptions): {
    readonly child: ChildProcess;
    readonly exited: Promise<ServerExit>;
    readonly output: () => string;
  } {
    const main = options.main ?? 'dist/service/main.js';
    const words = [...(options.through ?? []), process.execPath, absolute(main), ...(options.args ?? [])];
    const child = spawn(words[0]!, words.slice(1), {
      cwd: options.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], WEIR_HTTP_PORT: '0', ...QUICK, ...options.env },
    });
    let text = '';
    const keep = (chunk: Buffer): void => void (text += chunk.toString('utf8'));
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const exited = once(child, 'close').then(() => ({ code: child.exitCode, signal: child.signalCode }));
    return { child, exited, output: () => text };
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** What the process wrote, line by line. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Ends the process as a crash would: no handler runs, nothing is flushed. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.exited;
  }

  /** Asks the process to stop, and waits. */
  async stop(): Promise<ServerExit> {
    this.child.kill('SIGTERM');
    return this.exited;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** How the process ended, undefined while it runs. */
  get exit(): ServerExit | undefined {
    const { exitCode: code, signalCode: signal } = this.child;
    return code === null && signal === null ? undefined : { code, signal };
  }

  private follow(soFar: string): void {
    const take = (text: string): void => {
      const parts = (this.#rest + text).split('\n');
      this.#rest = parts.pop() ?? '';
      this.#lines.push(...parts);
    };
    take(soFar);
    this.child.stdout?.on('data', (chunk: Buffer) => take(chunk.toString('utf8')));
    this.child.stderr?.on('data', (chunk: Buffer) => take(chunk.toString('utf8')));
  }
}

function absolute(path: string): string {
  return path.startsWith('/') ? path : new URL(`../../../${path}`, import.meta.url).pathname;
}

/** The address in the log line that says that the service listens. */
function listeningUrl(output: string): string | undefined {
  return /"url":"(http:[^"]+)"/.exec(output)?.[1];
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`).then(
    async (response) => {
      await response.arrayBuffer();
      return response.ok;
    },
    () => false,
  );
}
