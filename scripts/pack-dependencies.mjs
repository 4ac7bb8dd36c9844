/**
 * Packs the packages that consist of hundreds of small modules into a few files below `dist/node_modules`, where the built code finds them before the installed
 * ones. Loading modules is nearly all of a start, and these packages are most of the modules: packed, a start takes 70 % of the processor time.
 *
 * Nothing depends on it: without `dist/node_modules` the same code runs on the installed packages. Packed again when a version changes, or what the code imports.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const PACKED = [
  '@bufbuild/protobuf',
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/platform-fastify',
  'fastify',
  'prom-client',
  'zod',
];

/** Stay as they are installed: one instance for everybody, files of their own that they start as workers, or not installed (Nest's optional parts). */
const LEFT = [
  /^node:/,
  'reflect-metadata',
  'pino',
  /^@nestjs\/(microservices|websockets|platform-express)/,
  /^@fastify\/(multipart|static|view)$/,
  /^class-(transformer|validator)/,
];

/** How the entries of the pack are called while it is made. */
const ENTRY = /^packed:/;

const TARGET = 'dist/node_modules';
const STAMP = join(TARGET, 'packed.json');

const entries = [...new Set(['dist/apps', 'dist/libs'].flatMap(importsBelow))].filter((one) => packageOf(one)).sort();
const versions = Object.fromEntries(
  PACKED.map((name) => [name, readJson(`node_modules/${name}/package.json`).version]),
);
const wanted = JSON.stringify({ versions, entries }, null, 2);
if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== wanted) {
  rmSync(TARGET, { recursive: true, force: true });
  await pack();
  for (const name of PACKED) writeManifest(name);
  // Last: a pack that was cut short is made again.
  writeFileSync(STAMP, wanted);
}

/** What the built code imports: `fastify`, `@bufbuild/protobuf/wire`. */
function importsBelow(directory) {
  return readdirSync(directory, { recursive: true })
    .filter((name) => name.endsWith('.js'))
    .flatMap((name) => {
      const code = readFileSync(join(directory, name), 'utf8');
      return [...code.matchAll(/\b(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, specifier]) => specifier);
    });
}

/** The packed package a specifier belongs to. */
function packageOf(specifier) {
  return PACKED.find((name) => specifier === name || specifier.startsWith(`${name}/`));
}

async function pack() {
  const bundle = await rolldown({
    input: Object.fromEntries(entries.map((specifier) => [specifier, `packed:${specifier}`])),
    platform: 'node',
    external: LEFT,
    preserveEntrySignatures: 'strict',
    plugins: [
      {
        name: 'entries',
        resolveId: { filter: { id: ENTRY }, handler: (id) => id },
        load: { filter: { id: ENTRY }, handler: entryOf },
      },
    ],
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
  const specifier = id.replace(ENTRY, '');
  const names = Object.keys(await import(specifier)).filter((one) => /^[\w$]+$/.test(one));
  return `export { ${names.join(', ')} } from '${specifier}';`;
}

function writeManifest(name) {
  const own = entries.filter((specifier) => packageOf(specifier) === name).map((one) => one.slice(name.length));
  const exports = Object.fromEntries(own.map((path) => [`.${path}`, `.${path}/index.js`]));
  mkdirSync(join(TARGET, name), { recursive: true });
  writeFileSync(join(TARGET, name, 'package.json'), JSON.stringify({ name, type: 'module', exports }, null, 2));
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
