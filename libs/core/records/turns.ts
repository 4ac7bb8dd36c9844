import type { Clock } from '#libs/core/kernel';

/** How long records are encoded or decoded before others have their turn: schemas decide how much work a value is. */
const TURN_MS = 5;
/** What the work between two turns counts at most. A value that takes longer has a deadline of its own; a process that was stopped meanwhile did nothing. */
const LONGEST_MS = 1_000;

/** Resolves when everything else has had its turn. */
export type Turn = () => Promise<void>;

/** The work on the records of one request, which others interrupt. */
export class Turns {
  #since: number;
  #spentMs = 0;

  constructor(
    private readonly clock: Clock,
    private readonly turn: Turn,
  ) {
    this.#since = clock.monotonic();
  }

  /** Whether others are to have their turn now. Asked between records, so that a loop over many awaits only what it must. */
  get due(): boolean {
    return this.clock.monotonic() - this.#since >= TURN_MS;
  }

  /** What the work has taken up to its last turn, wherever it was done; the turns of others are not counted. */
  get spentMs(): number {
    return this.#spentMs;
  }

  /** Resolves when others had their turn. @throws the signal's reason. */
  async take(signal: AbortSignal | undefined): Promise<void> {
    this.#spentMs += Math.min(this.clock.monotonic() - this.#since, LONGEST_MS);
    await this.turn();
    signal?.throwIfAborted();
    this.#since = this.clock.monotonic();
  }
}
