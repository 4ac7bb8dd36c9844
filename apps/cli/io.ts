/** Everything of the process that a command may touch, so that a test runs one without a process. */
export interface Io {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether the stream is a terminal. */
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  readonly stdinIsTerminal: boolean;
  /** Characters in a line of the terminal. */
  readonly columns: number;
  /** Writes a result. Resolves when more may be written. */
  out(text: string): Promise<void>;
  /** Writes everything that is no result: progress, warnings, errors. */
  err(text: string): void;
  /** All of standard input. */
  stdin(): Promise<Buffer>;
  /** Lines of standard input as they come. */
  lines(): AsyncIterable<string>;
  /** A line of standard input that is not shown while it is typed, after the prompt; undefined where the input ends. Only where it is a terminal. */
  hiddenLine(prompt: string): Promise<string | undefined>;
  /** Calls back on Ctrl-C instead of ending the process, until the returned function is called. */
  onInterrupt(handler: () => void): () => void;
  /** Calls back when the process is asked to end, by Ctrl-C or from outside, instead of ending it, until the returned function is called. */
  onStop(handler: () => void): () => void;
}
