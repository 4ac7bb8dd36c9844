/** Runs tests that need a service, and takes the service down again whatever happens. */
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { withSecondTry } from './second-try.mjs';
import { firstLine, ServiceUnavailable } from './service-process.mjs';

const VITEST = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));

/**
 * Says that a suite cannot run on this machine.
 * @param {string} suite its name
 * @param {unknown} error thrown on, unless it is a ServiceUnavailable
 * @returns {number} the exit code: 0, or 1 with WEIR_REQUIRE_SERVICES=1
 */
export function notRun(suite, error) {
  if (!(error instanceof ServiceUnavailable)) throw error;
  console.log(`SUITE NOT RUN: ${suite}: ${firstLine(error)}`);
  return process.env.WEIR_REQUIRE_SERVICES === '1' ? 1 : 0;
}

/**
 * Runs vitest projects, against a service where they need one, and sets the exit code of this process, as {@link runAgainst} tells it. Further arguments of the
 * command line go to vitest. With CI set, what failed is tried again as {@link withSecondTry} says, against a service that is started anew, and other cases are drawn than in the run before, where only some of many are (WEIR_TEST_DRAW, which is printed).
 * @param {object} suite
 * @param {readonly string[]} suite.projects names of vitest projects
 * @param {() => Promise<{env: Record<string, string>, label: string, stop: () => Promise<void>}>} [suite.start]
 */
export async function runSuite({ projects, start = async () => ({ env: {}, stop: async () => {} }) }) {
  // What is drawn is drawn anew by each run of CI, and is the same in its second try.
  if (process.env.CI !== undefined) process.env.WEIR_TEST_DRAW ??= String(randomInt(1_000_000));
  if (process.env.WEIR_TEST_DRAW !== undefined) console.log(`drawn with WEIR_TEST_DRAW=${process.env.WEIR_TEST_DRAW}`);
  const chosen = projects.flatMap((project) => ['--project', project]);
  const run = (args, outcomeFile) =>
    runAgainst({
      name: projects.join(', '),
      start: async () => {
        const service = await start();
        const outcome = outcomeFile === undefined ? {} : { WEIR_TEST_OUTCOME: outcomeFile };
        // Not through npx: a signal must reach vitest itself.
        const vitest = { command: process.execPath, args: [VITEST, 'run', ...chosen, ...args] };
        return { ...service, ...vitest, env: { ...service.env, ...outcome } };
      },
    });
  const args = process.argv.slice(2);
  process.exitCode = process.env.CI === undefined ? await run(args) : await withSecondTry(run, args);
}

/**
 * Starts a service and runs a program against it.
 * @param {object} suite
 * @param {string} suite.name for the messages
 * @param {() => Promise<{env: Record<string, string>, label?: string, stop: () => Promise<void>, command: string, args: readonly string[], cwd?: string}>} suite.start
 * @param {(line: string) => void} [suite.onLine] is given the lines of the program's standard output, which is shown otherwise
 * @returns {Promise<number>} the exit code of the program; when a signal ended this run, 128 and its number; when the machine cannot run the service, 0, or 1
 * with WEIR_REQUIRE_SERVICES=1. Rejects when the service was there and did not start.
 */
export async function runAgainst({ name, start, onLine }) {
  let interrupted;
  let child;
  const onSignal = (signal) => {
    interrupted = signal;
    child?.kill(signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, onSignal);
  const codeOf = (signal) => 128 + constants.signals[signal];

  let service;
  try {
    service = await start();
    if (interrupted !== undefined) return codeOf(interrupted);
    if (service.label !== undefined) console.log(`${name}: ${service.label}`);
    const code = await new Promise((resolve, reject) => {
      child = spawn(service.command, [...service.args], {
        cwd: service.cwd,
        stdio: onLine === undefined ? 'inherit' : ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, ...service.env },
      });
      if (onLine !== undefined) createInterface(child.stdout).on('line', onLine);
      child.once('error', reject);
      child.once('close', (status, signal) => resolve(status ?? codeOf(signal)));
    });
    return interrupted === undefined ? code : codeOf(interrupted);
  } catch (error) {
    if (service !== undefined) throw error;
    return notRun(name, error);
  } finally {
    await service?.stop();
    for (const signal of signals) process.off(signal, onSignal);
  }
}
