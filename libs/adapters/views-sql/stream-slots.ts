import { AppError } from '#libs/core/kernel';

/** Answers of all rows at the same time: each holds a snapshot, and a connection of its own. */
export const MOST_STREAMS = 4;

/** Rows in one chunk of a stream. */
export const CHUNK_ROWS = 500;

/** Counts what is being read as a whole. */
export class StreamSlots {
  #taken = 0;

  /** @returns what gives the slot back, once. @throws `view-streams-busy`. */
  take(): () => void {
    if (this.#taken >= MOST_STREAMS)
      throw new AppError({
        kind: 'exhausted',
        code: 'view-streams-busy',
        message: `${MOST_STREAMS} answers of all rows are being read, and no more are at the same time.`,
        hint: 'Ask again in a moment, or page by page.',
        details: { limit: MOST_STREAMS },
        retryable: true,
        retryAfterMs: 2_000,
      });
    this.#taken++;
    let held = true;
    return () => {
      if (held) this.#taken--;
      held = false;
    };
  }
}
