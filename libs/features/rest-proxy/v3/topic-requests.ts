import { isJsonObject } from '#libs/core/kernel';
import { topicNameFault } from '#libs/core/log';
import { badRequest, refusal } from '../errors.js';
import { integerOf, membersOf, type Members } from '../json-members.js';

const CREATE = new Set([
  'topic_name',
  'partitions_count',
  'replication_factor',
  'replicas_assignments',
  'configs',
  'validate_only',
]);
const CONFIG = new Set(['name', 'value']);
const ALTERATION = new Set(['name', 'value', 'operation']);
const ALTER = new Set(['data', 'validate_only']);

/** A topic to make; what is undefined is the broker's to choose. */
export interface NewTopic {
  readonly name: string;
  readonly partitions: number | undefined;
  readonly replicationFactor: number | undefined;
  /** Brokers of each partition, by partition. */
  readonly assignments: readonly (readonly number[])[] | undefined;
  readonly config: Readonly<Record<string, string>>;
  readonly validateOnly: boolean;
}

/** `POST /topics` (section 3.2). @throws 42206 without a body or for a name that is none, 422, 400. */
export function newTopicOf(body: unknown): NewTopic {
  requireBody(body);
  const members = membersOf(body, CREATE);
  const name = members.required('topic_name', members.text('topic_name'));
  if (topicNameFault(name) !== undefined) throw refusal(42_206, 'Payload error. Invalid topic name.');
  const partitions = members.integer('partitions_count');
  const replicationFactor = members.integer('replication_factor');
  const assignments = assignmentsOf(members);
  const config: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const given of members.list('configs') ?? []) {
    const entry = membersOf(given, CONFIG, 'a config');
    const key = entry.required('name', entry.text('name'));
    const value = entry.text('value');
    if (value === undefined) throw refusal(40_002, `Null value not supported for topic configs: ${key}`);
    config[key] = value;
  }
  const validateOnly = members.flag('validate_only') ?? false;
  if (partitions !== undefined && partitions < 1)
    throw refusal(40_002, 'Number of partitions was set to an invalid non-positive value.');
  if (replicationFactor !== undefined && replicationFactor < 1)
    throw refusal(40_002, 'Replication factor must be larger than 0.');
  return { name, partitions, replicationFactor, assignments, config, validateOnly };
}

/** `{"0": [1], "1": [2, 1]}`: every partition from 0 on. */
function assignmentsOf(members: Members): NewTopic['assignments'] {
  const given = members.raw('replicas_assignments');
  if (given === undefined || given === null) return undefined;
  if (!isJsonObject(given)) throw badRequest('replicas_assignments must be an object of lists.');
  const byPartition = new Map<number, readonly number[]>();
  for (const [key, brokers] of Object.entries(given)) {
    const partition = /^[0-9]{1,6}$/.test(key) ? Number(key) : undefined;
    if (partition === undefined || !Array.isArray(brokers))
      throw badRequest('replicas_assignments must be an object of lists, by partition.');
    byPartition.set(
      partition,
      brokers.map((broker) => integerOf(broker, 'a broker') ?? 0),
    );
  }
  if (byPartition.size === 0) return undefined;
  return Array.from({ length: byPartition.size }, (_, partition) => {
    const brokers = byPartition.get(partition);
    if (brokers === undefined) throw refusal(40_002, 'Partitions should be a consecutive 0-based integer sequence.');
    return brokers;
  });
}

/** `PATCH /topics/{topic}`. */
export function partitionsCountOf(body: unknown): number {
  requireBody(body);
  const members = membersOf(body, new Set(['partitions_count']));
  return members.required('partitions_count', members.integer('partitions_count'));
}

/** `PUT …/configs/{name}`: the value, null for null. */
export function configValueOf(body: unknown): string | null {
  requireBody(body);
  return membersOf(body, new Set(['value'])).text('value') ?? null;
}

/** Settings to change, and whether only to look at them. */
export interface Alteration {
  /** By name; undefined returns a setting to its default, null was sent for a value. */
  readonly changes: ReadonlyMap<string, string | null | undefined>;
  readonly validateOnly: boolean;
}

/** `POST …/configs:alter` (section 3.4). */
export function alterationOf(body: unknown): Alteration {
  requireBody(body);
  const members = membersOf(body, ALTER);
  const changes = new Map<string, string | null | undefined>();
  for (const given of members.required('data', members.list('data'))) {
    const entry = membersOf(given, ALTERATION, 'an entry of data');
    const name = entry.required('name', entry.text('name'));
    const operation = entry.word('operation', ['SET', 'DELETE']) ?? 'SET';
    if (changes.has(name)) throw refusal(40_002, `${name} is altered twice.`);
    changes.set(name, operation === 'DELETE' ? undefined : (entry.text('value') ?? null));
  }
  return { changes, validateOnly: members.flag('validate_only') ?? false };
}

/** @throws 42206: no body, an empty one, or `null`. */
export function requireBody(body: unknown): void {
  if (body === undefined || body === null) throw emptyBody();
}

export function emptyBody(): Error {
  return refusal(42_206, 'Payload error. Request body is empty. Data is required.');
}
