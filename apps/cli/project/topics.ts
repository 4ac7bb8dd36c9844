import { milliseconds } from '../settings/durations.js';
import type { ProjectTopic } from './project-file.js';

/** A topic as the service takes it (`POST /v1/topic-changes:plan`). */
export interface DeclaredTopic {
  readonly name: string;
  readonly partitions?: number;
  readonly config: Readonly<Record<string, string>>;
  readonly protected?: boolean;
}

/** What becomes of a topic, as the service tells it. */
export interface PlannedTopic {
  readonly topic: string;
  readonly outcome: 'new' | 'set' | 'unchanged' | 'refused' | 'failed' | 'not-tried';
  readonly partitions: number;
  readonly settings: readonly { readonly name: string; readonly before: string | null; readonly after: string }[];
  readonly protect: boolean | null;
  readonly refusal: { readonly code: string; readonly message: string; readonly hint: string | null } | null;
}

/** The service's plan of topics. */
export interface TopicsPlan {
  readonly blockers: readonly string[];
  readonly restsOn: readonly object[];
  readonly topics: readonly PlannedTopic[];
}

/** The topic of a project file as the service takes it. */
export function declaredTopic({ name, partitions, retention, protect, config = {} }: ProjectTopic): DeclaredTopic {
  return {
    name,
    ...(partitions === undefined ? {} : { partitions }),
    config: {
      ...(retention === undefined ? {} : { 'retention.ms': retentionMs(retention) }),
      ...Object.fromEntries(Object.entries(config).map(([key, value]) => [key, String(value)])),
    },
    ...(protect === undefined ? {} : { protected: protect }),
  };
}

/** `7d` as the setting has it; `unlimited` is -1 there. */
export function retentionMs(retention: string): string {
  return retention === 'unlimited' ? '-1' : String(Math.round(milliseconds(retention, 'retention')));
}

/** In words: what is done to it. */
export function topicChangeText({ partitions, outcome, settings, protect }: PlannedTopic): string {
  return [
    ...(outcome === 'new' ? [`${partitions} partition${partitions === 1 ? '' : 's'}`] : []),
    ...settings.map(({ name, before, after }) => `${name} ${before === null ? '' : `${before} → `}${after}`),
    ...(protect === null ? [] : [protect ? 'protected' : 'no longer protected']),
  ].join(', ');
}
