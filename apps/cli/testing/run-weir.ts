import { run } from '../run.js';
import type { Io } from '../io.js';

/** What a command line came to. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Characters in a line of the terminal that the streams are; none of them is one unless given. */
  readonly terminal?: number;
}

/** Runs a command line in this process, with an environment of its own, and without a terminal unless one is asked for. */
export async function runWeir(
  argv: readonly string[],
  { cwd = '/', env = {}, stdin = '', terminal }: RunOptions = {},
): Promise<Ran> {
  let [out, err] = ['', ''];
  const io: Io = {
    cwd,
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', ...env },
    stdoutIsTerminal: terminal !== undefined,
    stderrIsTerminal: terminal !== undefined,
    stdinIsTerminal: terminal !== undefined,
    columns: terminal ?? 120,
    async out(text) {
      out += text;
    },
    err: (text) => void (err += text),
    stdin: async () => Buffer.from(stdin),
    async *lines() {
      yield* stdin.split('\n').filter((line) => line !== '');
    },
    hiddenLine: () => Promise.resolve(undefined),
    onInterrupt: () => () => undefined,
    onStop: () => () => undefined,
  };
  const code = await run(argv, io);
  return { code, out, err };
}
