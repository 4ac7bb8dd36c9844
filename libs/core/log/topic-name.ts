import { invalidTopicName } from './errors.js';
import { isReservedName } from './generation.js';

/** Longest name, as in Kafka; the ending of a generation counts. */
export const MAX_TOPIC_NAME = 249;

/** Names that begin with it belong to the log itself. */
export const INTERNAL_PREFIX = '__';

export function isInternalTopic(name: string): boolean {
  return name.startsWith(INTERNAL_PREFIX);
}

/** Why a text cannot be the name of any topic, undefined when it can. */
export function topicNameFault(name: string): string | undefined {
  if (name.length === 0) return 'it is empty';
  if (name.length > MAX_TOPIC_NAME) return `it has ${name.length} characters, more than ${MAX_TOPIC_NAME}`;
  if (name === '.' || name === '..') return 'it would name a directory';
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) return 'it has characters that topic names cannot have';
  return undefined;
}

/** @throws `invalid-topic-name`. Internal names and generations pass: see {@link checkUserTopicName} for names users give. */
export function checkTopicName(name: string): void {
  const fault = topicNameFault(name);
  if (fault !== undefined) throw invalidTopicName(name, fault);
}

/**
 * The existing topic that a new name could be confused with: one that differs in case only, or in dot against underscore only (Kafka's
 * metric names write both as underscore). The name itself is no twin.
 */
export function twinOf(name: string, existing: Iterable<string>): string | undefined {
  const folded = fold(name);
  for (const other of existing) if (other !== name && fold(other) === folded) return other;
  return undefined;
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll('.', '_');
}

/** @throws `invalid-topic-name` when the name has a twin among the existing ones. */
export function checkNoTwin(name: string, existing: Iterable<string>): void {
  const twin = twinOf(name, existing);
  if (twin !== undefined) throw invalidTopicName(name, `it would be confused with topic '${twin}'`);
}

/**
 * Checks a name that a user gives to a new topic: the rules of every topic name, none of the log's own names, none of the names kept for generations, and
 * no twin among `existing`. Whether it exists already is left to the engine.
 * @throws `invalid-topic-name`.
 */
export function checkUserTopicName(name: string, existing: Iterable<string> = []): void {
  checkTopicName(name);
  if (isInternalTopic(name))
    throw invalidTopicName(name, `names that begin with '${INTERNAL_PREFIX}' are reserved for the log itself`);
  if (isReservedName(name))
    throw invalidTopicName(name, "names that end with '--g' and a number are reserved for generations");
  checkNoTwin(name, existing);
}
