/** Go with the modules of a program for tests: the toolchain of this machine or Debian's, modules and builds below `.cache/go`. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findCommand, firstLine, installDebian, run, ServiceUnavailable } from './service-process.mjs';

const CACHE = resolve('.cache/go');

/**
 * What runs a module whose dependencies are those of its `go.sum`, all of them there. The toolchain is never replaced by another one.
 * @param {string} directory of the module
 * @returns {Promise<{go: string, version: string, env: Record<string, string>}>}
 * @throws {ServiceUnavailable} when there is no Go, an older one than the module needs, or its dependencies cannot be had
 */
export async function goFor(directory) {
  if (findCommand('go') === undefined) await installDebian(['golang-go'], 'the Go client');
  const go = findCommand('go');
  const env = {
    GOTOOLCHAIN: 'local',
    GOMODCACHE: join(CACHE, 'modules'),
    GOCACHE: join(CACHE, 'builds'),
    GOFLAGS: '-mod=readonly -modcacherw -buildvcs=false',
    GOWORK: 'off',
    CGO_ENABLED: '0',
  };
  const options = { cwd: directory, env: { ...process.env, ...env } };
  const version = (await run(go, ['env', 'GOVERSION'], options)).trim().replace(/^go/, '');
  const needed = /^go (\S+)$/m.exec(readFileSync(join(directory, 'go.mod'), 'utf8'))[1];
  if (isOlder(version, needed))
    throw new ServiceUnavailable(`the Go client needs Go ${needed} or later; ${go} is ${version}`);
  await run(go, ['mod', 'download'], options).catch((cause) => {
    throw new ServiceUnavailable(`the modules of ${directory} cannot be had: ${firstLine(cause)}`, { cause });
  });
  return { go, version, env };
}

function isOlder(version, needed) {
  const [major, minor] = version.split('.').map(Number);
  const [neededMajor, neededMinor] = needed.split('.').map(Number);
  return major < neededMajor || (major === neededMajor && minor < neededMinor);
}
