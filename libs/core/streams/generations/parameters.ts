import type { JsonObject } from '#libs/core/kernel';
import type { PartitionerSpec } from '#libs/core/log';
import type { VerificationLevel } from '../verify/verification.js';

/**
 * What may happen to groups whose positions have no exact translation. `exact`: the plan is blocked, naming them. `drain`: the cutover waits, with writers
 * held, until they have read everything, or is undone. `duplicates`: they read some records again, as many as announced.
 */
export type GroupMode = 'exact' | 'drain' | 'duplicates';

/** One generation of the topic. */
export interface GenerationSide {
  readonly physical: string;
  readonly generation: number;
  readonly partitions: number;
  /** Where the keys of new records come from, null: from the writers. */
  readonly keyExpression: string | null;
  /** How the keys of new records are placed, null: by the default partitioner. Undefined: for a source the same, for a target as for the source. */
  readonly partitioner?: PartitionerSpec | null;
}

/** What every operation works with that puts a new generation in the place of another; a kind adds its own. Resolved against the topic as it was when the plan was made. */
export interface GenerationParameters {
  /** Where the topic is when the operation begins. */
  readonly cluster: string;
  /** Where the new generation is, when that is another cluster. */
  readonly targetCluster?: string;
  /** Logical name. */
  readonly topic: string;
  /** The name that the topic gets, where that is another. */
  readonly targetTopic?: string;
  readonly source: GenerationSide;
  readonly target: GenerationSide;
  readonly verification: VerificationLevel;
  readonly groups: GroupMode;
  /** Names of the groups that come along; null or undefined: all that keep positions on the topic. */
  readonly carried?: readonly string[] | null;
  readonly maxPauseMs: number;
  /** The old side is kept current after the switch by a copy back; only where the kind has a router back. */
  readonly reverseTail: boolean;
  /** Explicit settings the new generation has in the end. */
  readonly config: Readonly<Record<string, string>>;
  /** Topic for records that rules send there, null when no rule does. */
  readonly deadLetters: string | null;
  /** Records are parked. `leave`: the name may move while some are. `lettered`: alone, as dead letters that can be redriven. Null or undefined: none are. */
  readonly parking?: { readonly leave: boolean; readonly lettered: boolean } | null;
  /** Nobody has to ask for the cutover; one that was undone for what is parked is made again by itself once that is redriven. */
  readonly automatic?: boolean;
  /** The source partitions are merged by time, each waited for so long while it has nothing new; null or undefined: they are copied side by side. */
  readonly merge?: { readonly idleMs: number } | null;
  /** What the routers of the kind remember is kept in topics of the operation, there and back. Only where copies are merged. */
  readonly remembers?: boolean;
}

export function parametersToJson(parameters: GenerationParameters): JsonObject {
  return JSON.parse(JSON.stringify(parameters)) as JsonObject;
}

/** The cluster of the new generation. */
export function targetClusterOf({ cluster, targetCluster }: GenerationParameters): string {
  return targetCluster ?? cluster;
}

/** The name that the topic has on the new side. */
export function targetTopicOf({ topic, targetTopic }: GenerationParameters): string {
  return targetTopic ?? topic;
}

/** The parameters of a stored operation, which {@link parametersToJson} wrote. */
export function parametersFromJson(json: JsonObject): GenerationParameters {
  return json as unknown as GenerationParameters;
}
