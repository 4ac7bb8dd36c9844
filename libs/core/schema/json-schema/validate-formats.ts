import type { Draft } from './drafts.js';
import { isPattern } from './regex.js';

export type FormatCheck = (text: string) => boolean;

/**
 * The formats that drafts 4, 6 and 7 define, as far as they can be told by their grammar. From 2019-09 on a format is a remark and nothing else. The
 * expressions here are ours and run in linear time.
 */
export function formatCheck(draft: Draft, name: string): FormatCheck | undefined {
  const since = ['draft-04', 'draft-06', 'draft-07'].indexOf(draft);
  return since < 0
    ? undefined
    : FORMATS.slice(0, since + 1).reduce<FormatCheck | undefined>(
        (found, formats) => found ?? formats.get(name),
        undefined,
      );
}

function isDate(text: string): boolean {
  const parts = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (parts === null) return false;
  const [year, month, day] = parts.slice(1).map(Number) as [number, number, number];
  if (month < 1 || month > 12 || day < 1) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (month === 2 ? (leap ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31);
}

function isTime(text: string): boolean {
  const parts = /^(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[zZ]|([+-])(\d\d):(\d\d))$/.exec(text);
  if (parts === null) return false;
  const [hour, minute, second] = parts.slice(1, 4).map(Number) as [number, number, number];
  const [offsetHour, offsetMinute] = [Number(parts[5] ?? 0), Number(parts[6] ?? 0)];
  if (hour > 23 || minute > 59 || second > 60 || offsetHour > 23 || offsetMinute > 59) return false;
  if (second < 60) return true;
  // A leap second is the last of a day in UTC.
  const offset = (parts[4] === '-' ? -1 : 1) * (offsetHour * 60 + offsetMinute);
  return (((hour * 60 + minute - offset) % 1440) + 1440) % 1440 === 1439;
}

function isDateTime(text: string): boolean {
  return /[tT ]/.test(text[10] ?? '') && isDate(text.slice(0, 10)) && isTime(text.slice(11));
}

function isHostname(text: string): boolean {
  if (text.length > 253) return false;
  return text.split('.').every((label) => /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(label));
}

function isEmail(text: string): boolean {
  const at = text.lastIndexOf('@');
  const [local, domain] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  return (
    local.length > 0 &&
    local.length <= 64 &&
    /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/.test(local) &&
    isHostname(domain)
  );
}

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2 || text.length > 45) return false;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1)!;
  let count = 0;
  if (last.at(-1)?.includes('.') === true) {
    if (!isIpv4(last.pop()!)) return false;
    count = 2;
  }
  if (!groups.flat().every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return false;
  count += groups.flat().length;
  return halves.length === 2 ? count < 8 : count === 8;
}

const URI_REFERENCE = /^(?:[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})*$/;

function isUriReference(text: string): boolean {
  return URI_REFERENCE.test(text) && text.indexOf('#') === text.lastIndexOf('#');
}

function isUri(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:/.test(text) && isUriReference(text);
}

function isUriTemplate(text: string): boolean {
  return /^(?:[^\u0000-\u0020"'<>\\^`{|}%]|%[0-9A-Fa-f]{2}|\{[+#./;?&=,!@|]?[A-Za-z0-9_%.]+(?::[1-9]\d{0,3}|\*)?(?:,[A-Za-z0-9_%.]+(?::[1-9]\d{0,3}|\*)?)*\})*$/.test(
    text,
  );
}

function isJsonPointer(text: string): boolean {
  return /^(?:\/(?:[^~/]|~[01])*)*$/.test(text);
}

function isRelativeJsonPointer(text: string): boolean {
  const up = /^(?:0|[1-9]\d*)/.exec(text);
  if (up === null) return false;
  const rest = text.slice(up[0].length);
  return rest === '#' || isJsonPointer(rest);
}

const FORMATS: readonly ReadonlyMap<string, FormatCheck>[] = [
  new Map<string, FormatCheck>([
    ['date-time', isDateTime],
    ['email', isEmail],
    ['hostname', isHostname],
    ['ipv4', isIpv4],
    ['ipv6', isIpv6],
    ['uri', isUri],
  ]),
  new Map<string, FormatCheck>([
    ['json-pointer', isJsonPointer],
    ['uri-reference', isUriReference],
    ['uri-template', isUriTemplate],
  ]),
  new Map<string, FormatCheck>([
    ['date', isDate],
    ['time', isTime],
    ['regex', isPattern],
    ['relative-json-pointer', isRelativeJsonPointer],
  ]),
];
