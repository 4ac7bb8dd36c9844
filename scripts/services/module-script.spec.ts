import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { moduleScript } from './module-script.mjs';

type Run = (load: (name: string) => Promise<unknown>, meta: object) => Promise<Record<string, unknown>>;

/** Runs the script of a module as the module beside it does. */
function exportsOf(code: string, meta: object = {}): Promise<Record<string, unknown>> {
  const run = new Script(moduleScript(code, 'one.script.js').script).runInThisContext() as Run;
  return run((name) => import(name), meta);
}

describe('a packed module as a script', () => {
  it('imports and exports under the same names, whole modules and defaults too', async () => {
    const code = [
      `import path, { join as joined, sep } from 'node:path';`,
      `import * as url from 'node:url';`,
      `import 'node:os';`,
      `const there = joined('a', 'b') === 'a' + sep + 'b' && path.join === joined && typeof url.URL === 'function';`,
      `function answer() { return there; }`,
      `export { answer as a, there };`,
    ].join('\n');
    const { a, there } = await exportsOf(code);
    expect(there).toBe(true);
    expect((a as () => boolean)()).toBe(true);
  });

  it('imports later what is imported later, and knows where it is', async () => {
    const code = `const later = await import('node:path'); const at = import.meta.url; export { at, later };`;
    const { at, later } = await exportsOf(code, { url: 'file:///here' });
    expect(at).toBe('file:///here');
    expect(later).toBe(await import('node:path'));
  });

  it('is as strict as a module', async () => {
    await expect(exportsOf('undeclared = 1;')).rejects.toThrow(ReferenceError);
  });

  it('is refused where something exported changes later', () => {
    const enumeration = 'var E; (function (E) { E[0] = 1; })(E || (E = {})); export { E };';
    expect(() => moduleScript(enumeration, 'one.script.js')).not.toThrow();
    const counter = 'let count = 0; function more() { count++; } export { count, more };';
    expect(() => moduleScript(counter, 'one.script.js')).toThrow('count is exported, and changes');
  });

  it('has a module that runs it and exports the same', async () => {
    const { module } = moduleScript('const a = 1; export { a as b };', 'one.script.js');
    const directory = await mkdtemp(join(tmpdir(), 'weir-module-'));
    try {
      await writeFile(join(directory, 'package.json'), '{"type":"module"}');
      await writeFile(join(directory, 'compiled-script.js'), 'export const run = (url) => ({ b: String(url) });');
      await writeFile(join(directory, 'one.js'), module);
      expect({ ...(await import(join(directory, 'one.js'))) }).toEqual({ b: `file://${directory}/one.script.js` });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
