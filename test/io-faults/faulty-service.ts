import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { NotReady, type ServerExit, ServerProcess } from '#libs/platform/testing';
import { IoFaults } from './fault-shim.js';

const ENV = {
  // Checkpoints come by themselves, so that each round has one.
  WEIR_LOG_CHECKPOINT_INTERVAL_MS: '40',
  WEIR_LOG_SEGMENT_BYTES: '1048576',
  WEIR_LOG_RETENTION_CHECK_MS: '0',
};

/** What is asked for is a page of metrics mostly: asked for more often, it would be most of what the service does. */
const ASKED_AGAIN_MS = 20;

export interface FaultyServiceOptions {
  /** What below its directory can be made to fail: the log, unless told otherwise, since what SQLite makes of such a disk has a suite of its own. */
  readonly struck?: string;
  /** `WEIR_*` variables beside the usual ones, for a service in this directory. */
  readonly settings?: (directory: string) => Readonly<Record<string, string>>;
}

/** A service of its own, on a disk that can be made to fail. */
export class FaultyService {
  #server: ServerProcess | undefined;

  private constructor(
    readonly faults: IoFaults,
    /** Where it works; its data is in `data` below. */
    readonly directory: string,
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  /**
   * @param library of {@link compileShim}
   * @param directory made here
   */
  static async create(
    library: string,
    directory: string,
    { struck = 'data/log', settings = () => ({}) }: FaultyServiceOptions = {},
  ): Promise<FaultyService> {
    await mkdir(directory);
    const faults = await IoFaults.over(library, join(directory, struck), join(directory, 'control'));
    return new FaultyService(faults, directory, settings(directory));
  }

  get url(): string {
    return this.#server!.url;
  }

  /** How the process ended, undefined while it runs. */
  get exit(): ServerExit | undefined {
    return this.#server!.exit;
  }

  /** Resolves when the process is gone. */
  get exited(): Promise<ServerExit> {
    return this.#server!.exited;
  }

  /** @throws {NotReady} */
  async start(): Promise<void> {
    const { directory: cwd } = this;
    const env = { ...ENV, ...this.settings, WEIR_DATA_DIR: join(cwd, 'data'), ...this.faults.env };
    this.#server = await ServerProcess.start({ cwd, env });
  }

  /** A start that may fail. Answers how the process ended and what it wrote, undefined where the service is ready. */
  async tryToStart(): Promise<NotReady | undefined> {
    try {
      await this.start();
      return undefined;
    } catch (error) {
      if (error instanceof NotReady) return error;
      throw error;
    }
  }

  /** As a crash: nothing is flushed on the way. */
  async kill(): Promise<void> {
    await this.#server?.kill();
  }

  /** In order: everything is flushed. */
  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  checkpoints(): Promise<number> {
    return this.metric('weir_checkpoint_duration_seconds_count');
  }

  /** The value of a metric without labels, 0 while it has none. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
  }

  /** Asks again until it is so, with a pause in between: the processor is for the service. Rejects with what `isSo` rejects with. */
  async until(isSo: () => Promise<boolean>): Promise<void> {
    while (!(await isSo())) await pause(ASKED_AGAIN_MS);
  }

  /** Ends the process and lets go of its disk. */
  async close(): Promise<void> {
    await this.kill();
    this.faults.close();
  }
}
