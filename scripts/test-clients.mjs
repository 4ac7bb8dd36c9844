/**
 * Runs registry clients of other languages, unchanged, against a Weir started for each: `npm run test:clients [-- python|go]`. Their programs are in
 * `test/clients`; each tells what became of its promises in events as `go test -json` writes them.
 */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { goFor } from './services/go.mjs';
import { pythonWith } from './services/python.mjs';
import { runAgainst } from './services/suite.mjs';
import { TestEvents } from './services/test-events.mjs';
import { startWeir } from './services/weir.mjs';

const HOME = resolve('test/clients');

/** What a client of each language needs: its program, ready to run. */
const CLIENTS = {
  async python() {
    const cwd = join(HOME, 'python');
    const { python, version } = await pythonWith(join(cwd, 'requirements.txt'));
    const [, client] = /^(confluent-kafka\S*==\S+)/m.exec(readFileSync(join(cwd, 'requirements.txt'), 'utf8'));
    return { label: `${client} on Python ${version}`, command: python, args: ['-B', 'run.py'], cwd, env: {} };
  },
  async go() {
    const cwd = join(HOME, 'go');
    const { go, version, env } = await goFor(cwd);
    const [, client] = /(franz-go\/pkg\/sr \S+)/.exec(readFileSync(join(cwd, 'go.mod'), 'utf8'));
    return { label: `${client} on Go ${version}`, command: go, args: ['test', '-json', '-count=1', './...'], cwd, env };
  },
};

const names = process.argv.slice(2);
const unknown = names.filter((name) => !Object.hasOwn(CLIENTS, name));
if (unknown.length > 0) {
  console.error(`no such client: ${unknown.join(', ')}. Clients: ${Object.keys(CLIENTS).join(', ')}`);
  process.exit(2);
}

const sums = { passed: 0, failed: 0, ok: true };
for (const name of names.length > 0 ? names : Object.keys(CLIENTS)) {
  const events = new TestEvents();
  let ran = false;
  const code = await runAgainst({
    name,
    async start() {
      const program = await CLIENTS[name]();
      const { url, tokens, stop } = await startWeir(['admin', 'viewer']);
      const env = { ...program.env, WEIR_URL: url, WEIR_TOKEN: tokens.admin, WEIR_VIEWER_TOKEN: tokens.viewer };
      ran = true;
      return { ...program, env, stop };
    },
    onLine: (line) => events.take(line),
  });
  sums.ok &&= code === 0;
  if (!ran) continue;
  const { lines, passed, failed } = events.summary(code);
  for (const line of lines) console.log(line);
  sums.passed += passed;
  sums.failed += failed;
}
console.log(`\n${sums.passed} passed, ${sums.failed} failed`);
process.exitCode = sums.ok ? 0 : 1;
