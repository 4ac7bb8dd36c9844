/** What a text looks like. Each form is at least as strict as the standards' validators are, so that a schema that asks for it takes the text. */
export const TEXT_FORMS = ['uuid', 'date-time', 'date', 'time', 'email', 'uri', 'ipv4', 'integer', 'decimal'] as const;
export type TextForm = (typeof TEXT_FORMS)[number];

/** Longest text that is looked at; longer ones have no form. */
const LONGEST = 300;

const RECOGNISED: Readonly<Record<TextForm, (text: string) => boolean>> = {
  uuid: (text) => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text),
  'date-time': (text) => {
    const at = text.search(/[Tt]/);
    return at === 10 && isDate(text.slice(0, 10)) && isTime(text.slice(11));
  },
  date: isDate,
  time: isTime,
  email: (text) =>
    /^[a-z0-9][a-z0-9._+-]{0,63}@[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/i.test(
      text,
    ) && !/\.\.|\.@/.test(text),
  uri: (text) => /^[a-z][a-z0-9+.-]{0,20}:\/\/[a-z0-9.-]{1,253}(?::[0-9]{1,5})?(?:\/[a-z0-9._~/-]*)?$/i.test(text),
  ipv4: (text) => /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(text),
  integer: (text) => /^-?(?:0|[1-9][0-9]{0,30})$/.test(text),
  decimal: (text) => /^-?(?:0|[1-9][0-9]{0,30})\.[0-9]{1,30}$/.test(text),
};

/** The forms a text has. */
export function formsOf(text: string): readonly TextForm[] {
  if (text.length === 0 || text.length > LONGEST) return [];
  return TEXT_FORMS.filter((form) => RECOGNISED[form](text));
}

function isDate(text: string): boolean {
  const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (found === null) return false;
  const [year, month, day] = found.slice(1).map(Number) as [number, number, number];
  return month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

/** A time of day with its offset, as RFC 3339 has it; leap seconds, which validators disagree about, left out. */
function isTime(text: string): boolean {
  const found = /^(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:[Zz]|[+-](\d\d):(\d\d))$/.exec(text);
  if (found === null) return false;
  const [hours, minutes, seconds, offsetHours = 0, offsetMinutes = 0] = found
    .slice(1)
    .map((part) => (part === undefined ? undefined : Number(part))) as [number, number, number, number?, number?];
  return hours < 24 && minutes < 60 && seconds < 60 && offsetHours < 24 && offsetMinutes < 60;
}
