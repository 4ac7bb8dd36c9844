import type { EmbeddedLogLogger } from './options.js';

/** Flushes that are looked at together. */
const WINDOW = 64;
/** Half of a window below this, and the device can hardly have written: the quickest that keep what they acknowledge take some 20 µs more. */
const IMPLAUSIBLE_MS = 0.1;
/** A flush above this holds everybody up (limits table: "warn above"). */
const SLOW_MS = 500;
/** Slow flushes are told of at most once in this many milliseconds. */
const AGAIN_MS = 60_000;

/** Judges how long flushes take: too short to be true, or too long to be well. Warns, and changes nothing. */
export class FlushWatch {
  #window: number[] = [];
  #implausible = false;
  #slowAt = -Infinity;

  constructor(private readonly logger: Pick<EmbeddedLogLogger, 'warn'>) {}

  /** Whether half of the last {@link WINDOW} flushes were quicker than a device can be. False until so many were seen. */
  get implausible(): boolean {
    return this.#implausible;
  }

  /** @param atMs monotonic. */
  flushed(durationMs: number, atMs: number): void {
    if (durationMs > SLOW_MS && atMs - this.#slowAt >= AGAIN_MS) {
      this.#slowAt = atMs;
      this.logger.warn('a flush took long', { durationMs: Math.round(durationMs), warnAboveMs: SLOW_MS });
    }
    if (this.#window.push(durationMs) < WINDOW) return;
    const medianMs = this.#window.sort((a, b) => a - b)[WINDOW / 2]!;
    this.#window = [];
    const implausible = medianMs < IMPLAUSIBLE_MS;
    if (implausible && !this.#implausible) {
      this.logger.warn(
        'flushes are too quick for a device that keeps what it acknowledges: a power cut may lose what was answered as durable',
        { medianMs: Number(medianMs.toFixed(3)), plausibleFromMs: IMPLAUSIBLE_MS },
      );
    }
    this.#implausible = implausible;
  }
}
