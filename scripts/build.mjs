/**
 * Builds `dist/`: compiles every file, then packs the service and the command line. With `--if-needed` only when `dist/` is missing or older than any source, so that `npm start` and
 * `npm run demo` work on a clean clone and start at once later.
 */
import { execSync } from 'node:child_process';
import { readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SOURCES = [
  'apps',
  'libs',
  'migrations',
  'bench',
  'scripts',
  'tsconfig.json',
  'tsconfig.build.json',
  'package.json',
  'package-lock.json',
];
const STAMP = 'dist/.built';

if (!process.argv.includes('--if-needed')) build();
else if (lastBuilt() < Math.max(...SOURCES.map(newest))) {
  process.stderr.write('building …\n');
  build();
}

function build() {
  const started = new Date();
  // A build that fails half way is not taken for one.
  rmSync(STAMP, { force: true });
  for (const step of [
    'node node_modules/typescript-native/bin/tsc -p tsconfig.build.json',
    'node scripts/pack-service.mjs',
    'node scripts/pack-cli.mjs',
  ]) {
    execSync(step, { stdio: ['ignore', 'inherit', 'inherit'] });
  }
  writeFileSync(STAMP, '');
  // Sources that changed during the build are newer than it.
  utimesSync(STAMP, started, started);
}

function lastBuilt() {
  return statSync(STAMP, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** @param {string} path @returns {number} newest modification below a path, in ms */
function newest(path) {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return /\.(ts|mjs|json)$/.test(path) ? mtimeMs : 0;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}
