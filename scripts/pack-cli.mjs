/**
 * Packs the command `weir` into `dist/cli`: a package of its own without dependencies, native add-ons and install scripts. What a command does not need is in files that it does not load.
 * With `--tarball` also `dist/weir-cli-<version>.tgz`.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, copyFile, rm, writeFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { rolldown } from 'rolldown';

const TARGET = 'dist/cli';
const { version, license, engines } = JSON.parse(readFileSync('package.json', 'utf8'));

const bundle = await rolldown({
  input: { weir: 'dist/apps/cli/main.js' },
  platform: 'node',
  external: (specifier) => specifier.startsWith('node:') || builtinModules.includes(specifier),
});
try {
  await rm(TARGET, { recursive: true, force: true });
  await bundle.write({ dir: TARGET, format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' });
} finally {
  await bundle.close();
}
const manifest = {
  name: 'weir-cli',
  version,
  description:
    'The command line of Weir: schemas checked, planned and applied; long changes of topics watched and steered.',
  license,
  type: 'module',
  bin: { weir: 'weir.js' },
  files: ['*.js'],
  engines,
};
await writeFile(`${TARGET}/package.json`, `${JSON.stringify(manifest, null, 2)}\n`);
await copyFile('LICENSE', `${TARGET}/LICENSE`);
await copyFile('apps/cli/README.md', `${TARGET}/README.md`);
await chmod(`${TARGET}/weir.js`, 0o755);
if (process.argv.includes('--tarball'))
  execFileSync('npm', ['pack', '--pack-destination', '..', '--silent'], { cwd: TARGET, stdio: 'inherit' });
