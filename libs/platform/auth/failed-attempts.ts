import { AppError, type Clock } from '#libs/core/kernel';

/** Failed attempts an address has in a minute before further ones are put off. */
const FREE_ATTEMPTS = 10;
const WINDOW_MS = 60_000;
/** Addresses remembered; the oldest is forgotten beyond it. */
const MAX_ADDRESSES = 10_000;
const MAX_DELAY_MS = 15 * 60_000;

/** Counts wrong credentials per address. After ten in a minute each further one doubles the time until the next is looked at. */
export class FailedAttempts {
  readonly #byAddress = new Map<string, { since: number; count: number }>();

  constructor(private readonly clock: Clock) {}

  /** Records a failed attempt. @throws `too-many-attempts` when the address has had its share. */
  count(address: string): void {
    const now = this.clock.monotonic();
    const known = this.#byAddress.get(address);
    const entry =
      known !== undefined && now - known.since < WINDOW_MS + delayOf(known.count) ? known : { since: now, count: 0 };
    entry.count++;
    this.#byAddress.delete(address);
    this.#byAddress.set(address, entry);
    if (this.#byAddress.size > MAX_ADDRESSES) this.#byAddress.delete(this.#byAddress.keys().next().value!);
    if (entry.count > FREE_ATTEMPTS)
      throw tooMany(entry.count, Math.max(1_000, entry.since + WINDOW_MS + delayOf(entry.count) - now));
  }
}

function delayOf(count: number): number {
  return count <= FREE_ATTEMPTS ? 0 : Math.min(MAX_DELAY_MS, 1_000 * 2 ** (count - FREE_ATTEMPTS - 1));
}

function tooMany(count: number, retryAfterMs: number): AppError {
  return new AppError({
    kind: 'exhausted',
    code: 'too-many-attempts',
    message: `${count} attempts with invalid credentials came from this address.`,
    hint: 'Check the token, then try again after the time given.',
    details: { limit: FREE_ATTEMPTS, measured: count, windowMs: WINDOW_MS },
    retryable: true,
    retryAfterMs,
  });
}
