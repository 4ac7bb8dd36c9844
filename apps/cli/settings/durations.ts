import { usage } from '../failure.js';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
};

/** `90s`, `5m`, `1h30m`, `7d` in ms; a bare number is seconds. @throws Failure naming where it was given. */
export function milliseconds(text: string, name: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1_000;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) {
    throw usage('duration-invalid', `'${text}' (${name}) is no duration.`, 'Write 500ms, 90s, 5m, 1h30m or 7d.');
  }
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * UNITS[unit!]!, 0);
}

/** `20MB/s`, `512k`, `1GiB` in bytes. @throws Failure naming where it was given. */
export function bytes(text: string, name: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg]?i?b?)(?:\/s)?$/i.exec(text);
  const unit = SIZES[match?.[2]?.toLowerCase() ?? ' '];
  if (match === null || unit === undefined)
    throw usage('size-invalid', `'${text}' (${name}) is no size.`, 'Write 512k, 20MB or 1GiB; for a rate with /s.');
  return Math.round(Number(match[1]) * unit);
}

/** `1h19m`, `12s`: two units at most. */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [d, h, m, s] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3_600) % 24,
    Math.floor(whole / 60) % 60,
    whole % 60,
  ];
  const parts = [d > 0 && `${d}d`, h > 0 && `${h}h`, m > 0 && `${m}m`, s > 0 && `${s}s`].filter(
    (part) => part !== false,
  );
  return parts.length === 0 ? '0s' : parts.slice(0, 2).join('');
}
