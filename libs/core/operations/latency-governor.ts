/** Least share, so that no work ever stands still for the sake of others. */
export const LEAST_SHARE = 1 / 64;
/** Below this share steps become no smaller and rests come between them. */
export const LEAST_STEP = 1 / 16;

/** Of all writes so many may take longer than allowed: what is held is the 99th percentile. */
const HELD = 0.01;
/**
 * So many are aimed at. At rest as many exceed as are aimed at, so a stretch of writes has a few more or a few fewer: aimed at one in a hundred, the 99th percentile of half of all stretches lies beyond what is allowed. Writes exceed
 * together besides, all that wait for one slow flush. And what a producer waits for is more than what is measured here, from the append to its acknowledgement. A quarter leaves room for all three: in the models of the tests the 99th
 * percentile comes to eight tenths of what is allowed, in every stretch below it, and the work keeps eight tenths of its pace.
 */
const EXCEEDING = HELD / 4;
/**
 * How much one write that takes too long slows the work down: by e to the power of this, nearly. With a larger one the share swings: where several exceed together it falls to nothing, and rises beyond what writers bear before the
 * next ones do.
 */
const GAIN = 0.3;
/** Work that nobody has written beside for so long goes as it likes. */
const SILENCE_MS = 1_000;

/**
 * Decides how much work may do at once so that no more than one foreground write in a hundred takes longer than it is allowed to. Each write that does makes the share smaller by a quarter, each that does
 * not makes it larger by 0.075 %: at rest one in four hundred takes longer, whatever the way from share to latency looks like, as long as it rises.
 *
 * Source: stochastic approximation of a quantile (Robbins and Monro, 1951), on the logarithm of the share.
 */
export class LatencyGovernor {
  #share = 1;
  #wroteAt = -Infinity;

  /** @param aim the part of the writes that may take longer; a quarter of what is held unless given */
  constructor(private readonly aim = EXCEEDING) {}

  /** How much of its usual pace the work may have now, above 0 up to 1. @param monotonic ms */
  share(monotonic: number): number {
    if (monotonic - this.#wroteAt > SILENCE_MS) this.#share = 1;
    return this.#share;
  }

  /** A foreground write ended. @param exceeded it took longer than is allowed @param monotonic ms */
  wrote(exceeded: boolean, monotonic: number): void {
    const step = exceeded ? this.aim - 1 : this.aim;
    this.#share = Math.min(1, Math.max(LEAST_SHARE, this.share(monotonic) * Math.exp(GAIN * step)));
    this.#wroteAt = monotonic;
  }
}

/** The part of its usual size that a step may have under a share. */
export function stepOf(share: number): number {
  return Math.max(LEAST_STEP, share);
}

/** How long to rest after work of so many ms under a share, ms: nothing until steps are as small as they get. */
export function restOf(share: number, workedMs: number): number {
  return share >= LEAST_STEP ? 0 : workedMs * (LEAST_STEP / share - 1);
}
