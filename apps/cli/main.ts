#!/usr/bin/env node
import { createInterface } from 'node:readline';
import type { Io } from './io.js';
import { exitCode } from './exit-codes.js';
import { outputRefused } from './output/output-closed.js';
import { defectText, run } from './run.js';

const io: Io = {
  cwd: process.cwd(),
  env: process.env,
  stdoutIsTerminal: process.stdout.isTTY === true,
  stderrIsTerminal: process.stderr.isTTY === true,
  stdinIsTerminal: process.stdin.isTTY === true,
  get columns() {
    // Of a terminal that does not know its size it is 0.
    return process.stdout.columns || process.stderr.columns || 80;
  },
  out: (text) =>
    new Promise((resolve, reject) =>
      process.stdout.write(text, (error) => (error ? reject(outputRefused(error)) : resolve())),
    ),
  err: (text) => void process.stderr.write(text),
  async stdin() {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  },
  lines: () => createInterface({ input: process.stdin, crlfDelay: Infinity }),
  hiddenLine: async (prompt) =>
    (await import('./settings/hidden-line.js')).hiddenLine(() => process.stderr.write(prompt)),
  onInterrupt(handler) {
    let isAsked = false;
    // Whoever asks twice does not wait for what the first time began.
    const listener = (): void => {
      if (isAsked) process.exit(exitCode('interrupted'));
      isAsked = true;
      handler();
    };
    process.on('SIGINT', listener);
    return () => void process.off('SIGINT', listener);
  },
  onStop(handler) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, handler);
    return () => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, handler);
    };
  },
};

// Whoever writes learns of it where it is written; messages that nobody reads any more are nobody's loss.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
// Node's own code for it, 1, is that of a check that answered no.
process.on('uncaughtException', (error) => {
  process.stderr.write(defectText(error));
  process.exit(exitCode('internal'));
});
// A command that detaches on Ctrl-C, or has something to stop first, says so itself.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.on(signal, () => {
    if (process.listenerCount(signal) === 1) process.exit(code);
  });

process.exitCode = await run(process.argv.slice(2), io);
// Connections that are kept alive, and standard input, are not waited for.
process.stdout.write('', () => process.exit());
