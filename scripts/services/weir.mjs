/** Weir itself, as built in `dist/`, for programs of others: a process on a free port, with a data directory and tokens of its own. */
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePort, ServiceProcess, temporaryDirectory } from './service-process.mjs';

const MAIN = resolve('dist/apps/server/main.js');

/**
 * Starts a service that asks everybody for a token.
 * @param {readonly string[]} roles each gets a token
 * @returns {Promise<{url: string, tokens: Record<string, string>, stop: () => Promise<void>}>} tokens by role
 */
export async function startWeir(roles) {
  const home = temporaryDirectory('weir-clients-');
  const tokens = Object.fromEntries(roles.map((role) => [role, randomBytes(32).toString('base64url')]));
  const sha256 = (token) => createHash('sha256').update(token).digest('hex');
  const entries = roles.map((role) => ({ id: role, roles: [role], sha256: sha256(tokens[role]) }));
  // YAML reads JSON.
  writeFileSync(join(home.path, 'tokens.yaml'), JSON.stringify({ tokens: entries }));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = new ServiceProcess(process.execPath, [MAIN], {
    cwd: home.path,
    // Settings of whoever runs the tests are not for this one.
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      WEIR_HTTP_PORT: String(port),
      WEIR_DATA_DIR: join(home.path, 'data'),
      WEIR_AUTH_MODE: 'token',
      WEIR_AUTH_TOKENS_FILE: join(home.path, 'tokens.yaml'),
    },
    logFile: join(home.path, 'server.log'),
  });
  const stop = async () => {
    await server.stop();
    home.remove();
  };
  try {
    const isReady = () =>
      fetch(`${url}/readyz`).then(
        (response) => response.ok,
        () => false,
      );
    await server.untilReady(isReady, 60_000, 'Weir');
    return { url, tokens, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
