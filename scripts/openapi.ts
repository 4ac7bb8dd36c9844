/**
 * Writes openapi/openapi.json from the routes of a service that is really put together (in a temporary directory, without listening to anybody else).
 *
 *   npm run openapi             write it
 *   npm run openapi -- --check  fail when the committed file is not what the code says, byte for byte
 */
import 'reflect-metadata';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { documentText } from '../apps/server/document-route.js';
import { startService } from '../apps/server/service.js';
import { productVersion } from '../apps/server/version.js';
import { readConfig } from '#libs/platform/config';
import { createLogger, SystemClock } from '#libs/platform/observability';

const FILE = resolve('openapi/openapi.json');

const directory = await mkdtemp(join(tmpdir(), 'weir-openapi-'));
const made = await currentDocument(directory);
await rm(directory, { recursive: true, force: true });

if (process.argv.includes('--check')) {
  const committed = await readFile(FILE, 'utf8').catch(() => '');
  if (committed === made) {
    console.log('openapi/openapi.json is what the code says');
  } else {
    console.error(
      `openapi/openapi.json is not what the code says: ${firstDifference(committed, made)}\nRun: npm run openapi`,
    );
    process.exitCode = 1;
  }
} else {
  await writeFile(FILE, made);
  console.log(`openapi/openapi.json: ${Object.keys((JSON.parse(made) as { paths: object }).paths).length} paths`);
}

async function currentDocument(cwd: string): Promise<string> {
  const version = productVersion();
  const service = await startService({
    config: readConfig({
      env: { WEIR_HTTP_PORT: '0', WEIR_LOGGING_LEVEL: 'error', WEIR_DATA_DIR: join(cwd, 'data') },
      cwd,
    }),
    clock: new SystemClock(),
    logger: createLogger({ level: 'error', format: 'json' }),
    version,
  });
  try {
    return documentText(service.app.routes, version);
  } finally {
    await service.stop();
  }
}

function firstDifference(committed: string, made: string): string {
  const [old, now] = [committed.split('\n'), made.split('\n')];
  const line = now.findIndex((text, index) => text !== old[index]);
  if (line < 0) return `line ${now.length} and what follows is too much`;
  return `line ${line + 1} should be\n  ${now[line]}\nand is\n  ${old[line] ?? '(the end)'}`;
}
