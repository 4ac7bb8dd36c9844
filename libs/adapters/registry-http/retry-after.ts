/**
 * How long an answer asks to be left alone, ms: `Retry-After` as seconds or as a date (RFC 9110, 10.2.3).
 * @param now epoch ms. @returns undefined where it says nothing that can be understood.
 */
export function retryAfterMs(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const date = /^[A-Z][a-z]{2}, /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
