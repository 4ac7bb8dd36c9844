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

/** ISO 8601: a date, a time of the day behind it or not, and a zone behind that or not. */
const ISO =
  /^([+-][0-9]{6}|[0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?)(?:Z|([+-][0-9]{2})(?::?([0-9]{2}))?)?)?$/i;
/** Of any other form, as in e-mails: only a time with a zone behind it means the same everywhere. */
const ZONED =
  /[0-9]:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?: ?[AP]M)? ?(?:GMT|UTC|Z|(?:GMT|UTC)?[+-][0-9]{2}:?[0-9]{2})(?: \([A-Za-z ]+\))?$/i;

/**
 * Epoch milliseconds of a time as text, what is finer cut off; undefined when it is none. A time without a zone is one in UTC, wherever this runs: the same record is to be the same row on each machine.
 */
export function millisOf(text: string): number | undefined {
  const match = ISO.exec(text);
  if (match === null) return /^[0-9]{4}-/.test(text) || !ZONED.test(text) ? undefined : known(Date.parse(text));
  const [, year, month, day, time, hours, minutes] = match;
  const date = `${year}-${month}-${day}`;
  // The calendar goes on into the next month where there is no such day.
  if (Number(day) > 28 && !isDay(date)) return undefined;
  const zone = hours === undefined ? 'Z' : `${hours}:${minutes ?? '00'}`;
  return known(Date.parse(`${date}T${time?.replace(',', '.') ?? '00:00'}${zone}`));
}

const known = (ms: number): number | undefined => (Number.isNaN(ms) ? undefined : ms);

const isDay = (date: string): boolean => {
  const ms = Date.parse(`${date}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(`${date}T`);
};

/** Epoch microseconds of a time as text, see {@link millisOf}. */
export function microsOf(text: string): number | bigint | undefined {
  const ms = millisOf(text);
  if (ms === undefined) return undefined;
  // The calendar knows milliseconds: what stands behind them is added by hand.
  const below = /[.,][0-9]{3}([0-9]{1,3})/.exec(text)?.[1] ?? '';
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
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text) || !isDay(text)) return undefined;
  return Date.parse(`${text}T00:00:00Z`) / DAY_MS;
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
