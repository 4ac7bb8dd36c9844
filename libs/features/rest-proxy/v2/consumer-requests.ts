import { EMBEDDED_FORMATS, type EmbeddedFormat } from '../dialects.js';
import { badRequest, refusal, unhandled } from '../errors.js';
import { integerOf, membersOf, type Members } from '../json-members.js';
import { timestampOf } from '../v3/record-request.js';

const CREATE = new Set([
  'name',
  'id',
  'format',
  'auto.offset.reset',
  'auto.commit.enable',
  'fetch.min.bytes',
  'consumer.request.timeout.ms',
]);
const PLACE = new Set(['topic', 'partition']);
const COMMIT = new Set(['topic', 'partition', 'offset', 'metadata']);
const TIME = new Set(['topic', 'partition', 'timestamp', 'metadata']);

export const RESETS = ['earliest', 'latest', 'none'] as const;
export type Reset = (typeof RESETS)[number];

/** How an instance reads. */
export interface ConsumerOptions {
  readonly name: string | undefined;
  readonly format: EmbeddedFormat;
  /** Where to begin in a partition for which the group has no position. */
  readonly reset: Reset;
  readonly autoCommit: boolean;
  /** Bytes to wait for; −1 for none in particular. */
  readonly minBytes: number;
  /** Longest wait of a read, in ms. */
  readonly timeoutMs: number;
}

/** A partition by the logical name of its topic. */
export interface Place {
  readonly topic: string;
  readonly partition: number;
}

export interface PlacedOffset extends Place {
  readonly offset: number;
  readonly metadata: string | undefined;
}

/** Longest a read may wait: longer ones would outlast what is between client and service. */
const MAX_WAIT_MS = 30_000;
const DEFAULT_WAIT_MS = 1_000;
const MAX_MIN_BYTES = 10_000_000;
/** An instance's name is a part of its address, and kept as long as the instance lives: no control characters, no halves of characters. */
const NAME = /^[^\p{Cc}\p{Cs}]{1,255}$/u;

/** `POST /consumers/{group}` (section 6.1): no body, null and `{}` mean the defaults. */
export function consumerOptions(body: unknown): ConsumerOptions {
  const members = membersOf(body ?? {}, CREATE);
  const word = (members.text('format') ?? 'binary').toLowerCase();
  const format = EMBEDDED_FORMATS.find((one) => one === word);
  if (format === undefined) throw refusal(422, 'Invalid format type.');
  const wanted = members.text('auto.offset.reset') ?? 'latest';
  const reset = RESETS.find((one) => one === wanted);
  if (reset === undefined) throw invalidConfiguration('auto.offset.reset', wanted);
  const commit = (members.text('auto.commit.enable') ?? 'true').trim().toLowerCase();
  if (commit !== 'true' && commit !== 'false') throw invalidConfiguration('auto.commit.enable', commit);
  const minBytes = members.integer('fetch.min.bytes') ?? -1;
  if (minBytes < -1 || minBytes > MAX_MIN_BYTES) {
    const rule = minBytes < -1 ? 'at least -1' : `no more than ${MAX_MIN_BYTES}`;
    throw refusal(
      40_001,
      `Invalid consumer configuration. It does not abide by the constraints: Invalid value ${minBytes} for configuration fetch.min.bytes: Value must be ${rule}`,
      422,
    );
  }
  const timeoutMs = members.integer('consumer.request.timeout.ms') ?? DEFAULT_WAIT_MS;
  const name = members.text('name') ?? members.text('id');
  if (name !== undefined && !NAME.test(name)) {
    throw refusal(
      42_204,
      `Invalid consumer configuration: name and id take 1 to 255 characters without control characters; this has ${name.length}.`,
    );
  }
  return {
    name,
    format,
    reset,
    autoCommit: commit === 'true',
    minBytes,
    timeoutMs: Math.min(Math.max(0, timeoutMs), MAX_WAIT_MS),
  };
}

function invalidConfiguration(name: string, value: string): Error {
  return refusal(42_204, `Invalid consumer configuration: Invalid value ${value} for configuration ${name}`);
}

/** What to read: topics win over a pattern; neither changes nothing. */
export function subscriptionOf(body: unknown): { readonly topics?: readonly string[]; readonly pattern?: string } {
  const members = membersOf(body ?? {}, new Set(['topics', 'topic_pattern']));
  const topics = members.list('topics');
  if (topics !== undefined) return { topics: topics.map(topicOf) };
  const pattern = members.text('topic_pattern');
  return pattern === undefined ? {} : { pattern };
}

function topicOf(topic: unknown): string {
  if (typeof topic !== 'string') throw badRequest('topics must be a list of texts.');
  return topic;
}

/** @throws 500 without a list, as the reference. */
export function placesOf(body: unknown): readonly Place[] {
  const partitions = membersOf(body ?? {}, new Set(['partitions'])).list('partitions');
  if (partitions === undefined) throw unhandled();
  return partitions.map((given) => placeOf(membersOf(given, PLACE, 'a partition')));
}

/** Offsets to commit; undefined: what was delivered. */
export function commitOf(body: unknown): readonly PlacedOffset[] | undefined {
  return membersOf(body ?? {}, new Set(['offsets']))
    .list('offsets')
    ?.map(offsetOf);
}

export interface Seek extends Place {
  readonly to: { readonly offset: number } | { readonly timestampMs: number };
}

/** `POST …/positions`. @throws 500 for a negative offset, as the reference. */
export function seeksOf(body: unknown): readonly Seek[] {
  const members = membersOf(body ?? {}, new Set(['offsets', 'timestamps']));
  const offsets = (members.list('offsets') ?? []).map((given): Seek => {
    const { topic, partition, offset } = offsetOf(given);
    if (offset < 0) throw unhandled();
    return { topic, partition, to: { offset } };
  });
  const times = (members.list('timestamps') ?? []).map((given): Seek => {
    const one = membersOf(given, TIME, 'a timestamp');
    return { ...placeOf(one), to: { timestampMs: one.required('timestamp', timestampOf(one.raw('timestamp'))) } };
  });
  return [...offsets, ...times];
}

function offsetOf(given: unknown): PlacedOffset {
  const members = membersOf(given, COMMIT, 'an offset');
  const offset = integerOf(members.raw('offset') ?? '', 'offset', Number.MAX_SAFE_INTEGER - 1);
  return { ...placeOf(members), offset: members.required('offset', offset), metadata: members.text('metadata') };
}

function placeOf(members: Members): Place {
  return {
    topic: members.required('topic', members.text('topic')),
    partition: members.integer('partition') ?? 0,
  };
}
