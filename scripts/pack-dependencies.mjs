/**
 * Packs the packages that consist of hundreds of small modules into a few files below `dist/node_modules`, where the built code finds them before the installed
 * ones. Loading modules is nearly all of a start, and these packages are two thirds of the modules: packed, a start takes 60 % of the processor time.
 *
 * Nothing depends on it: without `dist/node_modules` the same code runs on the installed packages. Packed again when one of the versions changes.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const PACKED = ['@nestjs/common', '@nestjs/core', '@nestjs/platform-fastify', 'fastify', 'prom-client', 'zod'];

/** Stay as they are installed: one instance for everybody, files of their own that they start as workers, or not installed (Nest's optional parts). */
const LEFT = [
  /^node:/,
  'reflect-metadata',
  'pino',
  /^@nestjs\/(microservices|websockets|platform-express)/,
  /^@fastify\/(multipart|static|view)$/,
  /^class-(transformer|validator)/,
];

const TARGET = 'dist/node_modules';
const STAMP = join(TARGET, 'packed.json');

const versions = JSON.stringify(
  Object.fromEntries(PACKED.map((name) => [name, readJson(`node_modules/${name}/package.json`).version])),
);
if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== versions) {
  rmSync(TARGET, { recursive: true, force: true });
  await pack();
  for (const name of PACKED) {
    mkdirSync(join(TARGET, name), { recursive: true });
    writeFileSync(
      join(TARGET, name, 'package.json'),
      JSON.stringify({ name, type: 'module', exports: './index.js' }, null, 2),
    );
  }
  // Last: a pack that was cut short is made again.
  writeFileSync(STAMP, versions);
}

async function pack() {
  const bundle = await rolldown({
    input: Object.fromEntries(PACKED.map((name) => [name, `packed:${name}`])),
    platform: 'node',
    external: LEFT,
    preserveEntrySignatures: 'strict',
    plugins: [{ name: 'entries', resolveId: (id) => (id.startsWith('packed:') ? id : null), load: entryOf }],
  });
  try {
    await bundle.write({
      dir: TARGET,
      format: 'esm',
      entryFileNames: '[name]/index.js',
      chunkFileNames: 'chunks/[name]-[hash].js',
    });
  } finally {
    await bundle.close();
  }
}

/** Exports by name what Node says the package does, since a CommonJS package does not tell. */
async function entryOf(id) {
  if (!id.startsWith('packed:')) return null;
  const name = id.slice('packed:'.length);
  const names = Object.keys(await import(name)).filter((one) => /^[\w$]+$/.test(one));
  return `export { ${names.join(', ')} } from '${name}';`;
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
