/**
 * A PostgreSQL server of its own for tests: found on this machine or installed from Debian's package, on a new data directory, on loopback.
 */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import {
  findCommand,
  freePort,
  installDebian,
  run,
  ServiceProcess,
  ServiceUnavailable,
  temporaryDirectory,
} from './service-process.mjs';

/** Where Debian puts the programs of each major version. */
const DEBIAN = '/usr/lib/postgresql';
/** What Debian's package makes of a new installation. */
const CREATE_CLUSTER = '/etc/postgresql-common/createcluster.conf';

/**
 * The directory of `initdb` and `postgres`, the newest there is.
 * @returns {string | undefined}
 */
function findPrograms() {
  const majors = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const onPath = findCommand('initdb');
  return [
    ...majors.map((major) => join(DEBIAN, major, 'bin')),
    ...(onPath === undefined ? [] : [dirname(onPath)]),
  ].find((bin) => existsSync(join(bin, 'initdb')) && existsSync(join(bin, 'postgres')));
}

/** Installs the programs alone: left to itself, Debian's package would also set up a server on the usual port and start it with the machine. */
async function installPrograms() {
  await installDebian(['postgresql-common'], 'PostgreSQL');
  const before = readFileSync(CREATE_CLUSTER);
  try {
    appendFileSync(CREATE_CLUSTER, '\ncreate_main_cluster = false\n');
    await installDebian(['postgresql'], 'PostgreSQL');
  } finally {
    writeFileSync(CREATE_CLUSTER, before);
  }
}

/**
 * The user the server runs as: postgres refuses root.
 * @returns {{uid?: number, gid?: number}} nothing to change when this process is not root
 */
function unprivileged() {
  if (process.getuid?.() !== 0) return {};
  for (const user of ['postgres', 'nobody']) {
    try {
      const id = (flag) =>
        Number(execFileSync('id', [flag, user], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: id('-u'), gid: id('-g') };
    } catch {
      // No such user on this machine: the next one.
    }
  }
  throw new ServiceUnavailable('PostgreSQL refuses to run as root, and there is no user postgres or nobody');
}

/**
 * Starts a server with one superuser `weir`, gone after `stop`.
 * @param {object} [options]
 * @param {boolean} [options.durable] every commit is flushed to the device; tests do without
 * @returns {Promise<{url: string, version: string, stop: () => Promise<void>}>}
 * @throws {ServiceUnavailable} when there is no PostgreSQL and none can be installed
 */
export async function startPostgres({ durable = false } = {}) {
  if (findPrograms() === undefined) await installPrograms();
  const bin = findPrograms();
  if (bin === undefined) throw new ServiceUnavailable(`PostgreSQL has no initdb below ${DEBIAN} nor on the path`);

  const home = temporaryDirectory('weir-postgres-');
  const user = unprivileged();
  const [data, sockets, logFile] = [join(home.path, 'data'), join(home.path, 'sockets'), join(home.path, 'server.log')];
  mkdirSync(sockets);
  writeFileSync(logFile, '');
  chmodSync(home.path, 0o755);
  if (user.uid !== undefined) for (const path of [home.path, sockets]) chownSync(path, user.uid, user.gid);
  let server;
  try {
    const options = { ...user, cwd: home.path };
    await run(
      join(bin, 'initdb'),
      ['-D', data, '-U', 'weir', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
      options,
    );
    const port = await freePort();
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: sockets,
      port: String(port),
      max_connections: '200',
      ...(durable ? {} : { fsync: 'off', full_page_writes: 'off' }),
    };
    const args = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    server = new ServiceProcess(join(bin, 'postgres'), ['-D', data, ...args], { ...options, logFile });
    const isReady = () =>
      run(join(bin, 'pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(port)]).then(
        () => true,
        () => false,
      );
    await server.untilReady(isReady, 120_000, 'PostgreSQL');
    const version = (await run(join(bin, 'postgres'), ['--version'])).trim();
    return {
      url: `postgres://weir@127.0.0.1:${port}/postgres`,
      version,
      async stop() {
        await server.stop('SIGINT');
        home.remove();
      },
    };
  } catch (error) {
    await server?.kill();
    home.remove();
    throw error;
  }
}
