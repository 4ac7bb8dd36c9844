import type { DescFile } from '@bufbuild/protobuf';
import {
  file_google_protobuf_any,
  file_google_protobuf_api,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_type,
  file_google_protobuf_wrappers,
} from '@bufbuild/protobuf/wkt';
import { SCHEMA_LIMITS } from '../limits.js';
import { fileFromDescriptor } from './from-descriptor.js';
import { parseProto } from './parse.js';
import { printProto } from './print.js';
import type { ProtoSource } from './scope.js';

/** Files that every schema may import, and name types of, without a reference: the reference's list. */
export function bundledFiles(): readonly ProtoSource[] {
  known ??= [
    ...GOOGLE_PROTOBUF.map((file) => source(`${file.name}.proto`, printProto(fileFromDescriptor(file.proto)))),
    ...[...TEXTS].map(([path, text]) => source(path, text)),
  ];
  return known;
}

let known: readonly ProtoSource[] | undefined;

function source(path: string, text: string): ProtoSource {
  return { file: parseProto(text, { limits: SCHEMA_LIMITS, reference: path }), text, origin: 'bundled', path };
}

const GOOGLE_PROTOBUF: readonly DescFile[] = [
  file_google_protobuf_any,
  file_google_protobuf_api,
  file_google_protobuf_descriptor,
  file_google_protobuf_duration,
  file_google_protobuf_empty,
  file_google_protobuf_field_mask,
  file_google_protobuf_source_context,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_type,
  file_google_protobuf_wrappers,
];

const proto3 = (packageName: string, body: string): string => `syntax = "proto3"; package ${packageName}; ${body}`;
const googleType = (body: string): string => proto3('google.type', body);
const WEEKDAYS = 'MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY';
const MONTHS = 'JANUARY FEBRUARY MARCH APRIL MAY JUNE JULY AUGUST SEPTEMBER OCTOBER NOVEMBER DECEMBER';
/** Constants numbered from zero. */
const constants = (names: string): string =>
  names
    .split(' ')
    .map((name, i) => `${name} = ${i};`)
    .join(' ');
/** Fields of one type, numbered from `first`. */
const fields = (type: string, names: string, first = 1): string =>
  names
    .split(' ')
    .map((name, i) => `${type} ${name} = ${first + i};`)
    .join(' ');
const decimal = proto3('confluent.type', 'message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }');

const TEXTS: ReadonlyMap<string, string> = new Map([
  [
    'google/type/calendar_period.proto',
    googleType(
      `enum CalendarPeriod { ${constants('CALENDAR_PERIOD_UNSPECIFIED DAY WEEK FORTNIGHT MONTH QUARTER HALF YEAR')} }`,
    ),
  ],
  [
    'google/type/color.proto',
    googleType(
      `import "google/protobuf/wrappers.proto"; message Color { ${fields('float', 'red green blue')} google.protobuf.FloatValue alpha = 4; }`,
    ),
  ],
  ['google/type/date.proto', googleType(`message Date { ${fields('int32', 'year month day')} }`)],
  [
    'google/type/datetime.proto',
    googleType(
      `import "google/protobuf/duration.proto"; message DateTime { ${fields('int32', 'year month day hours minutes seconds nanos')}
       oneof time_offset { google.protobuf.Duration utc_offset = 8; TimeZone time_zone = 9; } }
       message TimeZone { ${fields('string', 'id version')} }`,
    ),
  ],
  ['google/type/dayofweek.proto', googleType(`enum DayOfWeek { ${constants(`DAY_OF_WEEK_UNSPECIFIED ${WEEKDAYS}`)} }`)],
  ['google/type/decimal.proto', googleType('message Decimal { string value = 1; }')],
  [
    'google/type/expr.proto',
    googleType(`message Expr { ${fields('string', 'expression title description location')} }`),
  ],
  ['google/type/fraction.proto', googleType(`message Fraction { ${fields('int64', 'numerator denominator')} }`)],
  [
    'google/type/interval.proto',
    googleType(
      `import "google/protobuf/timestamp.proto"; message Interval { ${fields('google.protobuf.Timestamp', 'start_time end_time')} }`,
    ),
  ],
  ['google/type/latlng.proto', googleType(`message LatLng { ${fields('double', 'latitude longitude')} }`)],
  [
    'google/type/money.proto',
    googleType('message Money { string currency_code = 1; int64 units = 2; int32 nanos = 3; }'),
  ],
  ['google/type/month.proto', googleType(`enum Month { ${constants(`MONTH_UNSPECIFIED ${MONTHS}`)} }`)],
  [
    'google/type/phone_number.proto',
    googleType(
      `message PhoneNumber { message ShortCode { ${fields('string', 'region_code number')} }
       oneof kind { string e164_number = 1; ShortCode short_code = 2; } string extension = 3; }`,
    ),
  ],
  [
    'google/type/postal_address.proto',
    googleType(
      `message PostalAddress { int32 revision = 1;
       ${fields('string', 'region_code language_code postal_code sorting_code administrative_area locality sublocality', 2)}
       ${fields('repeated string', 'address_lines recipients', 9)} string organization = 11; }`,
    ),
  ],
  ['google/type/quaternion.proto', googleType(`message Quaternion { ${fields('double', 'x y z w')} }`)],
  [
    'google/type/timeofday.proto',
    googleType(`message TimeOfDay { ${fields('int32', 'hours minutes seconds nanos')} }`),
  ],
  [
    'confluent/meta.proto',
    proto3(
      'confluent',
      `import "google/protobuf/descriptor.proto";
       message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; }
       extend google.protobuf.FileOptions { Meta file_meta = 1088; }
       extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
       extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
       extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
       extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }`,
    ),
  ],
  ['confluent/type/decimal.proto', decimal],
  ['confluent/types/decimal.proto', decimal],
  [
    'confluent/type/variant.proto',
    proto3('confluent.type', `message Variant { ${fields('bytes', 'metadata value')} }`),
  ],
]);
