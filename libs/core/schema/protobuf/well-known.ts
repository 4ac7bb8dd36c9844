import { ScalarType, type DescMessage } from '@bufbuild/protobuf';

/** Messages of the language itself that JSON has in a form of their own. */
export type WellKnown = 'any' | 'duration' | 'field-mask' | 'list' | 'struct' | 'timestamp' | 'value' | 'wrapper';

/** The form of a message; undefined for an ordinary one, and for one that only has the name of a well-known one. */
export function wellKnown(message: DescMessage): WellKnown | undefined {
  if (!message.typeName.startsWith('google.protobuf.')) return undefined;
  const found = NAMES.get(message.typeName.slice('google.protobuf.'.length));
  if (found === undefined) return undefined;
  const [form, ...shape] = found;
  const same =
    message.fields.length === shape.length &&
    message.fields.every(
      (field, i) => field.number === i + 1 && `${field.fieldKind} ${field.scalar ?? ''}`.trim() === shape[i],
    );
  return same ? form : undefined;
}

const NANOS = 1_000_000_000n;
const MONTHS_DAY = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;
const FIRST_SECOND = -62_135_596_800;
const LAST_SECOND = 253_402_300_799;
const LONGEST_DURATION = 315_576_000_000n;

export interface SecondsNanos {
  readonly seconds: bigint;
  readonly nanos: number;
}

/** A time of RFC 3339, years 1 to 9999; undefined for any other text. */
export function timestampOf(text: unknown): SecondsNanos | undefined {
  const parts = typeof text === 'string' ? MONTHS_DAY.exec(text) : null;
  if (parts === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHour = '0', offsetMinute = '0'] = parts;
  const local = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // Days that a month does not have would run over into the next.
  if (Number.isNaN(local) || !new Date(local).toISOString().startsWith(`${year}-${month}-${day}T${hour}`))
    return undefined;
  if (Number(offsetHour) > 23 || Number(offsetMinute) > 59) return undefined;
  const offset = (Number(offsetHour) * 60 + Number(offsetMinute)) * 60;
  const seconds = local / 1000 - (sign === '-' ? -offset : offset);
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND) return undefined;
  return { seconds: BigInt(seconds), nanos: Number(fraction.padEnd(9, '0')) };
}

/** Undefined for a time outside the years 1 to 9999. */
export function timestampText({ seconds, nanos }: SecondsNanos): string | undefined {
  if (seconds < FIRST_SECOND || seconds > LAST_SECOND || nanos < 0 || nanos >= Number(NANOS)) return undefined;
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}${fractionText(nanos)}Z`;
}

/** Seconds with up to nine decimals and an `s`. */
export function durationOf(text: unknown): SecondsNanos | undefined {
  const parts = typeof text === 'string' ? /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(text) : null;
  if (parts === null) return undefined;
  const [, sign, whole, fraction = ''] = parts;
  const [seconds, nanos] = [BigInt(whole!), Number(fraction.padEnd(9, '0'))];
  if (seconds > LONGEST_DURATION) return undefined;
  return sign === '-' ? { seconds: -seconds, nanos: -nanos + 0 } : { seconds, nanos };
}

/** Undefined for one beyond ten thousand years, or with signs that disagree. */
export function durationText({ seconds, nanos }: SecondsNanos): string | undefined {
  const negative = seconds < 0n || nanos < 0;
  if (Math.abs(nanos) >= Number(NANOS) || (negative && (seconds > 0n || nanos > 0))) return undefined;
  const whole = seconds < 0n ? -seconds : seconds;
  if (whole > LONGEST_DURATION) return undefined;
  return `${negative ? '-' : ''}${whole}${fractionText(Math.abs(nanos))}s`;
}

/** Paths with names in camel case, joined by commas, as the names of the schema; undefined where that cannot be undone. */
export function fieldMaskOf(text: unknown): readonly string[] | undefined {
  if (typeof text !== 'string' || !/^[A-Za-z0-9.,]*$/.test(text)) return undefined;
  if (text === '') return [];
  return text.split(',').map((path) => path.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
}

export function fieldMaskText(paths: readonly string[]): string | undefined {
  const camel = paths.map((path) => path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()));
  const text = camel.join(',');
  const back = fieldMaskOf(text);
  return back?.join(',') === paths.join(',') ? text : undefined;
}

function fractionText(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  return `.${digits.endsWith('000000') ? digits.slice(0, 3) : digits.endsWith('000') ? digits.slice(0, 6) : digits}`;
}

const SECONDS_NANOS = [`scalar ${ScalarType.INT64}`, `scalar ${ScalarType.INT32}`] as const;

/** Form, and the kind of each field in the order of numbers. */
const NAMES: ReadonlyMap<string, readonly [WellKnown, ...string[]]> = new Map<
  string,
  readonly [WellKnown, ...string[]]
>([
  ['Any', ['any', `scalar ${ScalarType.STRING}`, `scalar ${ScalarType.BYTES}`]],
  ['Duration', ['duration', ...SECONDS_NANOS]],
  ['FieldMask', ['field-mask', `list ${ScalarType.STRING}`]],
  ['ListValue', ['list', 'list']],
  ['Struct', ['struct', 'map']],
  ['Timestamp', ['timestamp', ...SECONDS_NANOS]],
  [
    'Value',
    [
      'value',
      'enum',
      `scalar ${ScalarType.DOUBLE}`,
      `scalar ${ScalarType.STRING}`,
      `scalar ${ScalarType.BOOL}`,
      'message',
      'message',
    ],
  ],
  ...(
    [
      ['BoolValue', ScalarType.BOOL],
      ['BytesValue', ScalarType.BYTES],
      ['DoubleValue', ScalarType.DOUBLE],
      ['FloatValue', ScalarType.FLOAT],
      ['Int32Value', ScalarType.INT32],
      ['Int64Value', ScalarType.INT64],
      ['StringValue', ScalarType.STRING],
      ['UInt32Value', ScalarType.UINT32],
      ['UInt64Value', ScalarType.UINT64],
    ] as const
  ).map(([name, type]) => [name, ['wrapper', `scalar ${type}`]] as const),
]);
