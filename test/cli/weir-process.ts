import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

/** What a process of the command came to. */
export interface WeirRan {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const PACKED = resolve(import.meta.dirname, '../../dist/cli/weir.js');

/** Runs the packed command in a process of its own. */
export function weir(
  args: readonly string[],
  options: {
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
    readonly stdin?: string;
    readonly program?: string;
  } = {},
): Promise<WeirRan> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [options.program ?? PACKED, ...args], {
      cwd: options.cwd,
      // Settings of whoever runs the tests are not for this one.
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
    child.on('error', reject);
    child.on('close', (code) => done({ code, out, err }));
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin ?? '');
  });
}

/** The data of a JSON answer. */
export function dataOf<T>({ out }: WeirRan): T {
  return (JSON.parse(out) as { data: T }).data;
}
