import { beforeAll } from 'vitest';
import { ServerProcess } from './server-process.js';
import { temporaryDirectory } from './temporary-directory.js';

/**
 * The built service for the tests of one suite, on a directory of its own: started before its first test, killed after its last. The function gives it as soon
 * as a test runs, and throws before.
 */
export function serverForSuite(env: Readonly<Record<string, string>> = {}): () => ServerProcess {
  let started: ServerProcess | undefined;
  beforeAll(async () => {
    const directory = await temporaryDirectory();
    started = await ServerProcess.start({ cwd: directory.path, env });
    return async () => {
      await started!.kill();
      await directory.remove();
    };
  });
  return () => {
    if (started === undefined) throw new Error('The service is started when the first test runs.');
    return started;
  };
}
