import type { DerivationDefinition } from './derivation.js';

/** A latest stream remembers an ended key for so long unless told otherwise; its tombstones stay as long. */
export const LATE_HORIZON_MS = 86_400_000;

/** Where records go that a derivation has no place for, under a policy `dlq`. */
export const deadLettersOf = (definition: Pick<DerivationDefinition, 'name'>): string => `${definition.name}.dlq`;

/** Where records go that came late, under the policy `topic`. */
export const lateRecordsOf = (definition: Pick<DerivationDefinition, 'name'>): string => `${definition.name}.late`;

/** The topics beside its target that a derivation may write. */
export function topicsBeside(
  definition: Pick<DerivationDefinition, 'name' | 'nullKeys' | 'onConflict' | 'late'>,
): string[] {
  return [
    ...(definition.nullKeys === 'dlq' || definition.onConflict === 'dlq' ? [deadLettersOf(definition)] : []),
    ...(definition.late === 'topic' ? [lateRecordsOf(definition)] : []),
  ];
}

/** What a target keeps: of a latest stream the last record of each key, tombstones as long as a late record is looked out for; of a versioned one everything. */
export function settingsOf({
  kind,
  lateHorizonMs,
}: Pick<DerivationDefinition, 'kind' | 'lateHorizonMs'>): Record<string, string> {
  return kind === 'latest'
    ? { 'cleanup.policy': 'compact', 'delete.retention.ms': String(lateHorizonMs ?? LATE_HORIZON_MS) }
    : { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' };
}
