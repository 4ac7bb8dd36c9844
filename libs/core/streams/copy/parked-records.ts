import { AppError } from '#libs/core/kernel';
import type { LogRecord, RecordHeader, StoredRecord } from '#libs/core/log';

/** The rule of a record that is parked for no other reason than that one of its key is. */
export const WAITS_FOR_KEY = 'waits-for-key';

/** Why a record is parked. */
export interface Parked {
  /** What it failed by, or {@link WAITS_FOR_KEY}. */
  readonly rule: string;
  /** Source offset of the record of its key that failed: its own, where it is that one. */
  readonly since: number;
  /** Of the transform that it failed. */
  readonly version: string;
}

/** A parked record as it was in its source, offset included, and why it is parked. */
export interface ParkedRecord extends Parked {
  readonly record: StoredRecord;
}

const HEADERS = [
  'weir.source.partition',
  'weir.source.offset',
  'weir.rule',
  'weir.parked.since',
  'weir.transform',
] as const;

/** A record as it lies in the topic of parked ones: byte for byte, and behind its own headers where it was and why it is here. */
export function parkedForm(record: StoredRecord, source: number, { rule, since, version }: Parked): LogRecord {
  const texts = [String(source), String(record.offset), rule, String(since), version];
  const added = HEADERS.map((key, i): RecordHeader => ({ key, value: Buffer.from(texts[i]!) }));
  const { key, value, headers, timestamp } = record;
  return { key, value, headers: [...headers, ...added], timestamp };
}

/** What {@link parkedForm} was made of. @throws `corrupt-parked-record` for anything else. */
export function parkedOf({ key, value, headers, timestamp, offset }: StoredRecord): ParkedRecord {
  const own = headers.slice(0, -HEADERS.length);
  const added = headers.slice(own.length);
  if (added.some((one, i) => one.key !== HEADERS[i] || one.value === null) || added.length !== HEADERS.length) {
    throw corruptParked(offset);
  }
  const [, at, rule, since, version] = added.map((one) => Buffer.from(one.value ?? []).toString()) as [
    string,
    string,
    string,
    string,
    string,
  ];
  return {
    record: { key, value, headers: own, timestamp, offset: Number(at) },
    rule,
    since: Number(since),
    version,
  };
}

/** A key by which records are told to belong together. */
export function keyName(key: Uint8Array): string {
  const bytes = Buffer.isBuffer(key) ? key : Buffer.from(key.buffer, key.byteOffset, key.length);
  return bytes.toString('latin1');
}

function corruptParked(offset: number): AppError {
  return new AppError({
    kind: 'internal',
    code: 'corrupt-parked-record',
    message: `The parked record at offset ${offset} does not say where it was: something else wrote to the topic of parked records.`,
  });
}
