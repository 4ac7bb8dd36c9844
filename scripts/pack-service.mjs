/**
 * Packs the service into a few files in `dist/service`, which is what `npm start` runs: loading 600 modules one by one was half of a start. The large ones of
 * them are scripts, with a module each that runs it (`services/module-script.mjs`), beside which lies what Node compiles of them (`compile-service.mjs`): that was a third of the rest.
 *
 * `main.js` is the service, `thread.js` the schema worker, `transform-thread.js` the worker for transforms and `compaction-worker.js` the compaction it starts, `database-check-thread.js` looks at the database of a backup, `sqlite-thread.js` reads and writes the tables of views, `sqlite-sql-process.js` runs a statement of a user in a process of its own; what is imported when first needed stays in files of its own. Packed with them are the packages
 * that consist of many small modules. `dist/apps/server/main.js` runs the same code unpacked (`npm run dev`).
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join, resolve as absolute } from 'node:path';
import { rolldown } from 'rolldown';
import { moduleScript } from './services/module-script.mjs';

const PACKED = [
  '@bufbuild/cel',
  '@bufbuild/cel-spec',
  '@bufbuild/protobuf',
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/platform-fastify',
  'fastify',
  'prom-client',
  're2js',
  'rxjs',
  'zod',
];

/** Parts of the packed packages that stay as they are installed: one instance for everybody, or not installed at all (Nest's optional parts). */
const LEFT = [
  'reflect-metadata',
  'pino',
  /^@nestjs\/(microservices|websockets|platform-express)/,
  /^@fastify\/(multipart|static|view)$/,
  /^class-(transformer|validator)/,
];

const TARGET = 'dist/service';
/** Modules of this size take long to compile. */
const LARGE_BYTES = 200_000;

/** What shares most of its code with the service. */
const TOGETHER = {
  main: 'dist/apps/server/main.js',
  thread: 'dist/libs/adapters/schema-workers/thread.js',
  'database-check-thread': 'dist/libs/adapters/store-sql/database-check-thread.js',
  'compaction-worker': 'dist/libs/adapters/log-embedded/compaction-worker.js',
  'transform-thread': 'dist/libs/adapters/transform-workers/transform-thread.js',
};

/** What needs little of it: packed by itself, without what it does not use, it begins in a tenth of the time and of the memory. */
const ALONE = {
  'sqlite-thread': 'dist/libs/adapters/views-sql/sqlite-thread.js',
  'sqlite-sql-process': 'dist/libs/adapters/views-sql/sqlite-sql-process.js',
};

await rm(TARGET, { recursive: true, force: true });
await pack({ input: TOGETHER });
for (const name of readdirSync(TARGET)) {
  const code = readFileSync(join(TARGET, name), 'utf8');
  if (code.length < LARGE_BYTES) continue;
  const script = name.replace(/\.js$/, '.script.js');
  const parts = moduleScript(code, script);
  writeFileSync(join(TARGET, script), parts.script);
  writeFileSync(join(TARGET, name), parts.module);
}
copyFileSync('scripts/services/compiled-script.js', join(TARGET, 'compiled-script.js'));
for (const [name, path] of Object.entries(ALONE)) {
  // Our modules do nothing when they are loaded: what is not used of them need not be.
  const moduleSideEffects = (/** @type {string} */ id) => !id.includes('/dist/libs/');
  await pack({ input: { [name]: path }, treeshake: { moduleSideEffects } });
}
// In a process of its own, of which nothing stays.
execFileSync(process.execPath, ['scripts/compile-service.mjs', TARGET], { stdio: ['ignore', 'ignore', 'inherit'] });

/** @param {import('rolldown').InputOptions} options */
async function pack(options) {
  // Of its modules little is left; what `require` gets of it is all in one.
  const resolve = { alias: { rxjs: absolute('node_modules/rxjs/dist/esm/index.js') } };
  const bundle = await rolldown({
    platform: 'node',
    external: isLeft,
    preserveEntrySignatures: 'strict',
    resolve,
    ...options,
  });
  try {
    // Flat: the service finds its worker beside itself, packed or not. Not with `keepNames`: it costs each closure a definition of its name, a third of a quick request.
    await bundle.write({ dir: TARGET, format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' });
  } finally {
    await bundle.close();
  }
}

/** @param {string} specifier @param {string | undefined} importer */
function isLeft(specifier, importer) {
  if (/^[./#]/.test(specifier)) return false;
  if (importer?.includes('/node_modules/'))
    return LEFT.some((one) => (one.test ? one.test(specifier) : one === specifier));
  return !PACKED.some((name) => specifier === name || specifier.startsWith(`${name}/`));
}
