const LONGEST_WAIT_SECONDS = 25;

/** How long the client would rather wait than ask again: `Prefer: wait=N` of RFC 7240, capped, 0 without one. Other preferences are not ours to refuse. */
export function waitMsOf(prefer: string | undefined): number {
  const wait = /(?:^|[,;\s])wait=(\d{1,5})(?:$|[,;\s])/.exec(prefer ?? '');
  return wait === null ? 0 : Math.min(LONGEST_WAIT_SECONDS, Number(wait[1])) * 1_000;
}

/** Whether the client would rather be answered before the work is done: `Prefer: respond-async` of RFC 7240. */
export function prefersAsync(prefer: string | undefined): boolean {
  return /(?:^|[,;\s])respond-async(?:$|[,;\s])/.test(prefer ?? '');
}
