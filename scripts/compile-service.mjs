/**
 * Keeps what Node compiles of the packed service until it is ready and has answered some requests: `node scripts/compile-service.mjs DIRECTORY`, that of the packed service. It runs in this process,
 * on data that go with it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import { freePort, temporaryDirectory } from './services/service-process.mjs';

const REQUESTS = [
  ['GET', '/readyz'],
  ['POST', '/v1/topics', { name: 'numbers', partitions: 1 }],
  ['POST', '/v1/topics/numbers/records', { records: [{ key: 'a', value: { n: 1 } }] }],
  ['GET', '/v1/topics/numbers/records?from=start'],
  ['POST', '/subjects/numbers-value/versions', { schema: '{"type":"record","name":"N","fields":[]}' }],
  ['GET', '/subjects/numbers-value/versions/latest'],
  ['GET', '/metrics'],
];

const directory = resolve(process.argv[2]);
// What it is told is for this script alone.
process.argv.splice(2);
const home = temporaryDirectory('weir-compile-');
const port = await freePort();
for (const name of Object.keys(process.env)) if (name.startsWith('WEIR_')) delete process.env[name];
process.env.WEIR_HTTP_PORT = String(port);
process.env.WEIR_DATA_DIR = `${home.path}/data`;
process.env.WEIR_STORAGE_BALLAST_BYTES = '0';

/** @type {Map<string, import('node:vm').Script>} */
const scripts = new Map();
globalThis[Symbol.for('weir.scripts')] = scripts;
await import(String(pathToFileURL(`${directory}/main.js`)));
for (const [method, path, body] of REQUESTS) {
  const sent = body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, ...sent });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status} ${text}`);
}
// The service creates what is for its owner alone; this is for whoever may run it.
process.umask(0o022);
for (const [filename, script] of scripts) {
  const cachedData = script.createCachedData();
  const { cachedDataRejected } = new Script(readFileSync(filename, 'utf8'), { filename, cachedData });
  if (cachedDataRejected !== false) throw new Error(`Node does not take what it compiled of ${filename}`);
  writeFileSync(`${filename}.compiled`, cachedData);
}
home.remove();
process.exit(0);
