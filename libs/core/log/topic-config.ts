import { AppError, nearest } from '#libs/core/kernel';
import { invalidTopicConfig } from './errors.js';

/** What a setting may hold. Bounds are inclusive. */
export type TopicSettingType =
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'decimal'; readonly min: number; readonly max: number }
  | { readonly kind: 'choice'; readonly of: readonly string[] }
  /** Distinct choices, separated by commas. */
  | { readonly kind: 'choices'; readonly of: readonly string[] };

/** A setting of a topic as this project knows it. Names, meaning and defaults are Kafka's (4.x). */
export interface TopicSetting {
  readonly name: string;
  readonly type: TopicSettingType;
  /** What holds while the topic does not say otherwise. */
  readonly default: string;
  /** One sentence for people, with the unit. */
  readonly doc: string;
}

const LONG = Number.MAX_SAFE_INTEGER;
const INT = 2_147_483_647;
const integer = (min: number, max: number): TopicSettingType => ({ kind: 'integer', min, max });

const SETTINGS: readonly TopicSetting[] = [
  {
    name: 'cleanup.policy',
    type: { kind: 'choices', of: ['delete', 'compact'] },
    default: 'delete',
    doc: 'What happens to old records: dropped by age and size, or all but the last of each key dropped, or both.',
  },
  {
    name: 'compression.type',
    type: { kind: 'choice', of: ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'] },
    default: 'producer',
    doc: 'Compression batches are stored with; `producer` stores them as they come.',
  },
  {
    name: 'delete.retention.ms',
    type: integer(0, LONG),
    default: '86400000',
    doc: 'How long a compacted topic keeps a tombstone, in milliseconds.',
  },
  {
    name: 'max.compaction.lag.ms',
    type: integer(1, LONG),
    default: '9223372036854775807',
    doc: 'Longest time a record of a compacted topic stays out of compaction, in milliseconds.',
  },
  {
    name: 'max.message.bytes',
    type: integer(0, INT),
    default: '1048588',
    doc: 'Largest record batch the topic takes, in bytes with its header and after compression.',
  },
  {
    name: 'message.timestamp.after.max.ms',
    type: integer(0, LONG),
    default: '3600000',
    doc: 'How far a timestamp of a record may be ahead of the clock, in milliseconds.',
  },
  {
    name: 'message.timestamp.before.max.ms',
    type: integer(0, LONG),
    default: '9223372036854775807',
    doc: 'How far a timestamp of a record may be behind the clock, in milliseconds.',
  },
  {
    name: 'message.timestamp.type',
    type: { kind: 'choice', of: ['CreateTime', 'LogAppendTime'] },
    default: 'CreateTime',
    doc: 'Whether records keep the timestamp of their writer or get the time of the append.',
  },
  {
    name: 'min.cleanable.dirty.ratio',
    type: { kind: 'decimal', min: 0, max: 1 },
    default: '0.5',
    doc: 'Share of not yet compacted bytes from which compaction starts.',
  },
  {
    name: 'min.compaction.lag.ms',
    type: integer(0, LONG),
    default: '0',
    doc: 'Shortest time a record of a compacted topic stays as it is, in milliseconds.',
  },
  {
    name: 'min.insync.replicas',
    type: integer(1, INT),
    default: '1',
    doc: 'How many replicas must have a record before it is acknowledged.',
  },
  {
    name: 'retention.bytes',
    type: integer(-1, LONG),
    default: '-1',
    doc: 'Bytes each partition keeps before the oldest records go; -1 for no limit.',
  },
  {
    name: 'retention.ms',
    type: integer(-1, LONG),
    default: '604800000',
    doc: 'Milliseconds a record is kept at least; -1 for ever.',
  },
  {
    name: 'segment.bytes',
    type: integer(1_048_576, INT),
    default: '1073741824',
    doc: 'Size at which a segment file is closed and the next begun, in bytes.',
  },
  {
    name: 'segment.ms',
    type: integer(1, LONG),
    default: '604800000',
    doc: 'Age at which a segment file is closed and the next begun, in milliseconds.',
  },
  {
    name: 'weir.durability',
    type: { kind: 'choice', of: ['durable', 'buffered', 'none'] },
    default: 'durable',
    doc: 'What an acknowledgement promises: flushed to the device, flushed within a second, or written.',
  },
];

/** Every setting the project knows, by name. An engine acts on those its capabilities list. */
export const TOPIC_SETTINGS: ReadonlyMap<string, TopicSetting> = new Map(SETTINGS.map((one) => [one.name, one]));

/** Faults that are told one by one; the rest is counted. */
const MOST_FAULTS = 20;

/**
 * Checks changes to a topic's settings: every key is one the engine acts on, every value fits. A null value unsets a key. Says everything that is
 * wrong, each of the first 20 problems in the error's items.
 * @throws `invalid-topic-config`.
 */
export function checkTopicConfig(
  changes: Readonly<Record<string, string | null>>,
  supportedKeys: readonly string[],
): void {
  const supported = new Set(supportedKeys);
  const faults: AppError[] = [];
  let count = 0;
  for (const [key, value] of Object.entries(changes)) {
    const known = supported.has(key);
    const rule = known ? brokenRule(key, value) : undefined;
    if (known && rule === undefined) continue;
    // An error knows where it was made, and who mistyped is told what was meant: too much for each of thousands.
    if (++count > MOST_FAULTS) continue;
    faults.push(rule === undefined ? unknownKey(key, supportedKeys) : invalidTopicConfig(key, ...rule));
  }
  const [first] = faults;
  if (first === undefined) return;
  if (count === 1) throw first;
  const more = count > MOST_FAULTS ? ` The first ${MOST_FAULTS} are named.` : '';
  throw new AppError({
    kind: 'invalid',
    code: first.code,
    message: `${count} topic settings are not valid.${more} ${faults.map((one) => one.message).join(' ')}`,
    hint: first.hint,
    items: faults.map((one) => ({ path: String(one.details['key']), message: one.message, code: one.code })),
    details: { keys: faults.map((one) => one.details['key']) },
  });
}

function unknownKey(key: string, supported: readonly string[]): AppError {
  const close = nearest(key, supported);
  const rule = TOPIC_SETTINGS.has(key) ? 'is not acted upon by this engine' : 'is not known';
  return invalidTopicConfig(
    key,
    rule,
    close === undefined ? `Settings of this engine: ${supported.join(', ')}.` : `Did you mean '${close}'?`,
  );
}

/** The rule that a value breaks, and what the setting is. Undefined where it fits. */
function brokenRule(key: string, value: unknown): readonly [rule: string, doc?: string] | undefined {
  if (value === null) return undefined;
  if (typeof value !== 'string') return ['must be text'];
  const setting = TOPIC_SETTINGS.get(key);
  // A setting that only the engine behind the port knows (a broker may have more): the broker judges the value.
  if (setting === undefined) return undefined;
  const rule = fits(setting.type, value);
  return rule === undefined ? undefined : [`must be ${rule}, not '${value.slice(0, 100)}'`, setting.doc];
}

/** What the value should have been, undefined when it fits. */
function fits(type: TopicSettingType, value: string): string | undefined {
  switch (type.kind) {
    case 'integer': {
      const number = /^-?[0-9]{1,19}$/.test(value) ? Number(value) : NaN;
      // Kafka writes "never" as the largest long, which is no safe integer but means what it says.
      const ok = number >= type.min && (number <= type.max || (type.max === LONG && value === '9223372036854775807'));
      return ok ? undefined : `an integer from ${type.min} to ${type.max}`;
    }
    case 'decimal': {
      const number = /^[0-9]+(\.[0-9]+)?$/.test(value) ? Number(value) : NaN;
      return number >= type.min && number <= type.max ? undefined : `a number from ${type.min} to ${type.max}`;
    }
    case 'choice':
      return type.of.includes(value) ? undefined : `one of ${type.of.join(', ')}`;
    case 'choices': {
      const parts = value.split(',').map((part) => part.trim());
      const ok = parts.every((part) => type.of.includes(part)) && new Set(parts).size === parts.length;
      return ok ? undefined : `one or more of ${type.of.join(', ')}, separated by commas`;
    }
  }
}

/**
 * The value in force of an integer setting: the topic's own or the default. Infinity where Kafka's largest long stands for "never".
 * `name` must be an integer setting of {@link TOPIC_SETTINGS}.
 */
export function integerSetting(config: Readonly<Record<string, string>>, name: string): number {
  const value = Number(textSetting(config, name));
  return Number.isSafeInteger(value) ? value : Infinity;
}

/** The value in force of any setting: the topic's own or the default. `name` must be in {@link TOPIC_SETTINGS}. */
export function textSetting(config: Readonly<Record<string, string>>, name: string): string {
  return (Object.hasOwn(config, name) ? config[name] : TOPIC_SETTINGS.get(name)?.default) ?? '';
}

/** Whether the topic keeps the last record of each key, and so needs a key in every record. */
export function isCompacted(config: Readonly<Record<string, string>>): boolean {
  return textSetting(config, 'cleanup.policy')
    .split(',')
    .some((policy) => policy.trim() === 'compact');
}
