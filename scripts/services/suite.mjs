/** Runs the vitest project that needs a service, and takes the service down again whatever happens. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { firstLine, ServiceUnavailable } from './service-process.mjs';

const VITEST = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));

/**
 * Sets the exit code of this process: that of vitest; 1 when the service was there and did not start; and when the machine cannot run the
 * service, 0, or 1 with WEIR_REQUIRE_SERVICES=1. Further arguments of the command line go to vitest.
 * @param {object} suite
 * @param {string} suite.project name of the vitest project
 * @param {() => Promise<{env: Record<string, string>, label: string, stop: () => Promise<void>}>} suite.start
 */
export async function runSuite({ project, start }) {
  let interrupted;
  let child;
  const onSignal = (signal) => {
    interrupted = signal;
    child?.kill(signal);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal);

  let service;
  try {
    service = await start();
  } catch (error) {
    if (!(error instanceof ServiceUnavailable)) throw error;
    const required = process.env.WEIR_REQUIRE_SERVICES === '1';
    console.log(`SUITE NOT RUN: ${project}: ${firstLine(error)}`);
    process.exitCode = required ? 1 : 0;
    return;
  }
  try {
    if (interrupted !== undefined) return;
    console.log(`${project}: ${service.label}`);
    const code = await new Promise((resolve, reject) => {
      // Not through npx: a signal must reach vitest itself.
      child = spawn(process.execPath, [VITEST, 'run', '--project', project, ...process.argv.slice(2)], {
        stdio: 'inherit',
        env: { ...process.env, ...service.env },
      });
      child.once('error', reject);
      child.once('exit', (status, signal) => resolve(status ?? 128 + constants.signals[signal]));
    });
    process.exitCode = code;
  } finally {
    await service.stop();
    if (interrupted !== undefined) process.exitCode = 128 + constants.signals[interrupted];
  }
}
