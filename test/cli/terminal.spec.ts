import { spawn, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { serverForSuite } from '#libs/platform/testing';
import { dataOf, weir } from './weir-process.js';

/** A pseudo-terminal is made by util-linux's `script`. */
const HAS_SCRIPT = spawnSync('script', ['--version'], { stdio: 'ignore' }).status === 0;
const PACKED = resolve(import.meta.dirname, '../../dist/cli/weir.js');

describe('on a terminal', () => {
  if (!HAS_SCRIPT) {
    it('SUITE NOT RUN: script (util-linux) is not installed', () => {
      expect(process.env['WEIR_REQUIRE_SERVICES']).not.toBe('1');
    });
    return;
  }
  const server = serverForSuite();
  const run = (args: readonly string[], stdin = ''): ReturnType<typeof weir> =>
    weir(args, { env: { WEIR_URL: server().url }, stdin });

  it('progress is one line that is repainted, and Ctrl-C detaches, telling how to follow and to cancel', async () => {
    await run(['topic', 'create', 'p']);
    await run(['topic', 'produce', 'p'], '{"key": "a", "value": 1}\n');
    const started = await run([
      'topic',
      'repartition',
      'p',
      '--partitions',
      '2',
      '--no-cutover',
      '--yes',
      '-o',
      'json',
    ]);
    const { id } = dataOf<{ id: string }>(started);
    const terminal = spawn('script', ['-qfec', `${process.execPath} ${PACKED} op watch ${id}`, '/dev/null'], {
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', WEIR_URL: server().url },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let shown = '';
    let isAsked = false;
    terminal.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
      if (isAsked || !shown.includes('waiting for you')) return;
      isAsked = true;
      terminal.stdin.write('\u0003');
    });
    const code = await new Promise((done) => terminal.on('close', done));
    expect(code).toBe(130);
    // Every line of progress begins at the start of the same line and clears what is behind it.
    const progress = shown.slice(0, shown.indexOf('Detached'));
    expect(progress.trimEnd().split('\n')).toHaveLength(1);
    expect(progress).toContain('\u001b[K');
    expect(shown).toContain(`weir op watch ${id}`);
    expect(shown).toContain(`weir op cancel ${id}`);
    expect(dataOf<{ state: string }>(await run(['op', 'get', id, '-o', 'json'])).state).toBe('READY');
    expect((await run(['op', 'cancel', id, '--yes'])).code).toBe(0);
  });
});
