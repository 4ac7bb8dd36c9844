/**
 * What every service for tests needs: a port, a child process that is never left behind, and commands that may have to be installed.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** The machine cannot run the service (nothing installed and nothing to install from). Tests for it did not run; that is no failure of theirs. */
export class ServiceUnavailable extends Error {
  /** @param {string} message what is missing, in one line */
  constructor(message, options) {
    super(message, options);
    this.name = 'ServiceUnavailable';
  }
}

/**
 * A free loopback port below the ephemeral range (32768 on Linux): a poll of a closed ephemeral port can connect to itself.
 * @returns {Promise<number>}
 */
export async function freePort() {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = 15_000 + Math.floor(Math.random() * 17_000);
    const free = await new Promise((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (free) return port;
  }
  throw new Error('no free port between 15000 and 32000');
}

/**
 * The first path a command is found under, undefined when it is not installed.
 * @param {string} command
 * @returns {string | undefined}
 */
export function findCommand(command) {
  try {
    return execFileSync('sh', ['-c', 'command -v "$1"', 'sh', command], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined;
  }
}

/**
 * Installs Debian packages. Needs root, apt-get, and a package mirror.
 * @param {readonly string[]} packages
 * @param {string} why the service that needs them, for the message
 * @throws {ServiceUnavailable}
 */
export async function installDebian(packages, why) {
  const wanted = packages.join(' ');
  if (process.getuid?.() !== 0)
    throw new ServiceUnavailable(`${why} needs ${wanted}; not installed, and only root can install it`);
  if (findCommand('apt-get') === undefined)
    throw new ServiceUnavailable(`${why} needs ${wanted}; not installed, and there is no apt-get`);
  const apt = (...args) => run('apt-get', args, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  // A list that cannot be fetched matters only when the package is not in those that are there.
  const outdated = await apt('update', '-qq', '-o', 'APT::Update::Error-Mode=any').then(
    () => undefined,
    (error) => error,
  );
  try {
    await apt('install', '-y', '-qq', '--no-install-recommends', ...packages);
  } catch (cause) {
    throw new ServiceUnavailable(
      `${why} needs ${wanted}; apt-get could not install it: ${firstLine(outdated ?? cause)}`,
      {
        cause,
      },
    );
  }
}

/**
 * Runs a command to its end.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').ExecFileOptions} [options]
 * @returns {Promise<string>} what it wrote to stdout; rejects with the end of its output when it fails
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    execFile(command, [...args], { maxBuffer: 64 << 20, encoding: 'utf8', ...options }, (error, stdout, stderr) => {
      if (error === null) resolve(String(stdout));
      else reject(new Error(`${command} failed: ${tail(`${stdout}${stderr}`) || error.message}`, { cause: error }));
    });
  });
}

/** @param {unknown} error */
export function firstLine(error) {
  return String(error instanceof Error ? error.message : error).split('\n')[0];
}

/** The last lines of a text. @param {string} text */
export function tail(text, lines = 20) {
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

/** A temporary directory that goes with the process at the latest. @param {string} prefix */
export function temporaryDirectory(prefix) {
  const path = mkdtempSync(join(tmpdir(), prefix));
  const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  process.once('exit', remove);
  return {
    path,
    remove() {
      process.off('exit', remove);
      remove();
    },
  };
}

/** A child process with its output in a file. It is killed when this process ends in whatever way that runs exit handlers. */
export class ServiceProcess {
  #child;
  #exited;
  #logFile;
  #killOnExit = () => this.#signal('SIGKILL');

  /**
   * @param {string} command
   * @param {readonly string[]} args
   * @param {import('node:child_process').SpawnOptions & {logFile: string}} options
   */
  constructor(command, args, { logFile, ...options }) {
    this.#logFile = logFile;
    const log = openSync(logFile, 'a');
    this.#child = spawn(command, [...args], { ...options, stdio: ['ignore', log, log] });
    closeSync(log);
    this.#exited = new Promise((resolve) => {
      this.#child.once('error', resolve);
      this.#child.once('exit', resolve);
    });
    void this.#exited.then(() => process.off('exit', this.#killOnExit));
    process.once('exit', this.#killOnExit);
  }

  get pid() {
    return this.#child.pid;
  }

  get running() {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The end of what it wrote. */
  log() {
    return tail(readFileSync(this.#logFile, 'utf8'));
  }

  /**
   * Resolves once `ready` answers true.
   * @param {() => Promise<boolean>} ready asked every 50 ms
   * @param {number} timeoutMs
   * @param {string} what for the message
   */
  async untilReady(ready, timeoutMs, what) {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      if (!this.running) throw new Error(`${what} ended while it started:\n${this.log()}`);
      if (await ready()) return;
      if (Date.now() > deadline) throw new Error(`${what} was not ready within ${timeoutMs} ms:\n${this.log()}`);
      await delay(50);
    }
  }

  /**
   * Asks it to end, and kills it when it does not. Harmless to repeat.
   * @param {NodeJS.Signals} signal
   */
  async stop(signal = 'SIGTERM', patienceMs = 20_000) {
    if (!this.running) return;
    this.#signal(signal);
    const timer = setTimeout(() => this.#signal('SIGKILL'), patienceMs);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Ends it as a power cut would. */
  async kill() {
    if (!this.running) return;
    this.#signal('SIGKILL');
    await this.#exited;
  }

  #signal(signal) {
    if (this.running) this.#child.kill(signal);
  }
}
