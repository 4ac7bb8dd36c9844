import type { Io } from '../io.js';
import { progressLine, reminder, type OperationStatus } from './operation.js';

const REPAINT_MS = 250;
const LINE_MS = 10_000;
const REMINDER_MS = 600_000;

/** Shows an operation on stderr: one line repainted on a terminal, otherwise a line at each change of state and every ten seconds. */
export class ProgressDisplay {
  #painted = -Infinity;
  #reminded: number;
  #state = '';
  #open = false;

  constructor(
    private readonly io: Io,
    private readonly quiet: boolean,
    /** Milliseconds of a clock that never goes back. */
    private readonly now: () => number,
    /** What the plan reckoned with; null where it does not tell. */
    private readonly totalBytes: number | null = null,
  ) {
    this.#reminded = now();
  }

  show(status: OperationStatus): void {
    if (this.quiet) return;
    const now = this.now();
    const changed = status.state !== this.#state;
    if (now - this.#reminded >= REMINDER_MS) {
      this.end();
      this.io.err(`${reminder(status, this.totalBytes)}\n`);
      this.#reminded = now;
    }
    if (this.io.stderrIsTerminal) {
      if (!changed && now - this.#painted < REPAINT_MS) return;
      const line = progressLine(status, this.totalBytes);
      this.io.err(`\r${line.length >= this.io.columns ? `${line.slice(0, this.io.columns - 2)}…` : line}\u001b[K`);
      this.#open = true;
    } else {
      if (!changed && now - this.#painted < LINE_MS) return;
      this.io.err(`${progressLine(status, this.totalBytes)}\n`);
    }
    this.#painted = now;
    this.#state = status.state;
  }

  /** Leaves the repainted line. */
  end(): void {
    if (this.#open) this.io.err('\n');
    this.#open = false;
  }
}
