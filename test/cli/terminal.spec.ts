import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deferred } from '#libs/core/kernel';
import { serverForSuite, temporaryDirectory } from '#libs/platform/testing';
import { dataOf, weir } from './weir-process.js';

/** A pseudo-terminal is made by util-linux's `script`. */
const HAS_SCRIPT = spawnSync('script', ['--version'], { stdio: 'ignore' }).status === 0;
const PACKED = resolve(import.meta.dirname, '../../dist/cli/weir.js');

/** An operation as a service tells of it. */
const operation = (more: object): string =>
  JSON.stringify({
    ...{ id: 'op_1', kind: 'repartition', subject: 'topic:local/t', reason: null, nextAction: null },
    ...{ commands: [], planHash: 'ab', createdBy: 'me', createdAt: '', endedAt: null },
    ...{ progress: null, throttle: { active: false, reason: null, since: null }, lastError: null },
    ...{ cutover: { ready: false, mode: 'manual', blockers: [] }, rollback: { available: false, until: null } },
    ...more,
  });

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

  /** A command on a terminal, and what it has shown so far; `typed` is typed once `when` has been shown, or is fulfilled. */
  const onTerminal = async (
    command: string,
    { typed, when, env = {} }: { typed: string; when: string | Promise<void>; env?: Record<string, string> },
  ): Promise<{ code: number | null; shown: string }> => {
    const terminal = spawn('script', ['-qfec', `${process.execPath} ${PACKED} ${command}`, '/dev/null'], {
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', WEIR_URL: server().url, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let shown = '';
    let isTyped = false;
    terminal.stdout.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
      if (isTyped || typeof when !== 'string' || !shown.includes(when)) return;
      isTyped = true;
      terminal.stdin.write(typed);
    });
    if (typeof when !== 'string') void when.then(() => terminal.stdin.write(typed));
    const code = await new Promise<number | null>((done) => terminal.on('close', done));
    return { code, shown };
  };

  it('a token that is typed is not shown, and is kept; a yes that is typed is shown', async () => {
    const directory = await temporaryDirectory();
    try {
      const env = { XDG_CONFIG_HOME: directory.path };
      expect((await weir(['context', 'set', 'here', '--url', server().url], { env })).code).toBe(0);
      const login = await onTerminal('login', { typed: 'sesam-oeffne-dich\r', when: 'not shown', env });
      expect([login.code, login.shown]).toEqual([0, expect.not.stringContaining('sesam')]);
      expect(readFileSync(`${directory.path}/weir/tokens/here`, 'utf8').trim()).toBe('sesam-oeffne-dich');
      const given = await onTerminal('login', { typed: '\u0003', when: 'not shown', env });
      expect(given.code).toBe(130);
      // Negative control: what may be seen is seen.
      await run(['topic', 'create', 'gone']);
      const asked = await onTerminal('topic delete gone', { typed: 'yes\r', when: 'Type yes' });
      expect([asked.code, asked.shown]).toEqual([0, expect.stringContaining('yes\r\n')]);
    } finally {
      await directory.remove();
    }
  });

  it('Ctrl-C detaches at once also from a service that has stopped to answer', async () => {
    const waiting = operation({ state: 'READY', phase: 'READY', nextAction: 'cutover' });
    let asked = 0;
    const hung = deferred<void>();
    const silent = createServer((request, response) => {
      if (request.url!.includes('/plans/')) return void response.writeHead(404).end('{}');
      if (request.url!.endsWith('/events')) return void response.destroy();
      // Answered once; from then on whoever asks waits.
      if (asked++ === 0) response.setHeader('content-type', 'application/json').end(waiting);
      else hung.resolve();
    });
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
    try {
      const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
      const began = performance.now();
      const { code, shown } = await onTerminal(`op watch op_1 -s ${url}`, { typed: '\u0003', when: hung.promise });
      expect([code, shown.split('Detached').length]).toEqual([130, 2]);
      // The answer would be waited for half a minute.
      expect(performance.now() - began).toBeLessThan(20_000);
    } finally {
      silent.closeAllConnections();
      silent.close();
    }
  });

  /** A service whose operation sends more events than a pipe takes that nobody reads. */
  const talkative = async (): Promise<{ url: string; close: () => void }> => {
    const status = operation({ state: 'COPYING', phase: 'COPYING' });
    const event = `id: 1\nevent: noted\ndata: ${JSON.stringify({ text: 'x'.repeat(200_000) })}\n\n`;
    const service = createServer((request, response) => {
      if (request.url!.includes('/plans/')) return void response.writeHead(404).end('{}');
      if (!request.url!.endsWith('/events')) return void response.end(status);
      response.setHeader('content-type', 'text/event-stream').write(event.repeat(3));
    });
    await new Promise<void>((done) => service.listen(0, '127.0.0.1', done));
    return {
      url: `http://127.0.0.1:${(service.address() as AddressInfo).port}`,
      close: () => {
        service.closeAllConnections();
        service.close();
      },
    };
  };

  it('a second Ctrl-C ends a command that the first one has detached and that cannot write what it has', async () => {
    const directory = await temporaryDirectory();
    const service = await talkative();
    try {
      const gate = `${directory.path}/read-on`;
      const weirs = `${directory.path}/watch.sh`;
      // Ctrl-C reaches all that runs on a terminal. The reader takes no notice; it reads the first byte, and the rest once the gate is there. The shell tells how weir ended.
      writeFileSync(
        weirs,
        `{ trap : INT; "${process.execPath}" "${PACKED}" op watch op_1 -s ${service.url} -o jsonl; echo "ended $?" >&2; } |
         { trap '' INT; dd bs=1 count=1 of=/dev/null 2>/dev/null; echo began >&2; while [ ! -e "${gate}" ]; do sleep 0.05; done; cat >/dev/null; }`,
      );
      const watching = (whenDetached: (type: (keys: string) => void) => void) =>
        new Promise<{ shown: string; wasOver: boolean }>((done) => {
          const terminal = spawn('script', ['-qfec', `sh ${weirs}`, '/dev/null'], {
            env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
            stdio: ['pipe', 'pipe', 'inherit'],
          });
          let [shown, typed, wasOver] = ['', 0, false];
          const type = (keys: string): void => void terminal.stdin.write(keys);
          terminal.stdout.on('data', (chunk: Buffer) => {
            shown += chunk.toString();
            if (typed === 0 && shown.includes('began')) {
              typed = 1;
              type('\u0003');
            }
            if (typed === 1 && shown.includes('weir op cancel op_1')) {
              typed = 2;
              wasOver = shown.includes('ended');
              whenDetached(type);
            }
            if (shown.includes('ended')) writeFileSync(gate, '');
          });
          terminal.on('close', () => done({ shown, wasOver }));
        });
      // Negative control: without it, the command goes on until somebody reads what it has.
      const patient = await watching(() => writeFileSync(gate, ''));
      expect([patient.shown, patient.wasOver]).toEqual([expect.stringContaining('ended 130'), false]);
      rmSync(gate);
      const impatient = await watching((type) => type('\u0003'));
      expect([impatient.shown, impatient.wasOver]).toEqual([expect.stringContaining('ended 130'), false]);
      expect(impatient.shown.split('Detached')).toHaveLength(2);
    } finally {
      service.close();
      await directory.remove();
    }
  });

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
    const { code, shown } = await onTerminal(`op watch ${id}`, { typed: '\u0003', when: 'waiting for you' });
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
