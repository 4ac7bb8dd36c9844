import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

/**
 * Reads a line from the terminal without showing what is typed; line editing works. Ctrl-C ends the process as everywhere else.
 * @param prompt shown once nothing that is typed is shown any more. @returns undefined when the input ends before a line does.
 */
export async function hiddenLine(prompt: () => void): Promise<string | undefined> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  // As on a terminal: each key comes at once, and the echo goes to the output, which is nowhere.
  const input = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 });
  try {
    prompt();
    return await new Promise<string | undefined>((resolve) => {
      input.once('line', resolve);
      input.once('close', () => resolve(undefined));
      // Where the terminal leaves keys as they are, Ctrl-C is one of them.
      input.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    });
  } finally {
    input.close();
    // The line that was typed has not ended on the screen.
    process.stderr.write('\n');
  }
}
