const DAY_MS = 86_400_000;

/** Epoch milliseconds as ISO 8601, or as they are where the calendar ends. */
export function isoMillis(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

/** Epoch microseconds as ISO 8601 with six digits. */
export function isoMicros(micros: bigint): string {
  const below = ((micros % 1_000n) + 1_000n) % 1_000n;
  const date = new Date(Number((micros - below) / 1_000n));
  if (Number.isNaN(date.getTime())) return String(micros);
  return date.toISOString().replace('Z', `${String(below).padStart(3, '0')}Z`);
}

/** Epoch microseconds of a time in ISO 8601; undefined when it is none. */
export function microsOf(text: string): number | bigint | undefined {
  const ms = Date.parse(text);
  if (Number.isNaN(ms) || /^-?[0-9]+$/.test(text)) return undefined;
  // The calendar knows milliseconds: what stands behind them is added by hand.
  const below = /\.[0-9]{3}([0-9]{1,3})/.exec(text)?.[1] ?? '';
  const micros = BigInt(ms) * 1_000n + BigInt(below.padEnd(3, '0'));
  return Number.isSafeInteger(Number(micros)) ? Number(micros) : micros;
}

/** Days since 1970 as a date. */
export function isoDate(days: number): string {
  const date = new Date(days * DAY_MS);
  return Number.isNaN(date.getTime()) ? String(days) : date.toISOString().slice(0, date.toISOString().indexOf('T'));
}

/** Days since 1970 of a date such as 2024-02-29; undefined when there is no such day. */
export function dayOf(text: string): number | undefined {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(ms) || isoDate(ms / DAY_MS) !== text ? undefined : ms / DAY_MS;
}

/** Microseconds of the day as 12:34:56.789000; without the fraction where it is none. */
export function isoTime(micros: number): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const seconds = Math.floor(micros / 1_000_000);
  const below = micros % 1_000_000;
  const text = `${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return below === 0 ? text : `${text}.${String(below).padStart(6, '0')}`;
}

/** Microseconds of the day; undefined when it is no time of a day. A zone is not taken away: only UTC (Z) may be named. */
export function timeOf(text: string): number | undefined {
  const match = /^([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{1,6}))?)?Z?$/.exec(text);
  if (match === null) return undefined;
  const seconds = Number(match[1]) * 3_600 + Number(match[2]) * 60 + Number(match[3] ?? 0);
  return seconds * 1_000_000 + Number((match[4] ?? '').padEnd(6, '0'));
}
