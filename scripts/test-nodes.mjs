/**
 * Runs a part of the tests on the release lines of Node that are supported besides the one at work: `npm run test:nodes [-- vitest filters]`.
 * With `--prepare` it only fetches them and compiles what they need, for a later run.
 *
 * The binaries come as npm packages into `.cache/nodes/<version>`. Beside each lies a copy of the project (hard links), because the SQLite driver is a
 * native module that fits one release line: it is fetched or compiled there once, and kept.
 */
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { firstLine, run, ServiceUnavailable } from './services/service-process.mjs';
import { notRun } from './services/suite.mjs';

/** The newest of each line when this was written. */
const VERSIONS = ['20.20.2', '22.23.5', '24.22.3'];
/** What a release of Node can break: native modules, files, timers, a whole process. */
const TESTS = ['libs/adapters/store-sql', 'libs/adapters/log-embedded/embedded-log', 'test/server-process'];
/** What only the language could break, which is why the ends of the range answer for what lies between them. */
const LANGUAGE_TESTS = ['libs/core'];

const CACHE = resolve('.cache/nodes');
const LEFT_OUT = new Set(['.git', '.cache', 'data', 'node_modules']);

const onlyPrepare = process.argv.includes('--prepare');
const filters = process.argv.slice(2).filter((argument) => argument !== '--prepare');
const others = VERSIONS.filter((version) => lineOf(version) !== lineOf(process.versions.node));
const prepared = await Promise.allSettled(others.map(prepare));
const sums = { passed: 0, failed: 0, ok: true };
for (const [i, version] of others.entries()) {
  const { reason, value: copy } = prepared[i];
  if (copy === undefined) {
    const code = notRun(`node ${version}`, reason);
    sums.ok &&= code === 0;
    continue;
  }
  console.log(`node ${version}`);
  if (onlyPrepare) {
    sums.passed++;
    continue;
  }
  const isEnd = version === VERSIONS[0] || version === VERSIONS.at(-1);
  const { code, passed, failed } = await test(copy, isEnd ? [...TESTS, ...LANGUAGE_TESTS] : TESTS);
  sums.passed += passed;
  sums.failed += failed;
  sums.ok &&= code === 0;
}
console.log(`\n${sums.passed} passed, ${sums.failed} failed`);
process.exitCode = sums.ok ? 0 : 1;

/** A copy of the project that runs on a version of Node. @returns {Promise<{directory: string, env: Record<string, string>, node: string}>} */
async function prepare(version) {
  const home = join(CACHE, version);
  const nodeHome = await fetchNode(home, version);
  const bin = join(nodeHome, 'bin');
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}`, npm_config_nodedir: nodeHome };
  const directory = join(home, 'project');
  await copyProject(directory);
  await provideDriver(join(directory, 'node_modules/better-sqlite3'), home, { cwd: directory, env });
  return { directory, env, node: join(bin, 'node') };
}

/** The directory of a Node release: `bin/` and `include/`. */
async function fetchNode(home, version) {
  const name = `node-${process.platform}-${process.arch}`;
  const nodeHome = join(home, 'node_modules', name);
  mkdirSync(home, { recursive: true });
  if (existsSync(join(nodeHome, 'bin/node'))) return nodeHome;
  const install = ['install', '--no-save', '--no-package-lock', '--ignore-scripts', '--prefix', home];
  await run('npm', [...install, `${name}@${version}`], { cwd: home }).catch((cause) => {
    throw new ServiceUnavailable(`the package ${name}@${version} cannot be had: ${firstLine(cause)}`, { cause });
  });
  return nodeHome;
}

async function copyProject(directory) {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  // What prepares only may run beside a build, and needs no more than the packages.
  const entries = onlyPrepare ? ['package.json'] : readdirSync('.').filter((name) => !LEFT_OUT.has(name));
  await run('cp', ['-al', ...entries.map((name) => resolve(name)), directory]);
  // Caches of tools, which others may be writing, begin with a dot.
  const packages = realpathSync('node_modules');
  const names = readdirSync(packages).filter((name) => name === '.bin' || !name.startsWith('.'));
  mkdirSync(join(directory, 'node_modules'));
  await run('cp', ['-al', ...names.map((name) => join(packages, name)), join(directory, 'node_modules')]);
}

/** Puts the native module of a release line in the place of the installed one, which is never written to: it shares its bytes with the project's. */
async function provideDriver(driver, home, options) {
  const { version } = JSON.parse(readFileSync(join(driver, 'package.json'), 'utf8'));
  const kept = join(home, `better-sqlite3-${version}.node`);
  const release = join(driver, 'build/Release');
  rmSync(join(driver, 'build'), { recursive: true, force: true });
  if (!existsSync(kept)) {
    // Where it is compiled: whether it fits a release of Node does not depend on how it is optimised, which takes a minute.
    const env = { ...options.env, CFLAGS: '-O1', CXXFLAGS: '-O1' };
    await run('npm', ['rebuild', 'better-sqlite3'], { ...options, env }).catch((cause) => {
      throw new ServiceUnavailable(`better-sqlite3 can neither be fetched nor compiled: ${firstLine(cause)}`, {
        cause,
      });
    });
    copyFileSync(join(release, 'better_sqlite3.node'), `${kept}.new`);
    renameSync(`${kept}.new`, kept);
  }
  mkdirSync(release, { recursive: true });
  copyFileSync(kept, join(release, 'better_sqlite3.node'));
}

/** @returns {Promise<{code: number, passed: number, failed: number}>} */
function test({ directory, env, node }, tests) {
  const vitest = join(directory, 'node_modules/vitest/vitest.mjs');
  const args = ['run', '--project', 'unit', '--project', 'process', ...(filters.length > 0 ? filters : tests)];
  return new Promise((resolveRun, reject) => {
    const child = spawn(node, [vitest, ...args], { cwd: directory, env, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk) => {
      process.stdout.write(chunk);
      output += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      const [, passed = 0, failed = 0] = [...output.matchAll(/^(\d+) passed, (\d+) failed/gm)].at(-1) ?? [];
      resolveRun({ code: code ?? 1, passed: Number(passed), failed: Number(failed) });
    });
  });
}

function lineOf(version) {
  return version.split('.')[0];
}
