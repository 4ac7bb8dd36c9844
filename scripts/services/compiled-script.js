/** Runs scripts of the packed service, with what Node compiled of them when they were packed. Another release of Node does not take that, and compiles them itself. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

/** Where `compile-service.mjs` keeps the scripts that were run. */
const KEPT = Symbol.for('weir.scripts');

/**
 * @param {URL} url of the script
 * @param {(name: string) => Promise<object>} load imports for it
 * @param {ImportMeta} meta of the module it stands for
 * @returns {Promise<object>} what it exports
 */
export function run(url, load, meta) {
  const filename = fileURLToPath(url);
  const script = new Script(readFileSync(filename, 'utf8'), { filename, cachedData: compiled(`${filename}.compiled`) });
  globalThis[KEPT]?.set(filename, script);
  return script.runInThisContext()(load, meta);
}

function compiled(path) {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
