/** Builds `dist/` when it is missing or older than any source, so that `npm start` and `npm run demo` work on a clean clone and start at once later. */
import { execSync } from 'node:child_process';
import { readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
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

/** @param {string} path @returns {number} newest modification below a path, in ms */
function newest(path) {
  const { mtimeMs } = statSync(path);
  if (!statSync(path).isDirectory()) return /\.(ts|json)$/.test(path) ? mtimeMs : 0;
  return Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name))));
}

const sources = Math.max(...SOURCES.map(newest));
const built = statSync(STAMP, { throwIfNoEntry: false })?.mtimeMs ?? 0;
if (built < sources) {
  const started = new Date();
  process.stderr.write('building …\n');
  execSync('npm run --silent build', { stdio: ['ignore', 'inherit', 'inherit'] });
  writeFileSync(STAMP, '');
  // Sources that changed during the build are newer than it.
  utimesSync(STAMP, started, started);
}
