import { type ChildProcess, spawn } from 'node:child_process';
import { appendFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

/** A Weir service in a process of its own, on loopback, with its data in one directory. */
export class ServiceProcess {
  #child: ChildProcess | undefined;
  #lastOutput = '';

  private constructor(
    readonly url: string,
    private readonly directory: string,
    private readonly port: number,
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  /** Reserves a free port; nothing runs yet. @param settings more of the environment. */
  static async prepare(directory: string, settings: Readonly<Record<string, string>> = {}): Promise<ServiceProcess> {
    const port = await freePort();
    return new ServiceProcess(`http://127.0.0.1:${port}`, directory, port, settings);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the service and resolves with the milliseconds until `/readyz` said yes. */
  async start(): Promise<number> {
    const started = performance.now();
    const main = new URL('../../service/main.js', import.meta.url).pathname;
    const child = spawn(process.execPath, [main], {
      cwd: this.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        WEIR_HTTP_HOST: '127.0.0.1',
        WEIR_HTTP_PORT: String(this.port),
        WEIR_DATA_DIR: join(this.directory, 'data'),
        WEIR_LOGGING_LEVEL: 'warn',
        WEIR_OPERATIONS_ROLLBACK_WINDOW_MS: '0',
        ...this.settings,
      },
    });
    this.#child = child;
    const keep = (chunk: Buffer): void => {
      this.#lastOutput = (this.#lastOutput + chunk.toString()).slice(-4_000);
      void appendFile(join(this.directory, 'service.log'), chunk);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    while (performance.now() - started < 30_000) {
      if (child.exitCode !== null || child.signalCode !== null) break;
      const ready = await fetch(`${this.url}/readyz`).then(
        (response) => response.ok,
        () => false,
      );
      if (ready) return performance.now() - started;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`The service did not become ready. Its last words:\n${this.#lastOutput}`);
  }

  /** Ends the process at once, as a crash would: no handler runs, nothing is flushed. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Asks the process to stop and waits for it. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** Lets the process run on after this one has ended. */
  release(): void {
    this.#child?.stdout?.destroy();
    this.#child?.stderr?.destroy();
    this.#child?.unref();
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    await gone;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
